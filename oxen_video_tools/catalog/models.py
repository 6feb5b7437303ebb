"""The models of one reading of the list."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

from ..hub.records import VideoModel
from . import documented
from .known import Known
from .words import has_place

if TYPE_CHECKING:
    from ..request import VideoRequest

NAMED = 3  # models that are named when one lacks something


@lru_cache(maxsize=1)
def _bundle() -> Mapping[str, VideoModel]:
    raw = json.loads(files(__package__).joinpath("snapshot.json").read_text("utf-8"))
    return {model.id: model for model in map(VideoModel.parse, raw["data"])}


@lru_cache(maxsize=1)
def snapshot() -> Mapping[str, VideoModel]:
    """The bundled video models by id."""
    return {name: model for name, model in _bundle().items() if model.makes_video}


@lru_cache(maxsize=1)
def image_snapshot() -> Mapping[str, VideoModel]:
    """The bundled image models by id."""
    return {name: model for name, model in _bundle().items() if model.makes_image}


class Models(Mapping[str, Known]):
    """Video models by id, and beside them the `images` of the same reading.

    live: whether they were read from the hub; else they are the bundled ones.
    """

    def __init__(self, known: Mapping[str, Known], *, live: bool, images: Mapping[str, Known] | None = None) -> None:
        self._known = dict(known)
        self.live = live
        self.images: Models = self if images is None else Models(images, live=live)
        self._with: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, listed: Sequence[VideoModel]) -> Models:
        """The live list; what it leaves out is filled in from the snapshot."""
        known = {model.id: Known(model, live=True, bundled=_bundled(model.id)) for model in listed}
        return cls(_videos(known), live=True, images=_images(known))

    @classmethod
    def bundled(cls) -> Models:
        """The snapshot that comes with the package."""
        known = {name: Known(model, bundled=model.request_schema) for name, model in _bundle().items()}
        return cls(_videos(known), live=False, images=_images(known))

    def __getitem__(self, model_id: str) -> Known:
        return self._known[model_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def known(self, model_id: str) -> Known:
        """The model; of one that is not listed, what the snapshot and Oxen's pages say."""
        listed = self._known.get(model_id)
        if listed is not None:
            return listed
        spare = _bundle().get(model_id)
        if spare is not None:
            return Known(spare, listed=False, bundled=spare.request_schema)
        page = documented.page(model_id)
        name = page.get("display_name", model_id)
        return Known(VideoModel(model_id, name, outputs=("video",)), listed=False)

    def closest(self, model_id: str) -> list[str]:
        """Ids that look like it, best first."""
        return difflib.get_close_matches(model_id, self._known, n=NAMED, cutoff=0.5)

    def taking(self, word: str) -> tuple[str, ...]:
        """Ids of the models with a place for a word of the request, those first that Oxen's pages put forward."""
        if word not in self._with:
            liked = documented.choices(word)
            found = [name for name, known in self._known.items() if has_place(known, word)]
            found.sort(key=lambda name: (liked.index(name) if name in liked else len(liked), name))
            self._with[word] = tuple(found)
        return self._with[word]

    def instead_of(self, known: Known, word: str, request: VideoRequest) -> list[str]:
        """A few models with a place for a word that this one has none for, and for the rest of the request's media."""
        from .choose import missing

        others = [name for name in self.taking(word) if name != known.id]
        able = (name for name in others if not missing(self._known[name], request))
        return list(islice(able, NAMED)) or others[:NAMED]

    def search(self, query: str | None = None, needs: Sequence[str] = ()) -> list[Known]:
        """Models by words and needs, best first. Needs must all be met; of the words, the more the better."""
        from .searching import found

        return found(self, query, needs)


def _bundled(model_id: str) -> Mapping[str, object] | None:
    spare = _bundle().get(model_id)
    return spare.request_schema if spare else None


def _videos(known: Mapping[str, Known]) -> Mapping[str, Known]:
    return {name: one for name, one in known.items() if one.model.makes_video}


def _images(known: Mapping[str, Known]) -> Mapping[str, Known]:
    return {name: one for name, one in known.items() if one.model.makes_image}
