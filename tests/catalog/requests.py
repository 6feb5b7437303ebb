"""Random requests and bodies, from a seed: the space that translation, checks and the sandbox are held against."""

from __future__ import annotations

import random
from typing import Any

from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.request import VideoRequest

LINK = "https://media.example/{}"
WORDS = ("A red balloon rises", "Wide shot: a bird takes off", "@Image1 waves at @Image2", "Image 1 dances", "x" * 600)
ASPECTS = ("16:9", "9:16", "1:1", "4:3", "21:9", "landscape", "portrait", "square", "auto", "adaptive", "16x9", "7:5")
RESOLUTIONS = ("480p", "720p", "720P", "1080P", "2k", "4K", "2160p", "standard", "square_hd", "huge", "auto")
SECONDS = (-1, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 16, 20, 30, 45, 2.5)


def request(chance: random.Random, model: str | None = None) -> VideoRequest:
    """A request in the common words, each there or not."""
    words: dict[str, Any] = {"model": model}

    def maybe(word: str, value: Any, odds: float = 0.3) -> None:
        if chance.random() < odds:
            words[word] = value

    maybe("prompt", chance.choice(WORDS), 0.85)
    maybe("multi_prompt", _shots(chance), 0.15)
    maybe("duration", chance.choice(SECONDS), 0.5)
    maybe("aspect_ratio", chance.choice(ASPECTS))
    maybe("resolution", chance.choice(RESOLUTIONS))
    maybe("start_image", LINK.format("start.png"))
    maybe("end_image", LINK.format("end.png"), 0.2)
    maybe("input_image", [LINK.format(f"ref{n}.png") for n in range(chance.choice((1, 1, 2, 3, 9, 12)))])
    maybe("input_video", LINK.format("clip.mp4"))
    maybe("input_audio", LINK.format("song.mp3"), 0.2)
    maybe("generate_audio", chance.random() < 0.6)
    maybe("negative_prompt", chance.choice(("blur", "y" * 600)), 0.15)
    maybe("seed", chance.choice((1, 42, 2**31, -5)), 0.2)
    maybe("num_generations", chance.choice((1, 2, 4, 5)), 0.15)
    return VideoRequest(**words)


def _shots(chance: random.Random) -> list[dict[str, Any]]:
    shots: list[dict[str, Any]] = []
    for _ in range(chance.choice((1, 2, 3, 5))):
        shot: dict[str, Any] = {"prompt": chance.choice(WORDS)}
        if chance.random() < 0.8:
            shot["duration"] = chance.choice((1, 2, 3, 5, 5, 5, 8, 15, 16))
        shots.append(shot)
    return shots


def body(chance: random.Random, known: ModelInfo) -> dict[str, Any]:
    """A body in the model's own words, right or wrong."""
    made: dict[str, Any] = {"model": known.id}
    for name, parameter in known.parameters.items():
        if chance.random() < (0.93 if parameter.required else 0.35):
            made[name] = _value(chance, name, parameter)
    if chance.random() < 0.1:
        made["multi_prompt"] = _shots(chance)
    return made


def _value(chance: random.Random, name: str, parameter: Any) -> Any:
    if chance.random() < 0.08:
        return chance.choice((None, "", [], {}, -1, 10**9, 0.3, "nonsense", True, ["a"], [{}], [1]))
    if parameter.enum:
        return chance.choice(parameter.enum)
    if "multi_prompt" in name:
        return _shots(chance)
    if parameter.is_list:
        link = LINK.format(name)
        item: Any = link
        if parameter.items is not None and "object" in parameter.items.types:
            item = {key: link for key in parameter.items.spec.get("properties", {"url": {}}) if not key.endswith("s")}
        return [item] * chance.choice((0, 1, 2, 3, 5, 10, 12))
    if parameter.is_flag:
        return chance.random() < 0.5
    if parameter.is_number:
        least, most = parameter.span
        low, high = least if least is not None else -3, most if most is not None else 50
        number = chance.uniform(low - 1, high + 1) if chance.random() < 0.3 else chance.uniform(low, high)
        return round(number) if "integer" in parameter.types and chance.random() < 0.95 else number
    if "object" in parameter.types:
        return {"x": 1}
    return chance.choice(WORDS) if name == "prompt" else LINK.format(name)
