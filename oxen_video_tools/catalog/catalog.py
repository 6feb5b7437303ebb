"""The list of models: the live one, cached for an hour and refreshed in the background; offline, the bundled one."""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, ValuesView
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING

from ..clock import Clock, SystemClock
from ..errors import NotInstalled, OxenError, Unusable
from ..hub.records import VideoModel
from . import schema
from .model_info import ModelInfo, has_place

if TYPE_CHECKING:
    from ..hub.records import VideoModel
    from ..request import VideoRequest
    from .search import Ranked


# The models of one reading of the list.

NAMED = 3  # alternatives that are named when a model lacks something


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


class ModelList(Mapping[str, ModelInfo]):
    """Video models by id, and beside them the `images` of the same reading.

    live: whether they were read from the hub; else they are the bundled ones.
    """

    def __init__(
        self, info: Mapping[str, ModelInfo], *, live: bool, images: Mapping[str, ModelInfo] | None = None
    ) -> None:
        self._known = dict(info)
        self.live = live
        self.images: ModelList = self if images is None else ModelList(images, live=live)
        self._with: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, listed: Sequence[VideoModel]) -> ModelList:
        """The live list; what it leaves out is filled in from the snapshot."""
        info = {model.id: ModelInfo(model, live=True, bundled=_bundled(model.id)) for model in listed}
        return cls(_videos(info), live=True, images=_images(info))

    @classmethod
    def bundled(cls) -> ModelList:
        """The snapshot that comes with the package."""
        info = {name: ModelInfo(model, bundled=model.request_schema) for name, model in _bundle().items()}
        return cls(_videos(info), live=False, images=_images(info))

    def __getitem__(self, model_id: str) -> ModelInfo:
        return self._known[model_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def values(self) -> ValuesView[ModelInfo]:
        """The models, without a look-up for each."""
        return self._known.values()

    def known(self, model_id: str) -> ModelInfo:
        """The model; of one that is not listed, what the snapshot and Oxen's pages say."""
        listed = self._known.get(model_id) or (None if self.images is self else self.images.get(model_id))
        if listed is not None:
            return listed
        spare = _bundle().get(model_id)
        if spare is not None:
            return ModelInfo(spare, listed=False, bundled=spare.request_schema)
        page = schema.page(model_id)
        name = page.get("display_name", model_id)
        return ModelInfo(VideoModel(model_id, name, outputs=("video",)), listed=False)

    def closest(self, model_id: str) -> list[str]:
        """Ids that look like it, best first."""
        words = [word for word in _parts(model_id) if len(word) > 2 and word not in _MODES]

        def likeness(name: str) -> tuple[float, float]:
            shared = sum(word in _parts(name) for word in words)
            return shared, difflib.SequenceMatcher(None, model_id.lower(), name).ratio()

        near = {name: likeness(name) for name in self._known}
        found = [name for name, (shared, ratio) in near.items() if shared or ratio >= 0.5]
        return sorted(found, key=lambda name: (-near[name][0], -near[name][1], name))[:NAMED]

    def meant(self, said: str, request: VideoRequest | None = None) -> str | None:
        """The listed model that these words name, whatever their case, blanks, dots and hyphens; None where that could
        be several. Of models that differ only in what they take (text, a first frame, references), the one is meant
        that goes with the media of the request.
        """
        if said in self._known:
            return said
        parts = _parts(said)
        named = [name for name in self._known if _parts(name) == parts]
        if len(named) == 1:
            return named[0]
        able = [name for name in self._known if _names(parts, _parts(name))]
        if len(able) > 1 and request is not None:
            from .selection import alternatives

            able = [name for name in able if not alternatives(self._known[name], request)] or able
            taken = "reference" if request.input_image else "image" if request.start_image else "text"
            others = {"reference", "image", "text"} - {taken}
            able = [name for name in able if not others & set(_parts(name))] or able
        able.sort(key=lambda name: _unsaid(parts, _parts(name)))
        nearest = [name for name in able if _unsaid(parts, _parts(name)) == _unsaid(parts, _parts(able[0]))]
        return nearest[0] if len(nearest) == 1 else None

    def taking(self, word: str) -> tuple[str, ...]:
        """Ids of the models with a place for a word of the request, those first that Oxen's pages put forward."""
        if word not in self._with:
            liked = schema.choices(word)
            found = [name for name, info in self._known.items() if has_place(info, word)]
            found.sort(key=lambda name: (liked.index(name) if name in liked else len(liked), name))
            self._with[word] = tuple(found)
        return self._with[word]

    def instead_of(self, info: ModelInfo, word: str, request: VideoRequest) -> list[str]:
        """A few models that have a parameter that this one lacks, and that take the rest of the request's media."""
        from .selection import alternatives

        others = [name for name in self.taking(word) if name != info.id]
        able = (name for name in others if not alternatives(self._known[name], request))
        return list(islice(able, NAMED)) or others[:NAMED]

    def search(self, query: str | None = None, needs: Sequence[str] = ()) -> Ranked:
        """Models by words and needs, best first. Needs filter, words rank; `note` says what could not be met."""
        from .search import search_models

        return search_models(self, query, needs)


_PARTS = re.compile(r"[a-z]+|\d+")
_MODES = frozenset(("text", "image", "reference", "video", "to", "v", "t", "i", "r"))


@lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, ...]:
    """Words and numbers of an id, or of how somebody calls a model: `kling 2.6 pro` → kling, 2, 6, pro."""
    return tuple(part for part in _PARTS.findall(name.lower()[:200]) if part != "v")


