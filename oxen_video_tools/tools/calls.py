"""What a language model's call means if it is not written in our words. One reader for LangChain and MCP.

What can mean one thing is read, and said in a note; what a client adds for itself is left aside with a note; the rest
is refused in words that a model can obey. On a tool that spends, a word about money, limits, takes, approval or dry
runs is read as ours or refused, never left aside.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..catalog.dimensions import lines, ratio
from ..catalog.findings import listing
from ..redaction import visible

SPENDING = ("generate_video", "make_stills")
REQUESTS = ("plan_video", *SPENDING)
MOST_NAMED = 6  # names that are left aside and told
LONGEST_NAME = 40  # characters of a name that are repeated
NOTHING: tuple[Any, ...] = (None, "", "null", "None", "none", [], {})

# Other names for our words, by the tools that have them. Case, blanks, dots, hyphens and underscores do not count.
_REQUEST = {
    "prompt": "text description input_text video_prompt user_prompt text_prompt caption",
    "multi_prompt": "shots scenes storyboard prompts shot_list multi_prompts multi_shot segments",
    "model": "model_id model_name engine",
    "duration": "seconds duration_seconds length length_seconds video_length duration_s duration_sec secs",
    "aspect_ratio": "ratio aspect orientation",
    "resolution": "res video_resolution target_resolution quality definition",
    "input_image": "reference_images images reference_image references image_urls reference_image_urls input_images "
    "input_image_url input_image_urls ref_images",
    "start_image": "image_url first_frame first_frame_image first_image start_frame image start_image_url init_image "
    "first_frame_url",
    "end_image": "last_frame last_frame_image last_image end_frame tail_image tail_image_url end_image_url",
    "input_video": "video_url video source_video video_urls input_video_url",
    "input_audio": "audio_url source_audio audio_file input_audio_url",
    "generate_audio": "audio sound with_audio enable_audio include_audio has_audio with_sound",
    "negative_prompt": "negative neg_prompt",
    "seed": "random_seed",
    "num_generations": "n num_videos count num_outputs number_of_videos batch_size samples num_samples num_images",
    "cast": "characters people",
    "max_cost_usd": "max_cost budget max_price max_budget cost_limit price_limit max_spend spend_limit budget_usd "
    "limit_usd max_usd max_cost_dollars spending_limit cost_cap max_cost_in_usd",
    "wait_seconds": "wait timeout wait_time max_wait timeout_seconds wait_s",
    "take": "take_number",
}
_IDS = "id ids video_id video_ids generation_id generation_ids job_id job_ids task_id task_ids request_id"
_MEDIA = f"{_IDS} url urls video_url video_urls path paths file files clips clip uri input_video"
OTHER_NAMES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(REQUESTS, _REQUEST),
    "get_video": {"generation_ids": f"{_IDS} videos video", "wait_seconds": _REQUEST["wait_seconds"]},
    "cancel_video": {"generation_id": f"{_IDS} videos video", "generation_ids": f"{_IDS} videos video"},
    "inspect_video": {"video": f"{_MEDIA} videos", "videos": f"{_MEDIA} video"},
    "save_video": {
        "videos": f"{_MEDIA} video",
        "filename": "file_name name output output_path save_as target",
        "wait_seconds": _REQUEST["wait_seconds"],
    },
    "list_videos": {
        "status": "state",
        "model": _REQUEST["model"],
        "since": "after from_date date since_date created_after",
        "limit": "n max count page_size max_results num top",
    },
    "find_video_models": {
        "query": "search q text keywords prompt search_query words",
        "needs": "need requirements filters capabilities features",
        "model": f"{_REQUEST['model']} id",
    },
}
STATES = {
    **dict.fromkeys(("done", "complete", "completed", "finished", "success", "successful", "ready"), "succeeded"),
    **dict.fromkeys(("running", "inprogress", "active", "generating", "started"), "processing"),
    **dict.fromkeys(("pending", "waiting"), "queued"),
    **dict.fromkeys(("canceled", "aborted", "stopped"), "cancelled"),
    **dict.fromkeys(("error", "errored", "failure"), "failed"),
    **dict.fromkeys(("all", "any", "*"), ""),
}
#: Words for the prompt: what a shot or a request says of its camera.
CAMERA = ("camera", "camera_motion", "camera_movement", "camera_move", "camera_angle", "shot_type", "lighting", "mood")
FIXED = ("camera_fixed", "fixed_camera", "static_camera")
SHOT = {
    "prompt": "text description scene content visual action caption shot video_prompt",
    "duration": _REQUEST["duration"] + " duration_in_seconds",
    "start_image": _REQUEST["start_image"],
    "take": "take_number",
}
DRY = ("dryrun", "simulate", "simulation", "planonly", "validateonly", "testrun", "estimateonly", "costonly")
_MONEY = re.compile(
    r"(max|min)?(costs?|prices?|budgets?|spend(ing)?|usd|dollars?|money|credits?|limits?|cap|ceiling|charges?"
    r"|pay(ment)?|billing|takes?|attempts?|versions?|variations?|variants?|retr(y|ies))"
)
_CONSENT = re.compile(r"approv|consent|confirm|authori[sz]e|force|autorun|^yes$|accept")
_PIXELS = re.compile(r"\s*(\d{3,5})\s*[x×*:]\s*(\d{3,5})\s*", re.I)
_SHAPES = {"vertical": "9:16", "portrait": "9:16", "horizontal": "16:9", "landscape": "16:9", "widescreen": "16:9"}
_SHAPES["square"] = "1:1"
_RATES = ("fps", "frame_rate", "frames_per_second")
_MONEY_SAID = re.compile(r"(?:(?:US)?\$|USD)?\s*(\d{1,9}(?:\.\d{1,9})?)\s*(?:USD|\$|dollars?)?", re.I)
_SECONDS_SAID = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*(?:s|secs?|seconds?)?\.?", re.I)
WHOLE = "whole seconds, such as 5"
SEED = (
    "use a whole number from 1 to the model's own maximum, or leave it out for a random one; "
    "a real 0 goes into model_parameters"
)


def bare(name: str) -> str:
    """`aspectRatio`, `aspect-ratio` and `Aspect Ratio` are one name."""
    return "".join(one for one in name.casefold() if one.isalnum())


def _by_bare(names: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for target, others in names.items():
        for one in others.split():
            found.setdefault(bare(one), []).append(target)
    return found


_TARGETS = {tool: _by_bare(names) for tool, names in OTHER_NAMES.items()}
_TARGETS_OF_A_SHOT = _by_bare(SHOT)


def shown(name: object) -> str:
    """A name that somebody else chose, short and harmless."""
    text = visible(str(name), lines=False)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


@dataclass
class Reading:
    """One call as it was understood.

    fields: the words that the tool takes here.
    settled: its words that are not the model's to say here.

    values: the arguments in the tool's own words.
    notes: everything that was read otherwise than it was written.
    aside: names that resemble none of ours.
    problems: what can't be read, each with what to write instead; such values are not among `values`.
    """

    tool: str
    fields: Collection[str]
    settled: Collection[str] = ()
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say it, once."""
        if text not in self.notes:
            self.notes.append(text)

    def refuse(self, text: str, word: str | None = None) -> None:
        """It can't be read; word: whose value that is."""
        self.problems.append(text)
        if word is not None:
            self.values.pop(word, None)

    def put(self, target: str, name: str, value: Any, *, as_said: str = "") -> None:
        """Take a value under our word. as_said: what the note says of it, where the name alone says too little."""
        if target not in self.fields:
            self.refuse(f"{shown(name)}: {target} is settled here and can't be changed. Leave it out.")
        elif self.values.get(target) in NOTHING:
            self.values[target] = value
            self.note(f"{shown(name)} was read as {target}{as_said}.")
        elif not _same(self.values[target], value):
            self.refuse(f"{shown(name)} and {target} say different things: give {target} alone.")


