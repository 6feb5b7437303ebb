"""The words of the common request (`request.py`), and where each has its place in a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .known import Known
    from .slots import Slot

# Every model takes these beside its own parameters (Oxen docs, video generation and async queue: Request Parameters).
OF_THE_HUB = ("model", "response_format", "num_generations", "target_namespace", "target_repo", "target_directory")
# These say who pays, for what and how often: never by way of `model_parameters`, where nobody looks.
NOT_A_PARAMETER = ("model", "prompt", "multi_prompt", "num_generations", "target_namespace", "response_format")

# Which slots a medium may go to, the best first.
ROLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "start_image": ("image", ("first_frame", "keyframes")),
    "end_image": ("image", ("last_frame", "keyframes")),
    "input_image": ("image", ("reference", "keyframes", "first_frame", "elements", "reference_face")),
    "input_video": ("video", ("source", "reference", "reference_face")),
    "input_audio": ("audio", ("driving_audio", "reference")),
}
MEDIA = tuple(ROLES)

# What the hub calls a word in models nobody here knows: names that its own pages and most models use.
AT_THE_HUB = {"start_image": "input_image", "end_image": "tail_image_url"}
BESIDE_PICTURES = "start_image_url"  # the first frame, where `input_image` holds references


def slots_for(known: Known, word: str) -> list[Slot]:
    """Where this medium may go, the best first."""
    kind, roles = ROLES[word]
    return [one for role in roles for one in known.slots if one.kind == kind and one.role == role]


def has_place(known: Known, word: str) -> bool:
    """Whether the model has a counterpart for a word of the request."""
    if word in ROLES:
        return bool(slots_for(known, word))
    frame = known.frame
    places: dict[str, Any] = {
        "prompt": known.takes("text"),
        "multi_prompt": known.multi_shot,
        "duration": known.length,
        "aspect_ratio": frame.aspect or frame.sizes or frame.in_pixels,
        "resolution": frame.resolution or frame.in_pixels,
        "generate_audio": known.sound,
    }
    return bool(places[word]) if word in places else word in known.parameters


def word_for(slot: Slot) -> str:
    """The word of the request that fills this slot; its own name where none does."""
    for word, (kind, roles) in ROLES.items():
        if slot.kind == kind and slot.role in roles and slot.role != "keyframes":
            return word
    return "input_image" if slot.role == "keyframes" else slot.name
