"""What both paid endpoints check before a job is taken (Oxen docs, async queue: Validation)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..answers import Refusal, model_not_found, typed, worded
from ..backlot import Backlot
from ..models import Model
from ..words import COUNT, TEXT_ONLY

_MOST = 4
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Order:
    """A request that may be taken. body: what each record will echo."""

    model: Model
    body: dict[str, Any]
    namespace: str
    count: int


def order(lot: Backlot, body: Mapping[str, Any], *, only: str | None = None) -> Order:
    """Raises the hub's refusal when the model, the count, the namespace or the credits are not in order.

    only: "video" or "image", for the routes that make but one of them.
    """
    model = _model(lot, body.get("model"), only)
    count = body.get("num_generations", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST:
        raise worded(400, COUNT)
    for name in ("target_namespace", "target_repo", "target_directory"):
        if not isinstance(body.get(name, ""), str):
            raise typed(400, "invalid_params", f"{name} must be a string")
    namespace = body.get("target_namespace") or lot.options.username
    if not is_ours(lot, namespace):
        raise typed(404, "resource_not_found", f"Namespace not found: {namespace}")
    if lot.credits_left is not None and lot.price(model, body) * count > lot.credits_left:
        raise typed(402, "insufficient_credits")
    return Order(model, {name: body[name] for name in body if name not in _NOT_ECHOED}, namespace, count)


_NOT_ECHOED = ("model", "num_generations")  # the record has `model_name`, and is one of them


def is_ours(lot: Backlot, namespace: str) -> bool:
    """Whether the account may keep results there and let it pay."""
    if namespace == lot.options.username:
        return True
    named = lot.options.namespaces
    return namespace in named if named is not None else _NAMESPACE.fullmatch(namespace) is not None


def _model(lot: Backlot, name: object, only: str | None) -> Model:
    if name is None or name == "":
        raise typed(400, "invalid_params", "model is required")
    model = lot.models.get(name) if isinstance(name, str) else None
    if model is None:
        raise model_not_found(name)
    if model.media_type is None or (only is not None and model.media_type != only):
        raise Refusal(415, {"error": {"detail": TEXT_ONLY}})
    return model