def read_call(tool: str, fields: Collection[str], given: Mapping[Any, Any], settled: Collection[str] = ()) -> Reading:
    """The arguments in the tool's own words.

    fields: the words that the tool takes here.
    settled: those that a developer or the environment has settled. Types are left to the argument model, which checks
    them.
    """
    reading = Reading(tool, fields, settled)
    others: dict[str, Any] = {}
    known = _clients_own(tool, given)
    for name, value in given.items():
        if name in fields:
            reading.values[name] = value
        elif name not in known:
            others[name] = value
    if tool in REQUESTS:
        _read_numbers_together(reading, others)
    for name, value in others.items():
        _read_other(reading, name, value)
    if tool in REQUESTS:
        _read_request(reading)
    elif tool == "list_videos":
        _read_status(reading)
    _read_ids(reading)
    if reading.aside:
        one, named = len(reading.aside) == 1, listing(reading.aside[:MOST_NAMED], "and")
        more = f" and {len(reading.aside) - MOST_NAMED} more" if len(reading.aside) > MOST_NAMED else ""
        own = " A parameter of the model's own goes into model_parameters." if tool in REQUESTS else ""
        told = "is no argument here and was" if one and not more else "are no arguments here and were"
        reading.note(f"{named}{more} {told} left aside.{own}")
    return reading


