"""Numbers that Oxen's pages state in prose (`x-limits` in a schema): how many, how long, from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .words import refused


def limit_problem(properties: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    """What is over a limit, in the hub's words. Sizes of media files are not looked at."""
    for name, schema in properties.items():
        limits = schema.get("x-limits")
        if limits and body.get(name) is not None:
            words = _of_one(body[name], limits) or _of_all(properties, body, limits)
            if words:
                return refused(name, words)
    return None


def _of_one(value: Any, limits: Mapping[str, Any]) -> str | None:
    if isinstance(value, str) and len(value) > limits.get("max_characters", len(value)):
        return f"String should have at most {limits['max_characters']} characters"
    if isinstance(value, list):
        if len(value) > limits.get("max_items", len(value)):
            return f"List should have at most {limits['max_items']} items after validation, not {len(value)}"
        if len(value) < limits.get("min_items", 0):
            return f"List should have at least {limits['min_items']} items after validation, not {len(value)}"
    if "prose_range" in limits and isinstance(value, (int, float)):
        least, most = limits["prose_range"]
        if not least <= value <= most:
            return f"Input should be between {least} and {most}"
    return None


def _of_all(properties: Mapping[str, Any], body: Mapping[str, Any], limits: Mapping[str, Any]) -> str | None:
    """Limits that several parameters share."""
    for key, count in _SHARED.items():
        if key not in limits:
            continue
        most = _most(key, limits, body)
        sharing = [name for name, schema in properties.items() if key in schema.get("x-limits", {})]
        total = sum(count(body[name]) for name in sharing if isinstance(body.get(name), list))
        if total > most:
            return f"At most {most} references in all, not {total}"
    return None


def _most(key: str, limits: Mapping[str, Any], body: Mapping[str, Any]) -> int:
    beside_video = limits.get(f"{key}_with_input_video")
    return int(beside_video if beside_video is not None and body.get("input_video") else limits[key])


def _images(items: list[Any]) -> int:
    """An element counts for each of its pictures."""
    return sum(1 + len(item.get("reference_image_urls") or ()) if isinstance(item, dict) else 1 for item in items)


_SHARED = {"max_total_references": len, "max_total_images_and_elements": len, "max_total_images": _images}
