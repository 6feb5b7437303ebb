"""The models of one reading of the list."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from ..hub.records import VideoModel
from .known import Known


@lru_cache(maxsize=1)
def _snapshot() -> Mapping[str, VideoModel]:
    raw = json.loads(files(__package__).joinpath("snapshot.json").read_text("utf-8"))
    return {model.id: model for model in map(VideoModel.parse, raw["data"])}


class Models(Mapping[str, Known]):
    """Models by id. `live`: whether they were read from the hub; else they are the bundled ones."""

    def __init__(self, known: Mapping[str, Known], *, live: bool) -> None:
        self._known = dict(known)
        self.live = live

    @classmethod
    def of(cls, listed: Sequence[VideoModel]) -> Models:
        """The live list; what it leaves out is filled in from the snapshot."""
        bundled = _snapshot()
        known = {}
        for model in listed:
            own = model.request_schema is not None
            spare = bundled[model.id].request_schema if model.id in bundled else None
            known[model.id] = Known(model, live=True, schema=model.request_schema or spare, schema_live=own)
        return cls(known, live=True)

    @classmethod
    def bundled(cls) -> Models:
        """The snapshot that comes with the package."""
        return cls({name: Known(model, schema=model.request_schema) for name, model in _snapshot().items()}, live=False)

    def __getitem__(self, model_id: str) -> Known:
        return self._known[model_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def known(self, model_id: str) -> Known:
        """The model; one that is not listed is known by its id alone."""
        return self._known.get(model_id) or Known(VideoModel(model_id, model_id, outputs=("video",)), listed=False)

    def closest(self, model_id: str) -> list[str]:
        """Ids that look like it, best first."""
        return difflib.get_close_matches(model_id, self._known, n=3, cutoff=0.5)

    def search(self, query: str | None = None, needs: Sequence[str] = ()) -> list[Known]:
        """Models by words, best first."""
        words = (query or "").lower().split()
        return [
            known
            for known in self._known.values()
            if all(word in f"{known.id} {known.model.name} {known.model.description or ''}".lower() for word in words)
        ]