def _clients_own(tool: str, given: Mapping[Any, Any]) -> tuple[str, ...]:
    """What the client has put among the arguments; the model that called knows nothing of it, and is told nothing.

    Gemini CLI adds `wait_for_previous` to every tool. n8n writes the name by which it calls the tool, which ends with
    ours, and the call's id; that is no video's.
    """
    from_n8n = ("tool", "id", "toolCallId") if str(given.get("tool", "")).endswith(f"_{tool}") else ()
    return ("wait_for_previous", *from_n8n)


# -- names -------------------------------------------------------------------------------------------------------------


def _read_other(reading: Reading, name: str, value: Any) -> None:
    """An argument that is none of the tool's own, by its name."""
    said, spends = bare(str(name)), reading.tool in SPENDING
    if said in DRY and reading.tool in REQUESTS:
        _read_dry_run(reading, name, value)
        return
    if value in NOTHING:
        return
    if spends and _CONSENT.search(said):
        reading.refuse(
            f"{shown(name)} is no argument: consent is not given in a call. Leave it out; max_cost_usd says what may "
            "be spent, and a person is asked where that is needed."
        )
        return
    if reading.tool in REQUESTS and said in {*map(bare, CAMERA), *map(bare, FIXED)}:
        _add_to_prompt(reading, name, value)
        return
    target = _target(reading, said, value)
    if target is not None:
        _take(reading, target, name, value)
    elif name in reading.settled or said in map(bare, reading.settled):
        reading.refuse(f"{shown(name)} is settled here and can't be changed. Leave it out.")
    elif spends and _speaks_of_money(str(name)):
        reading.refuse(
            f"{shown(name)} is no argument of {reading.tool}. The most that may be spent is max_cost_usd (US dollars); "
            "another version is take=2. Leave anything else out."
        )
    else:
        _leave_aside(reading, name)


def _add_to_prompt(reading: Reading, name: str, value: Any) -> None:
    """What is said of the camera goes to the prompt, and for shots to the style, which is added to each of them."""
    words = _camera_words(name, value)
    word = "style" if reading.values.get("multi_prompt") not in NOTHING or "prompt" not in reading.fields else "prompt"
    before = reading.values.get(word)
    if words and word in reading.fields and (before in NOTHING or isinstance(before, str)):
        reading.values[word] = f"{_ended(before)} {words}" if isinstance(before, str) and before.strip() else words
    reading.note(f"{shown(name)} was added to the {word}.")


def _camera_words(name: str, value: Any) -> str:
    if bare(str(name)) in map(bare, FIXED):
        return "The camera is fixed." if str(value).strip().lower() in _YES else ""
    return f"{shown(name).replace('_', ' ').capitalize()}: {str(value).strip().rstrip('.')}."


