"""The cast of a request: which pictures of whom go into which parameter of a model, and how its prompt names them.

Models keep a face, a coat or a place in different ways: elements, reference pictures, parameters for real faces, the
first frame, or words alone. Which ways a model has is derived from its parameters; numbers that only its page states
are data (`documented.json`: cast). A member is only put into a body whose prompt names it, because any other picture
would influence every shot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .body_builder import Addressed, address_of, reference_style
from .findings import listing

if TYPE_CHECKING:
    from ..request import Member, VideoRequest
    from .body_builder import BodyBuilder
    from .catalog import ModelList
    from .model_info import ModelInfo
    from .schema import MediaParameter

HeldBy = Literal["elements", "reference pictures", "face pictures", "first frame", "words"]
MOST = 8  # members of a cast
EACH = 4  # pictures of one member that are sent at most
_ROLES: Mapping[str, HeldBy] = {
    "elements": "elements",
    "reference": "reference pictures",
    "reference_face": "face pictures",
    "first_frame": "first frame",
    "keyframes": "first frame",
}
_SHARED = ("max_total_images_and_elements", "max_total_images", "max_total_references")


@dataclass(frozen=True)
class Means:
    """One way to keep a member the same.

    address: how a prompt names the n-th such picture, `{n}` for its number; None if unknown.
    most: how many pictures or elements are allowed; None if unknown.
    """

    held_by: HeldBy
    slot: MediaParameter = field(repr=False)
    address: str | None
    most: int | None


@dataclass(frozen=True)
class Holding:
    """All ways in which a model can keep a cast the same.

    means: the best first.
    most_in_all: how many pictures all `means` together may take; None if unknown.
    beside_first_frame: whether pictures of the cast go together with a first frame in one request.
    """

    means: tuple[Means, ...]
    most_in_all: int | None
    beside_first_frame: bool

    @property
    def best(self) -> HeldBy:
        """The best means; "words" where there is none."""
        return self.means[0].held_by if self.means else "words"

    @property
    def rank(self) -> int:
        """0 is best: first frame and references together, then references, then a first frame, then words."""
        if any(one.held_by not in ("first frame", "words") for one in self.means):
            return 0 if self.beside_first_frame else 1
        return 2 if self.means else 3


@dataclass(frozen=True)
class Held:
    """How one member is held.

    pictures: those that are sent.
    address: what the prompt calls it, where it does.
    """

    name: str
    held_by: HeldBy
    pictures: tuple[str, ...] = field(default=(), repr=False)
    address: str | None = None


def holding(info: ModelInfo, *, with_video: bool = False) -> Holding:
    """How a model can keep a cast the same. with_video: whether the request has a source video as well."""
    means = [
        Means(_ROLES[role], slot, _address(info, slot), slot.most) for role in _ROLES for slot in _slots(info, role)
    ]
    first = next((one.slot for one in means if one.held_by == "first frame"), None)
    pictures = [one.slot for one in means if one.held_by != "first frame"]
    together = first is not None and bool(pictures) and not _excluded(info, first, pictures)
    return Holding(tuple(means), _most_in_all(info, with_video), together)


def _slots(info: ModelInfo, role: str) -> list[MediaParameter]:
    return [one for one in info.slots if one.kind == "image" and one.role == role]


def _address(info: ModelInfo, slot: MediaParameter) -> str | None:
    if slot.role == "elements":
        return reference_style(info, "element")
    return reference_style(info, "image") if slot.role in ("reference", "reference_face") else None


def _excluded(info: ModelInfo, first: MediaParameter, pictures: Sequence[MediaParameter]) -> bool:
    """Whether a rule forbids a first frame together with pictures of the cast."""
    names = {one.name for one in pictures}
    for rule in info.rules:
        if rule.told["rule"] == "excludes":
            sides = set(rule.told.get("fields", ())), set(rule.told.get("with", ()))
            for one, other in (sides, sides[::-1]):
                if first.name in one and names & other:
                    return True
    return False


def _most_in_all(info: ModelInfo, with_video: bool) -> int | None:
    told = info.page.get("cast", {})
    limits = [told, *(one.parameter.limits for one in info.slots if one.kind == "image")]
    found = []
    for one in limits:
        for key in _SHARED:
            beside = one.get(f"{key}_with_input_video") if with_video else None
            most = beside if beside is not None else one.get(key)
            if isinstance(most, int):
                found.append(most)
    return min(found, default=None)


# -- into a body -----------------------------------------------------------------------------------------------------


def cast_problems(cast: Sequence[Member]) -> list[str]:
    """Problems of a cast that do not depend on the model, each with its fix."""
    found = []
    if len(cast) > MOST:
        found.append(
            f"cast has {len(cast)} members: use at most {MOST}, those that must be recognised from shot to shot."
        )
    seen: set[str] = set()
    for member in cast:
        if member.name.casefold() in seen:
            found.append(f"cast: {member.name} is there twice. Give each member a name of its own.")
        seen.add(member.name.casefold())
        if not member.look and not member.images:
            found.append(
                f"cast: {member.name} has neither look nor images, and is not kept. Say what {member.name} looks like, "
                "or show it."
            )
    return found


def named_in(cast: Sequence[Member], *texts: str | None) -> list[Member]:
    """The members whose name stands in one of these texts."""
    return [member for member in cast if any(_name(member).search(text) for text in texts if text)]


def cast_warnings(cast: Sequence[Member], prompts: Sequence[str]) -> list[str]:
    """Members that no shot names, and names in shots that are no members: looked at over the whole of a request."""
    found = []
    for member in cast:
        if not named_in([member], *prompts):
            where = "the prompt" if len(prompts) == 1 else "no shot"
            said = f"{where} does not name it" if len(prompts) == 1 else f"{where} names it"
            found.append(f"cast: {member.name} is not used: {said}. Write the name where {member.name} is seen.")
    if cast:
        strangers = _strangers(cast, prompts)
        if strangers:
            text = f"{listing(strangers, 'and')} {'is' if len(strangers) == 1 else 'are'} named, and not in the cast: "
            found.append(f"{text}each shot will show somebody else. Add a look or a picture.")
    return found


_PROPER = re.compile(
    r"(?<=[a-zäöüß,;] )([A-ZÄÖÜ][a-zäöüß]{2,})(?='s| (?:is|sits|stands|walks|runs|looks|turns|smiles|"
    r"says|waits|opens|takes|enters|leaves|and|with|comes|holds|laughs|cries|nods)\b)"
)


def _strangers(cast: Sequence[Member], prompts: Sequence[str]) -> list[str]:
    """Words that look like names of people who are not in the cast: inside a sentence, doing something."""
    words = {word.casefold() for member in cast for word in member.name.split()}
    found = [word for prompt in prompts for word in _PROPER.findall(prompt) if word.casefold() not in words]
    return list(dict.fromkeys(found))


@dataclass
class _Room:
    """How much of a parameter is left."""

    means: Means
    left: int

    def take(self, count: int) -> int:
        taken = min(count, self.left)
        self.left -= taken
        return taken


@dataclass
class Placed:
    """A cast in a body that is being built; `address` finishes it."""

    draft: BodyBuilder
    members: Sequence[Member]
    places: dict[str, list[Addressed]] = field(default_factory=dict)
    held_by: dict[str, HeldBy] = field(default_factory=dict)
    pictures: dict[str, tuple[str, ...]] = field(default_factory=dict)


def place(draft: BodyBuilder, cast: Sequence[Member]) -> Placed:
    """Put the pictures of the members that the prompts name into the body.

    The request's own pictures stay in front, so that its @Image1 keeps its meaning.
    """
    request = draft.request
    texts = [request.prompt, *(shot.prompt for shot in request.multi_prompt)]
    placed = Placed(draft, named_in(cast, *texts))
    info = draft.info
    has_video = any(one.kind == "video" and draft.body.get(one.name) for one in info.slots)
    all_means = holding(info, with_video=has_video)
    rooms = _rooms(draft, all_means)
    shared = all_means.most_in_all
    left = [shared - _count_pictures(draft, all_means)] if shared is not None else [10_000]
    for member in placed.members:
        placed.held_by[member.name] = _hold(placed, member, rooms, left)
    _second_pictures(placed, rooms, left)
    _write(placed)
    _fill_what_is_required(placed)
    _flag_faces(placed)
    _say_what_is_weak(placed, all_means)
    return placed


def _rooms(draft: BodyBuilder, all_means: Holding) -> list[_Room]:
    """The parameters that a cast may use here: pictures only where no first frame keeps them out."""
    info, body = draft.info, {**draft.body, **draft.passthrough}
    first = next((one.slot for one in all_means.means if one.held_by == "first frame"), None)
    starts = first is not None and bool(body.get(first.name))
    rooms = []
    for means in all_means.means:
        if means.held_by == "first frame" or means.slot.name in draft.passthrough:
            continue
        if starts and first is not None and _excluded(info, first, [means.slot]):
            continue
        used = body.get(means.slot.name)
        count = len(used) if isinstance(used, list) else int(bool(used))
        most = means.most if means.slot.many else 1
        rooms.append(_Room(means, max(0, (most if most is not None else 100) - count)))
    return rooms


def _count_pictures(draft: BodyBuilder, all_means: Holding) -> int:
    names = {one.slot.name for one in all_means.means if one.held_by != "first frame"}
    names |= {one.name for one in draft.info.slots if set(_SHARED) & one.parameter.limits.keys()}
    return sum(len(value) if isinstance(value, list) else 1 for name, value in draft.body.items() if name in names)


def _hold(placed: Placed, member: Member, rooms: Sequence[_Room], left: list[int]) -> HeldBy:
    """The best means with a place left for this member; nothing is written yet."""
    if member.images:
        for room in _in_order(rooms, member):
            if room.left and left[0]:
                element = room.means.held_by == "elements"
                room.take(1)
                left[0] -= 1
                placed.pictures[member.name] = tuple(member.images[: EACH if element else 1])
                placed.places[member.name] = [Addressed("cast", 0, room.means.slot, 0)]
                return room.means.held_by
    return "first frame" if placed.draft.request.start_image else "words"


def _in_order(rooms: Sequence[_Room], member: Member) -> list[_Room]:
    """Real faces go to the parameters that are made for them, and only they do."""
    faces = [room for room in rooms if room.means.held_by == "face pictures"]
    others = [room for room in rooms if room.means.held_by != "face pictures"]
    return [*faces, *others] if member.real_face and faces else others


def _second_pictures(placed: Placed, rooms: Sequence[_Room], left: list[int]) -> None:
    """More pictures of the same members, in turn, as far as there is room."""
    for number in range(1, EACH):
        for member in placed.members:
            places = placed.places.get(member.name)
            if not places or places[0].slot.role == "elements" or number >= len(member.images):
                continue
            room = next(one for one in rooms if one.means.slot is places[0].slot)
            if room.left and left[0]:
                room.take(1)
                left[0] -= 1
                placed.pictures[member.name] += (member.images[number],)


def _write(placed: Placed) -> None:
    draft = placed.draft
    for member in placed.members:
        places, pictures = placed.places.get(member.name), placed.pictures.get(member.name, ())
        if not places:
            continue
        slot = places[0].slot
        items = [_element(pictures)] if slot.role == "elements" else [_item(slot, one) for one in pictures]
        if not slot.many:
            draft.put(slot.name, items[0], "cast", member.name)
            continue
        own = draft.body.get(slot.name)
        before: list[Any] = list(own) if isinstance(own, list) else []
        draft.body[slot.name] = [*before, *items]
        draft.said.setdefault(slot.name, ("cast", "…"))
        placed.places[member.name] = [Addressed("cast", 0, slot, len(before) + n) for n in range(len(items))]


def _item(slot: MediaParameter, picture: str) -> Any:
    return picture if slot.item is None else {slot.item: picture}


def _element(pictures: Sequence[str]) -> dict[str, Any]:
    front, *others = pictures
    return {"frontal_image_url": front} | ({"reference_image_urls": others[: EACH - 1]} if others else {})


def _fill_what_is_required(placed: Placed) -> None:
    """A picture that the model requires is that of the first member who has one."""
    draft = placed.draft
    shown = next((member for member in placed.members if member.images), None)
    for slot in draft.info.slots:
        empty = (
            slot.required
            and slot.kind == "image"
            and slot.name not in draft.body
            and slot.name not in draft.passthrough
        )
        if not empty or shown is None or slot.role not in ("reference", "first_frame", "keyframes"):
            continue
        item = _item(slot, shown.images[0])
        draft.put(slot.name, [item] if slot.many else item, "cast", shown.name)
        if placed.held_by[shown.name] == "words":
            placed.held_by[shown.name] = _ROLES[slot.role]
            placed.places[shown.name] = [Addressed("cast", 0, slot, 0)]
            placed.pictures[shown.name] = (shown.images[0],)
        if slot.role in ("first_frame", "keyframes"):
            text = (
                f"The clip begins with the picture of {shown.name} itself, since {draft.info.id} needs a first frame."
            )
            draft.findings.warning(f"{text} stills=true begins it with a picture of the shot.")


def _face_flags(info: ModelInfo) -> dict[str, str]:
    """The flag that says a real face is in a picture (`input_image_has_face`), by the parameter of the picture."""
    named = {one.name: f"{one.name}_has_face" for one in info.slots if one.kind == "image"}
    return {slot: flag for slot, flag in named.items() if flag in info.parameters and info.parameters[flag].is_flag}


def _flag_faces(placed: Placed) -> None:
    """Say so where the first or last frame shows a member whose pictures show a real person."""
    draft = placed.draft
    real = [member for member in placed.members if member.real_face]
    for slot, flag in _face_flags(draft.info).items():
        if not draft.body.get(slot):
            continue
        own = {picture for member in placed.members if not member.real_face for picture in member.images}
        if real and draft.body[slot] not in own:
            draft.put(flag, True, "cast", listing([member.name for member in real], "and"))


def filter_advice(info: ModelInfo) -> str:
    """What a model has for real faces and content filters, for whom a filter refused; empty where it has nothing."""
    faces = [one.name for one in info.slots if one.role == "reference_face"] + list(_face_flags(info).values())
    filters = [name for name in info.parameters if "safety" in name]
    found = [f"{listing(faces, 'and')} for real faces, which real_face: true in cast sets"] if faces else []
    found += [f"{listing(filters, 'and')} in model_parameters"] if filters else []
    return f"{info.id} has {', and '.join(found)}." if found else f"{info.id} has no flag for faces or filters."


def _say_what_is_weak(placed: Placed, all_means: Holding) -> None:
    draft, info = placed.draft, placed.draft.info
    weak = [member.name for member in placed.members if placed.held_by[member.name] == "words"]
    if weak:
        full = any(one != "words" for one in placed.held_by.values()) and all_means.best not in ("words", "first frame")
        why = f"{info.id} has no room for more pictures" if full else _why_words(info, all_means)
        better = better_models(draft.models, info, draft.request) if draft.models else []
        instead = f" {listing(better)} would hold {'it' if len(weak) == 1 else 'them'} by pictures." if better else ""
        text = f"{listing(weak, 'and')} {'is' if len(weak) == 1 else 'are'} held by words alone: {why}."
        draft.findings.warning(text + instead)
    has_faces = any(one.held_by == "face pictures" for one in all_means.means) or any(
        draft.body.get(slot) for slot in _face_flags(info)
    )
    unsaid = [one.name for one in placed.members if one.images and one.real_face is None]
    if has_faces and unsaid:
        text = f"If the pictures of {listing(unsaid, 'and')} show a real person, say real_face: true, or {info.id}"
        draft.findings.warning(f"{text} may refuse them.")


def _why_words(info: ModelInfo, all_means: Holding) -> str:
    if all_means.best == "first frame":
        return f"{info.id} takes a first frame only, and there is none"
    if all_means.best == "words":
        return f"{info.id} takes no pictures"
    return "there is no picture"


def better_models(models: ModelList, info: ModelInfo, request: VideoRequest) -> list[str]:
    """A few models that hold a cast by pictures and can make the rest of the request."""
    bare = request.model_copy(update={"input_image": []})
    able = models.instead_of(info, "input_image", bare)
    return [name for name in able if holding(models[name]).rank <= 1]


# -- into the prompt -------------------------------------------------------------------------------------------------


def address(placed: Placed) -> tuple[Held, ...]:
    """Write the model's own names of the pictures where the members' names stand; answers how each is held.

    Where a model names no pictures, or holds a member by words or a first frame, the look stands there instead.
    """
    draft = placed.draft
    held = []
    for member in placed.members:
        places = placed.places.get(member.name, [])
        names = [name for one in places if (name := address_of(one, draft)) is not None]
        by = placed.held_by[member.name]
        told = " ".join(names)
        held.append(Held(member.name, by, placed.pictures.get(member.name, ()), told or None))
    _into_prompts(placed, {one.name: one for one in held})
    return tuple(held)


def _into_prompts(placed: Placed, held: Mapping[str, Held]) -> None:
    draft, info = placed.draft, placed.draft.info
    if isinstance(draft.body.get("prompt"), str):
        draft.body["prompt"] = _written(draft.body["prompt"], placed.members, held, info.most_characters)
    several = info.multi_shot
    if several is not None and isinstance(draft.body.get(several.name), list):
        shots = draft.body[several.name]
        draft.body[several.name] = [
            {**shot, several.prompt: _written(shot[several.prompt], placed.members, held, several.characters)}
            if isinstance(shot, dict) and isinstance(shot.get(several.prompt), str)
            else shot
            for shot in shots
        ]


def _written(prompt: str, members: Sequence[Member], held: Mapping[str, Held], limit: object) -> str:
    """All of it, else only at the first mention, else without looks: the fullest that is within the limit."""
    versions = [_version(prompt, members, held, *how) for how in ((True, True), (False, True), (False, False))]
    most = limit if isinstance(limit, int) else None
    return next((one for one in versions if most is None or len(one) <= most), versions[-1])


def _version(prompt: str, members: Sequence[Member], held: Mapping[str, Held], always: bool, looks: bool) -> str:
    for member in members:
        one = held[member.name]
        first = one.address or (member.look if looks else None)
        again = _first_address(one.address) if one.address and always else None
        prompt = _mentions(prompt, member, first, again)
    return prompt


def _first_address(told: str) -> str:
    """`Image 1` of `Image 1 Image 2`; `@Image1` of `@Image1 @Image2`."""
    found = re.match(r"\S+(?: \d+)?", told)
    return found[0] if found else told


def _mentions(prompt: str, member: Member, first: str | None, again: str | None) -> str:
    count = 0

    def told(_: re.Match[str]) -> str:
        nonlocal count
        count += 1
        said = first if count == 1 else again
        return f"{member.name} ({said})" if said else member.name

    return _name(member).sub(told, prompt)


def _name(member: Member) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@])@?{re.escape(member.name)}(?!\w)(?!\s*\()", re.UNICODE)