def _names(said: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Whether these words name a model: all of them stand in its id in their order, and its whole version is said."""
    rest = iter(parts)
    numbers = [part for part in parts if part.isdecimal()]
    whole = numbers == [part for part in said if part.isdecimal()] and bool(numbers)
    return whole and any(part.isalpha() for part in said) and all(part in rest for part in said)


def _unsaid(said: tuple[str, ...], parts: tuple[str, ...]) -> int:
    """How many words of an id were left out, but for those that say what a model takes."""
    return sum(part not in said and part not in _MODES for part in parts)


def _bundled(model_id: str) -> Mapping[str, object] | None:
    spare = _bundle().get(model_id)
    return spare.request_schema if spare else None


def _videos(info: Mapping[str, ModelInfo]) -> Mapping[str, ModelInfo]:
    return {name: one for name, one in info.items() if one.model.makes_video}


def _images(info: Mapping[str, ModelInfo]) -> Mapping[str, ModelInfo]:
    return {name: one for name, one in info.items() if one.model.makes_image}


log = logging.getLogger("oxen_video_tools.catalog")

TTL = 3600.0
RETRY_AFTER = 60.0  # seconds until a list that could not be read is asked for again


class Catalog:
    """The models: the live list, or the last one that could be read.

    fetch: reads the live list; without it only the bundled snapshot is used.
    ttl: seconds that a list counts as fresh. After that callers still get it at once, while one task reads it again.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Sequence[VideoModel]]] | None = None,
        *,
        clock: Clock | None = None,
        ttl: float = TTL,
    ) -> None:
        self._fetch = fetch
        self._clock: Clock = clock or SystemClock()
        self._ttl = ttl
        self._models: ModelList | None = None
        self._fresh_until = float("-inf")
        self._reading: asyncio.Task[ModelList] | None = None

    async def models(self) -> ModelList:
        """The models. If the list can't be read, the last good one or the snapshot is returned; this never raises."""
        if self._models is not None and self._clock.monotonic() < self._fresh_until:
            return self._models
        if self._fetch is None:
            self._models, self._fresh_until = ModelList.bundled(), float("inf")
            return self._models
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
            self._reading.add_done_callback(_heard)
        if self._models is not None and self._models.live:
            return self._models
        return await asyncio.shield(self._reading)  # a caller that gives up must not cancel the reading for the others

    def at_hand(self) -> ModelList:
        """The models that were read last, or the bundled ones; sends no request."""
        return self._models or ModelList.bundled()

    async def _read(self) -> ModelList:
        assert self._fetch is not None
        try:
            listed = await self._fetch()
        except (NotInstalled, Unusable):  # nothing of this will work, and no list of another time hides it
            raise
        except OxenError as error:
            log.warning("The list of models can't be read (%s); going on with the last one.", error.kind)
            listed = ()
        if listed:
            self._models, lasts = ModelList.of(listed), self._ttl
        else:
            self._models, lasts = self._models or ModelList.bundled(), min(RETRY_AFTER, self._ttl)
        self._fresh_until = self._clock.monotonic() + lasts
        return self._models

    async def close(self) -> None:
        """Let go of a reading that is under way."""
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _heard(reading: asyncio.Task[ModelList]) -> None:
    """Log a background reading that failed unexpectedly; callers keep the last list."""
    error = None if reading.cancelled() else reading.exception()
    if error is not None:
        log.error("Reading the list of models failed.", exc_info=error)