def _speaks_of_money(name: str) -> bool:
    """Whether a name is about money, a limit or another version."""
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold())
    return any(_MONEY.fullmatch(one) for one in words)


def _target(reading: Reading, said: str, value: Any) -> str | None:
    """Our word for a name; None where it has none, or could have two."""
    words = (*reading.fields, *reading.settled)
    spelt = [word for word in words if bare(word) == said]
    if spelt:
        return spelt[0]
    if reading.tool in REQUESTS and (found := _by_value(said, value)):
        return found if found in words else None
    named = [one for one in _TARGETS.get(reading.tool, {}).get(said, ()) if one in words]
    if named:
        return named[0]
    if reading.tool == "plan_video" and said in _TARGETS["plan_video"]:
        return None
    near = difflib.get_close_matches(said, {bare(word): word for word in words}, n=2, cutoff=0.85)
    if len(near) == 1 and len(said) >= 4:
        return next(word for word in words if bare(word) == near[0])
    return None


def _by_value(said: str, value: Any) -> str | None:
    """Names that mean one thing or another by what they hold."""
    if said == "audio":
        return "input_audio" if isinstance(value, str) and value.strip().lower() not in _YES | _NO else "generate_audio"
    if said == "quality":
        text = str(value).strip().lower()
        return "resolution" if lines(text) or text.isdecimal() else "level" if text in _LEVELS else None
    several = isinstance(value, (list, tuple)) and len(value) > 1
    if several and said in ("image", "imageurl"):
        return "input_image"
    return None


_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
_LEVELS = ("draft", "standard", "best")


def _take(reading: Reading, target: str, name: str, value: Any) -> None:
    """Take a value under our word, in the shape that the word has."""
    if target == "max_cost_usd" and isinstance(value, str) and (said := _MONEY_SAID.fullmatch(value.strip())):
        value = said[1]
    one = target in ("start_image", "end_image", "input_video", "input_audio", "video", "generation_id", "filename")
    if one and isinstance(value, (list, tuple)):
        if len(value) != 1:
            what = f"{target} takes one, and {shown(name)} holds {len(value)}"
            reading.refuse(f"{what}: give one, or call once for each.")
            return
        value = value[0]
    if isinstance(value, Mapping) and (link := _link_in(value)) is not None:
        value = link
    as_said = f" ({value})" if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
    reading.put(target, name, value, as_said=as_said)


def _link_in(value: Mapping[Any, Any]) -> str | None:
    """`{"url": "…"}`, as some providers write media."""
    links = [value[key] for key in ("url", "uri", "generation_id", "id") if isinstance(value.get(key), str)]
    return links[0] if len(links) == 1 else None


def _read_dry_run(reading: Reading, name: str, value: Any) -> None:
    if reading.tool == "plan_video" or str(value).strip().lower() in {*_NO, "none", ""}:
        reading.note(f"{shown(name)} was left aside: plan_video spends nothing, generate_video spends.")
        return
    reading.refuse(
        f"{shown(name)}: {reading.tool} spends. For a check that is free call plan_video with the same arguments; "
        f"to spend, leave {shown(name)} out."
    )


def _leave_aside(reading: Reading, name: str) -> None:
    said = bare(str(name))
    if reading.tool == "plan_video" and said in ("waitseconds", *map(bare, _REQUEST["wait_seconds"].split())):
        return  # says nothing in a plan
    if said in ("animatic", "bodies") and reading.tool in SPENDING:
        reading.note(f"{said} is a word of plan_video, and was left aside.")
        return
    reading.aside.append(shown(name))


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other) or str(one).strip().casefold() == str(other).strip().casefold()
    except ValueError:  # a whole number with more digits than Python turns into text
        return False


# -- a request ---------------------------------------------------------------------------------------------------------


