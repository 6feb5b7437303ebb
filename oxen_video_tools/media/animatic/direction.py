"""A prompt's words → how the shot is drawn. Pure and deterministic."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Direction:
    """slug: "EXT. COAST — DUSK".  seed: of everything in the drawing that is left to chance."""

    prompt: str
    size: str
    size_label: str
    move: str
    move_label: str
    slug: str
    seed: int


def direct(prompt: str, index: int = 0, seed: int = 0, before: Direction | None = None) -> Direction:
    digest = hashlib.sha256(f"{seed}|{index}|{prompt}".encode("utf-8", "replace")).digest()
    return Direction(
        prompt, "WS", "WIDE", "static", "LOCKED OFF", f"SHOT {index + 1}", int.from_bytes(digest[:8], "big")
    )


def direct_all(prompts: list[str], seed: int = 0) -> list[Direction]:
    """Each shot in turn: what a prompt leaves out, the shot before it tells."""
    found: list[Direction] = []
    for index, prompt in enumerate(prompts):
        found.append(direct(prompt, index, seed, found[-1] if found else None))
    return found
