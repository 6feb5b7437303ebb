"""What the sandbox charges. The rates are invented but plausible, and each says so in its `note`.

Four rates stand on Oxen's page of the Kling O3 Pro model ("Other Kling Models", August 2026); those are marked so.
Money is in US dollars.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

INVENTED = "Invented by the sandbox: not Oxen's price."
DOCUMENTED = "From Oxen's documentation of August 2026."

_DOCUMENTED = {
    "kling-video-v2-6-pro-text-to-video": 0.07,
    "kling-video-v2-6-pro-image-to-video": 0.07,
    "kling-video-o3-pro-reference-to-video": 0.224,
    "kling-video-o3-pro-video-to-video-edit": 0.336,
    "kling-video-v3-pro-motion-control": 0.168,
}
_UNTOLD = frozenset({"sam-3-video", "luma-ray-v3-2-reframe", "my-custom-model"})  # the hub's pricing may be null too
_HIGH = ("1080", "1440", "2160", "2k", "4k", "high")
_STEPS = {"360": 0.5, "480": 0.6, "540": 0.7, "720": 1, "768": 1, "1080": 1.6, "1440": 2, "2160": 3, "2k": 2, "4k": 3}
_UNPRICED_RATE = Decimal("0.10")
_IMAGE = 0.03


def pricing(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `pricing` object of a model as the list shows it; None for the few whose price is not told."""
    name = model["id"]
    output = model["capabilities"]["output"]
    if name in _UNTOLD:
        return None
    if "text" in output:
        return {"method": "token", "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "note": INVENTED}
    if "image" in output:
        return {"method": "per_image", "cost_per_image": _IMAGE, "note": INVENTED}
    rate = _DOCUMENTED.get(name) or _invented_rate(name)
    told: dict[str, Any] = {
        "method": "time" if name.startswith("wan-ai-") else "per_video_output_second",
        "cost_per_second": rate,
        "note": DOCUMENTED if name in _DOCUMENTED else INVENTED,
    }
    if name not in _DOCUMENTED:
        told |= _finer(model, rate)
    return told


def _invented_rate(name: str) -> float:
    """Between 0.05 and 0.30 dollars a second, always the same for the same model."""
    return (5 + hashlib.sha256(name.encode()).digest()[0] % 26) / 100


def _finer(model: Mapping[str, Any], rate: float) -> dict[str, Any]:
    """Rates by resolution and for sound, where the model has them."""
    properties = (model.get("request_schema") or {}).get("properties", {})
    resolutions = properties.get("resolution", {}).get("enum", [])
    steps = {value: step for value in resolutions if (step := _step(value)) is not None}
    finer: dict[str, Any] = {}
    if len(steps) > 2:
        finer["cost_per_second_by_resolution"] = {value: round(rate * step, 4) for value, step in steps.items()}
    elif any(_is_high(value) for value in resolutions):
        finer["cost_per_second_high_res"] = round(rate * 1.6, 4)
    if "generate_audio" in properties:
        finer["cost_per_second_with_audio"] = round(rate * 1.5, 4)
    return finer


def _step(resolution: str) -> float | None:
    return _STEPS.get(resolution.lower().removesuffix("p"))


def _is_high(resolution: object) -> bool:
    return str(resolution).lower().startswith(_HIGH)


def cost(told: Mapping[str, Any] | None, body: Mapping[str, Any], seconds: float) -> Decimal:
    """What one generation of `seconds` costs."""
    if told is None:
        return _UNPRICED_RATE * Decimal(str(seconds))
    if told["method"] == "per_image":
        return Decimal(str(told["cost_per_image"]))
    rate = told["cost_per_second"]
    resolution = body.get("resolution")
    by_resolution = {key.lower(): value for key, value in told.get("cost_per_second_by_resolution", {}).items()}
    if resolution is not None and str(resolution).lower() in by_resolution:
        rate = by_resolution[str(resolution).lower()]
    elif "cost_per_second_high_res" in told and _is_high(resolution):
        rate = told["cost_per_second_high_res"]
    if body.get("generate_audio") is True:
        rate = max(rate, told.get("cost_per_second_with_audio", rate))
    return (Decimal(str(rate)) * Decimal(str(seconds))).quantize(Decimal("0.0001"))