def _read_numbers_together(reading: Reading, others: dict[str, Any]) -> None:
    """Words that mean something only together: frames and their rate, width and height; and a size in pixels."""
    by_name = {bare(str(name)): name for name in others}
    frames = next((by_name[one] for one in ("numframes", "frames", "framecount") if one in by_name), None)
    rate = next((by_name[bare(one)] for one in _RATES if bare(one) in by_name), None)
    if frames is not None:
        count, fps = _number(others.pop(frames)), _number(others.pop(rate)) if rate is not None else None
        if count and fps and abs(count / fps - round(count / fps)) <= 0.1 and round(count / fps) >= 1:
            seconds = round(count / fps)
            reading.put("duration", frames, seconds, as_said=f": {count:g} frames at {fps:g} a second are {seconds} s")
        elif count:
            problem = f"{shown(frames)} alone says no length" if not fps else f"{count:g} frames at {fps:g} a second"
            reading.refuse(f"{problem}: give duration in {WHOLE}.")
    wide, high = by_name.get("width"), by_name.get("height")
    if wide is not None and high is not None:
        width, height = _number(others.pop(wide)), _number(others.pop(high))
        if width and height and width >= 64 and height >= 64:
            _read_pixels(reading, "width and height", int(width), int(height))
    for said in ("size", "imagesize", "videosize", "dimensions"):
        if said not in by_name:
            continue
        name = by_name[said]
        value = others.pop(name)
        if value in NOTHING:
            continue
        pixels = _PIXELS.fullmatch(str(value)) if isinstance(value, str) else None
        if pixels and min(int(pixels[1]), int(pixels[2])) >= 64:
            _read_pixels(reading, name, int(pixels[1]), int(pixels[2]))
        elif isinstance(value, str) and (ratio(value) or bare(value) in _SHAPES):
            reading.put("aspect_ratio", name, value)
        elif isinstance(value, (str, int)) and (lines(str(value)) or str(value).isdecimal()):
            reading.put("resolution", name, str(value))
        else:
            reading.refuse(f'{shown(name)}: give aspect_ratio ("16:9") and resolution ("1080p") instead.')


def _read_pixels(reading: Reading, name: str, width: int, height: int) -> None:
    """A size in pixels is a shape and a number of lines."""
    shape, high = _shape_of(width, height), f"{min(width, height)}p"
    for word, value in (("aspect_ratio", shape), ("resolution", high)):
        if word not in reading.fields and word not in reading.settled:
            continue
        before = reading.values.get(word)
        if before in NOTHING or _PIXELS.fullmatch(str(before)):
            reading.values[word] = value
        elif not _same(before, value) and lines(str(before)) != min(width, height):
            reading.refuse(f"{shown(name)} and {word} say different things: give {word} alone.")
    told = shape if "resolution" not in reading.fields else f"{shape} and {high}"
    reading.note(f"{shown(name)} {width}x{height} was read as {told}.")


def _shape_of(width: int, height: int) -> str:
    """The ratio that people write for a size in pixels: 1920x1080 is 16:9, and so is 854x480."""
    wide = width / height
    for told in ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21", "3:2", "2:3", "4:5", "5:4"):
        if math.isclose(ratio(told) or 0, wide, rel_tol=0.01):
            return told
    exact = Fraction(width, height)
    return f"{exact.numerator}:{exact.denominator}"


def _read_request(reading: Reading) -> None:
    values = reading.values
    for word in ("start_image", "end_image", "input_video", "input_audio"):
        value = values.get(word)
        if isinstance(value, (list, tuple)) and len(value) == 1:
            value = values[word] = value[0]
        if isinstance(value, Mapping) and (link := _link_in(value)):
            values[word] = link
            reading.note(f"{word} was read as its link.")
    _read_shape(reading)
    _read_length(reading)
    if "multi_prompt" in values:
        values["multi_prompt"] = _read_shots(reading, values["multi_prompt"])
    for name in ("num_generations", "take", "max_cost_usd", "wait_seconds"):
        if isinstance(values.get(name), bool):
            reading.refuse(f"{name}={str(values[name]).lower()}: give a number, or leave it out.", name)
    money = values.get("max_cost_usd")
    if isinstance(money, str) and (said := _MONEY_SAID.fullmatch(money.strip())):
        values["max_cost_usd"] = said[1]
    _read_seed(reading)


