"""Numbers that Oxen's pages state in prose (`x-limits`): how many, how long, how large.

Counts and characters can be held against a body. Bytes, pixels and seconds of a medium can't: whoever has the file in
hand asks `unfit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .findings import Finding, Said
from .shapes import ratio

if TYPE_CHECKING:
    from .known import Known
    from .schema import Parameter

MEGABYTE = 1_000_000  # bytes


def over(known: Known, body: Mapping[str, Any], said: Said) -> Iterator[Finding]:
    """What in a body is over a limit."""
    told = set()
    for name, parameter in known.parameters.items():
        if parameter.limits and body.get(name) is not None:
            word = said.get(name, (name, None))[0]
            certain = parameter.certain and "x-limits-from" not in parameter.spec
            for text in _of_one(word, body[name], parameter.limits):
                yield Finding(text, certain, (name,))
            for text, fields in _of_all(known.parameters, body, parameter.limits):
                if text not in told:
                    yield Finding(text, certain, fields)
                told.add(text)


def _of_one(word: str, value: object, limits: Mapping[str, Any]) -> Iterator[str]:
    most = limits.get("max_characters")
    if isinstance(value, str) and isinstance(most, int) and len(value) > most:
        yield f"{word} has {len(value)} characters: use at most {most}."
    if isinstance(value, list):
        most, least = limits.get("max_items"), limits.get("min_items")
        if isinstance(most, int) and len(value) > most:
            yield f"{word} has {len(value)} items: use at most {most}."
        if isinstance(least, int) and len(value) < least:
            yield f"{word} has {len(value)} items: use at least {least}, or leave it out."
    span = limits.get("prose_range")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and isinstance(span, list) and len(span) == 2 and not span[0] <= value <= span[1]:
        yield f"{word}={value}: use {span[0]} to {span[1]}."


def _of_all(
    parameters: Mapping[str, Parameter], body: Mapping[str, Any], limits: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Limits that several parameters share."""
    for key, count in _SHARED.items():
        if key not in limits:
            continue
        beside_video = limits.get(f"{key}_with_input_video")
        most = beside_video if beside_video is not None and body.get("input_video") else limits[key]
        sharing = [name for name, one in parameters.items() if key in one.limits and isinstance(body.get(name), list)]
        total = sum(count(body[name]) for name in sharing)
        if isinstance(most, int) and total > most:
            yield f"{' and '.join(sharing)} hold {total} references in all: use at most {most}.", tuple(sharing)


def _images(items: Sequence[Any]) -> int:
    """An element counts for each of its pictures."""
    return sum(1 + len(item.get("reference_image_urls") or ()) if isinstance(item, dict) else 1 for item in items)


_SHARED: Mapping[str, Callable[[Sequence[Any]], int]] = {
    "max_total_references": len,
    "max_total_images_and_elements": len,
    "max_total_images": _images,
}


def unfit(
    limits: Mapping[str, Any],
    *,
    size: int | None = None,
    width: int | None = None,
    height: int | None = None,
    seconds: float | None = None,
    fps: float | None = None,
) -> list[str]:
    """What is wrong with a medium itself, for a `MediaPlace.limits`. size: bytes; width, height: pixels.

    Empty where it fits, and for what is not known. These limits are prose on Oxen's pages: a misfit is a warning.
    """
    found = []
    most = limits.get("max_file_mb")
    if size is not None and most and size > most * MEGABYTE:
        found.append(f"{size / MEGABYTE:.1f} MB: at most {most} MB")
    if seconds is not None:
        shortest, longest = limits.get("media_seconds", (limits.get("min_seconds"), None))
        found += _outside(seconds, shortest, longest, "s")
    if width and height:
        found += _unfit_picture(limits, width, height)
    slowest = limits.get("min_fps_exclusive")
    if fps is not None and slowest and fps <= slowest:
        found.append(f"{fps:g} frames per second: more than {slowest}")
    return found


def _unfit_picture(limits: Mapping[str, Any], width: int, height: int) -> list[str]:
    short, long = sorted((width, height))
    least, most = limits.get("side_px", (limits.get("min_side_px"), None))
    found = _outside(short, limits.get("min_short_side_px", least), None, "pixels")
    found += _outside(long, None, limits.get("max_long_side_px", most), "pixels")
    above = limits.get("min_short_side_px_exclusive")
    if above and short <= above:
        found.append(f"{short} pixels on the short side: more than {above}")
    exact = limits.get("exact_px")
    if exact and f"{width}x{height}" not in exact:
        found.append(f"{width}x{height}: exactly {' or '.join(exact)}")
    if limits.get("exact_height") and height != limits["exact_height"]:
        found.append(f"{height} pixels high: exactly {limits['exact_height']}")
    shapes = [ratio(one) for one in limits.get("media_aspect", ())]
    if len(shapes) == 2 and shapes[0] and shapes[1] and not shapes[0] <= width / height <= shapes[1]:
        found.append(f"{width}x{height}: an aspect ratio from {' to '.join(limits['media_aspect'])}")
    return found


def _outside(value: float, least: float | None, most: float | None, unit: str) -> list[str]:
    if least is not None and value < least:
        return [f"{value:g} {unit}: at least {least:g} {unit}"]
    return [f"{value:g} {unit}: at most {most:g} {unit}"] if most is not None and value > most else []