def _read_seed(reading: Reading) -> None:
    seed = reading.values.get("seed")
    number = _number(seed)
    if isinstance(seed, bool) or (number is not None and (number < 0 or number != int(number))):
        reading.refuse(f"seed={shown(seed)}: {SEED}.", "seed")
    elif number == 0 and all(reading.values.get(one) != 0 for one in ("duration", "num_generations")):
        reading.note("seed=0 means no seed; a real 0 goes into model_parameters.")


def _read_shape(reading: Reading) -> None:
    """`vertical`, `9x16`, `1920x1080`, `1080`, `HD`."""
    values = reading.values
    for word in ("aspect_ratio", "resolution"):
        value = values.get(word)
        if isinstance(value, int) and not isinstance(value, bool):
            value = values[word] = str(value)
        pixels = _PIXELS.fullmatch(value) if isinstance(value, str) else None
        if pixels and min(int(pixels[1]), int(pixels[2])) >= 64:
            _read_pixels(reading, word, int(pixels[1]), int(pixels[2]))
    shape, high = values.get("aspect_ratio"), values.get("resolution")
    if isinstance(shape, str) and (named := _SHAPES.get(shape.strip().lower())):
        reading.note(f"aspect_ratio {shown(shape.strip())} was read as {named}.")
        values["aspect_ratio"] = named
    elif isinstance(shape, str) and (sides := re.fullmatch(r"\s*(\d{1,2})\s*[x×/]\s*(\d{1,2})\s*", shape, re.I)):
        values["aspect_ratio"] = f"{sides[1]}:{sides[2]}"
        reading.note(f"aspect_ratio {shown(shape.strip())} was read as {values['aspect_ratio']}.")
    if isinstance(high, str) and re.fullmatch(r"\s*\d{3,4}\s*", high):
        values["resolution"] = f"{high.strip()}p"
        reading.note(f"resolution {high.strip()} was read as {values['resolution']}.")
    elif isinstance(high, str) and (named_lines := lines(high)) and not high.strip().lower().endswith(("p", "k")):
        values["resolution"] = f"{named_lines}p"
        reading.note(f"resolution {shown(high.strip())} was read as {named_lines}p.")


def _read_length(reading: Reading) -> None:
    value = reading.values.get("duration")
    if value in NOTHING:
        return
    seconds = _seconds(value)
    if seconds is None:
        reading.refuse(f"duration={shown(value)}: {_whole(value)}.", "duration")
    else:
        reading.values["duration"] = seconds


def _whole(value: Any) -> str:
    number = _number(value)
    if number is not None and number > 0 and math.isfinite(number) and number != int(number):
        near = sorted({max(1, math.floor(number)), math.ceil(number)})
        return f"whole seconds, such as {listing(near)}"
    return WHOLE


def _seconds(value: Any) -> int | None:
    """Whole seconds; 0 where none are given; None for what is no whole number of seconds."""
    number = _number(value)
    if number is None or not math.isfinite(number) or number < 0 or number != int(number):
        return None
    return int(number)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if abs(value) < 10**15 else None
    said = _SECONDS_SAID.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(said[1]) if said else None


# -- shots -------------------------------------------------------------------------------------------------------------


def _read_shots(reading: Reading, value: Any) -> Any:
    """Shots as strings, as `{"shots": […]}`, as JSON text, as lines, or as they should be."""
    value = _from_json(value)
    if isinstance(value, str) and value.strip() in NOTHING:
        return []
    if isinstance(value, Mapping):
        inner = [key for key in value if bare(str(key)) in ("shots", "scenes", "multiprompt", "prompts", "storyboard")]
        if len(inner) == 1 and len(value) == 1:
            value = _from_json(value[inner[0]])
            reading.note(f"multi_prompt was read from its {shown(inner[0])}.")
        else:
            value = [value]
    if isinstance(value, str):
        rows = [one for line in value.splitlines() if (one := line.strip(" \t-*•"))]
        reading.note(f"multi_prompt was read as {len(rows)} shot{'s' * (len(rows) != 1)}, one a line.")
        value = [re.sub(r"^\d{1,3}\s*[.):]\s*", "", row) for row in rows]
    if not isinstance(value, (list, tuple)):
        return value
    return [_read_shot(reading, shot, number) for number, shot in enumerate(value, 1)]


def _from_json(value: Any) -> Any:
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _read_shot(reading: Reading, shot: Any, number: int) -> Any:
    shot = _from_json(shot)
    if isinstance(shot, str):
        reading.note("Shots written as texts were read as their prompts.")
        return {"prompt": shot}
    if not isinstance(shot, Mapping):
        return shot
    from ..request import Shot

    fields = Shot.model_fields.keys()
    values = {str(name): value for name, value in shot.items() if name in fields}
    extra: list[str] = []
    for name, value in shot.items():
        if name in fields or value in NOTHING:
            continue
        said = bare(str(name))
        words = [word for word in fields if bare(word) == said]
        targets = words or [one for one in _TARGETS_OF_A_SHOT.get(said, ()) if one in fields]
        if targets and values.get(targets[0]) in NOTHING:
            values[targets[0]] = value
            reading.note(f"In shots {shown(name)} was read as {targets[0]}.")
        elif said in {*map(bare, CAMERA), *map(bare, FIXED)}:
            extra.append(_camera_words(str(name), value))
            reading.note(f"In shots {shown(name)} was added to the prompt.")
        elif said == "style" and isinstance(value, str):
            extra.append(f"{value.strip().rstrip('.')}.")
            reading.note("In shots style was added to the prompt.")
        elif _speaks_of_money(str(name)) and reading.tool in SPENDING:
            reading.refuse(f"Shot {number}: {shown(name)} is no word of a shot. Give max_cost_usd for the call.")
        elif said not in ("shot", "shotnumber", "number", "index", "id", "name", "title"):
            reading.note(f"In shots {shown(name)} is no word of ours, and was left aside.")
    if extra and isinstance(values.get("prompt"), str):
        values["prompt"] = " ".join([_ended(values["prompt"]), *filter(None, extra)])
    length = values.get("duration")
    if length not in NOTHING:
        seconds = _seconds(length)
        if seconds is None:
            del values["duration"]
            reading.refuse(f"Shot {number}: duration={shown(length)}: {_whole(length)}.")
        else:
            values["duration"] = seconds
    return values


def _ended(prompt: str) -> str:
    prompt = prompt.strip()
    return prompt if not prompt or prompt.endswith((".", "!", "?", "…")) else f"{prompt}."


# -- the other tools ---------------------------------------------------------------------------------------------------


def _read_status(reading: Reading) -> None:
    status = reading.values.get("status")
    meant = STATES.get(bare(status) or status.strip()) if isinstance(status, str) else None
    if meant is not None:
        reading.values["status"] = meant
        reading.note(f"status {shown(status)} was read as {meant or 'all'}.")


def _read_ids(reading: Reading) -> None:
    """Ids as objects of an earlier answer: `{"generation_id": "…"}`; one in a list where one is taken."""
    for word in ("generation_ids", "generation_id", "videos", "video"):
        if word not in reading.fields or word not in reading.values:
            continue
        value = _from_json(reading.values[word])
        items = list(_links(value))
        if items and items != value:
            one = word in ("generation_id", "video")
            if one and len(items) > 1:
                reading.refuse(f"{word} takes one: call once for each.")
            reading.values[word] = items[0] if one else items


def _links(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, (list, tuple)) else [value]:
        link = _link_in(item) if isinstance(item, Mapping) else None
        yield item if link is None else link
