"""HubClient: one method per endpoint of Oxen's hub. Bodies and filters are those of Oxen's API.

Every failure is an OxenError. Each call ends within `deadline` seconds, retries included.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from ..clock import Clock, SystemClock
from ..errors import HubUnavailable, InvalidRequest, ModelNotFound, NotFound
from ..redaction import visible
from ..settings import HUB, Settings
from . import records
from .records import Answer, Completion, Generation, HistoryPage, Listing, VideoModel, media_models
from .transport import LARGEST_INLINE, BeforeSend, Transport, default_user_agent
from .uploads import LocalFile, Workbench, account, commit, to_repository
from .url_guard import Resolve, check_url, is_reserved, resolve

if TYPE_CHECKING:
    import httpx

    from .downloads import Peeked

API = "/api/ai"
Generations = list[Generation]  # inside the class, `list` is the hub's
VideoModels = list[VideoModel]
LARGEST_RESULT = 4 * 2**30  # bytes


class HubClient:
    """Oxen's hub.

    api_key: bearer; goes over https or to a loopback hub only. Without it only the model list answers.
    deadline: seconds for each call, retries included; `generate` and `download` have their own.
    uploaded: asset paths by content hash, so that the same file is not sent twice; hand in a mapping to keep it.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str = HUB,
        deadline: float = 15.0,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        user_agent: str | None = None,
        uploaded: MutableMapping[str, str] | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self.transport = Transport(
            api_key=api_key,
            base_url=base_url,
            deadline=deadline,
            clock=clock or SystemClock(),
            inner=transport,
            user_agent=user_agent or default_user_agent(),
            resolve=resolve,
        )
        self._workbench = Workbench(self.transport, {} if uploaded is None else uploaded)

    @classmethod
    def of(cls, settings: Settings, **seams: Any) -> HubClient:
        """The client for these settings. seams: `deadline`, `clock`, `transport`, …"""
        return cls(**({"api_key": settings.api_key, "base_url": settings.base_url} | seams))

    def __repr__(self) -> str:
        return f"HubClient(base_url={self.base_url!r})"

    async def __aenter__(self) -> HubClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection. The client may be used again."""
        await self.transport.close()

    @property
    def base_url(self) -> str:
        """The hub's address, without a slash at its end."""
        return self.transport.base_url

    # -- making videos -------------------------------------------------------------------------------------------

    async def generate(
        self, body: Mapping[str, Any], *, timeout: float = 1200.0, before_send: BeforeSend | None = None
    ) -> Answer:
        """Make a video and wait for it. Paid: sent once. timeout: seconds for the whole call.

        before_send: awaited right before the first byte of each try. Raises the refusal's own error (nothing spent), or
        SubmissionUnclear if it is unknown whether the hub accepted the request.
        """

        return await self._make("videos/generate", body, "generate a video", timeout, before_send)

    async def generate_image(
        self, body: Mapping[str, Any], *, timeout: float = 300.0, before_send: BeforeSend | None = None
    ) -> Answer:
        """Make a picture of words and wait for it, usually 5 to 30 seconds. Paid, and raises, as `generate` does."""
        return await self._make("images/generate", body, "generate an image", timeout, before_send)

    async def edit_image(
        self, body: Mapping[str, Any], *, timeout: float = 300.0, before_send: BeforeSend | None = None
    ) -> Answer:
        """Make a picture of words and the pictures in `input_image`, and wait. Paid, and raises, as `generate` does."""
        return await self._make("images/edit", body, "edit an image", timeout, before_send)

    async def _make(
        self, path: str, body: Mapping[str, Any], what: str, timeout: float, before_send: BeforeSend | None
    ) -> Answer:
        def understand(payload: Any) -> Answer | None:
            answer = Answer.parse(payload, base_url=self.base_url)
            return answer if answer.videos or answer.images else None

        return await self.transport.pay(
            f"{API}/{path}",
            body,
            what=what,
            deadline=timeout,
            before_send=before_send,
            understand=understand,
            largest=LARGEST_INLINE,
        )

    async def enqueue(
        self, body: Mapping[str, Any], *, deadline: float | None = None, before_send: BeforeSend | None = None
    ) -> Generations:
        """Put one request into the queue: as many jobs as its `num_generations`. Paid: sent once.

        Only the model's existence, `num_generations`, the key and the credits are checked now; everything else when
        the job runs (Oxen docs, async queue: Validation). Raises as `generate` does.
        """
        return await self.transport.pay(
            f"{API}/queue",
            body,
            what="enqueue a generation",
            deadline=deadline,
            before_send=before_send,
            understand=lambda answer: [one.of_request(body) for one in self._generations(answer)] or None,
        )

    async def get(self, generation_id: str, *, deadline: float | None = None) -> Generation:
        """One job, whoever started it. Raises NotFound, which says the id."""
        try:
            payload = await self.transport.read(
                "GET",
                f"{API}/queue/{_segment(generation_id, NotFound)}",
                what=f"read generation {generation_id}",
                deadline=deadline,
            )
        except NotFound as error:
            if generation_id in error.message:
                raise
            told = f"No generation has the id {visible(generation_id[:60], lines=False)}."
            raise NotFound(told, status_code=error.status_code, generation_id=error.generation_id) from error.__cause__
        found = self._generations(payload)
        if not found:
            raise HubUnavailable(f"The hub answered no record of generation {generation_id}.", retry=False)
        return found[0]

    async def list(
        self,
        *,
        status: str | None = None,
        model: str | None = None,
        namespace: str | None = None,
        media_type: str | None = None,
        repo: str | None = None,
        folder: str | None = None,
        deadline: float | None = None,
    ) -> Listing:
        """Jobs of a namespace (your own unless named). Queued and processing ones unless `status` names a state."""
        filters = {
            "status": status,
            "model": model,
            "namespace": namespace,
            "media_type": media_type,
            "repo": repo,
            "folder": folder,
        }
        params = {name: value for name, value in filters.items() if value is not None}
        payload = await self.transport.read(
            "GET", f"{API}/queue", what="list the queue", params=params, deadline=deadline
        )
        found = records.listing(payload, base_url=self.base_url)
        found[:] = map(self._clean, found)
        return found

    async def cancel(self, generation_id: str) -> Generation:
        """Stop a job that is still active; a finished one stays as it is. Returns the job as it is afterwards."""
        path = f"{API}/queue/{_segment(generation_id, NotFound)}"
        try:
            await self.transport.read("DELETE", path, what=f"cancel generation {generation_id}")
        except InvalidRequest:  # some hubs say so where there is nothing left to cancel
            ended = await self.get(generation_id)
            if ended.is_active:
                raise
            return ended
        return await self.get(generation_id)

    async def history(self, page: int = 1, page_size: int = 50, *, namespace: str | None = None) -> HistoryPage:
        """What was made in a namespace (your own unless named), with its real cost in US dollars, which no
        other call returns. Pages are counted from 1.
        """
        params: dict[str, Any] = {"page": page, "page_size": page_size}
        if namespace is not None:
            params["namespace"] = namespace
        payload = await self.transport.read("GET", f"{API}/generations", what="read the history", params=params)
        found = HistoryPage.parse(payload, page=page, page_size=page_size, base_url=self.base_url)
        return replace(found, generations=tuple(map(self._clean, found.generations)))

    async def iter_history(
        self, *, namespace: str | None = None, page_size: int = 50, most: int = 20
    ) -> AsyncIterator[HistoryPage]:
        """Page after page of the history, to the last one (`is_last`), and at most so many."""
        for number in range(1, most + 1):
            page = await self.history(page=number, page_size=page_size, namespace=namespace)
            yield page
            if page.is_last:
                return

    def _generations(self, payload: Any) -> Generations:
        return [self._clean(one) for one in records.generations(payload, base_url=self.base_url)]

    def _clean(self, one: Generation) -> Generation:
        words = one.error_message
        return replace(one, error_message=self.transport.redacted(words)) if words else one

    def events(
        self, *, on_open: Callable[[], None] | None = None, on_break: Callable[[], None] | None = None
    ) -> AsyncGenerator[Completion, None]:
        """Completions as they happen, for as long as it is iterated; reconnects by itself.

        Only a hint: what happens while this is not connected is lost. on_open: called at each (re)connection, when it
        is time to look at the queue.
        on_break: called when one ends or can't be had.
        Raises Unauthenticated on 401 and 403.
        """
        from .events import completions

        return completions(self.transport, on_open=on_open, on_break=on_break)

    # -- models --------------------------------------------------------------------------------------------------

    async def models(self, *, deployment_status: str | None = None) -> VideoModels:
        """Every model that makes videos or pictures. Needs no key.

        deployment_status: "live" refreshes the state of your own models.
        """
        params = {"deployment_status": deployment_status} if deployment_status else None
        payload = await self.transport.read(
            "GET", f"{API}/models", what="list the models", params=params, needs_key=False
        )
        return media_models(payload)

    async def search(self, words: str) -> VideoModels:
        """Models of videos and pictures by words. Needs no key."""
        payload = await self.transport.read(
            "GET", f"{API}/models/search", what="search the models", params={"search": words}, needs_key=False
        )
        return media_models(payload)

    async def model(self, model_id: str) -> VideoModel:
        """One model. Raises ModelNotFound."""
        path = f"{API}/models/{_segment(model_id, ModelNotFound)}"
        try:
            payload = await self.transport.read("GET", path, what=f"read model {model_id}", needs_key=False)
        except NotFound as missing:
            raise ModelNotFound(f"Model not found: {model_id}", status_code=missing.status_code) from None
        return VideoModel.parse(payload)

    async def activate(self, model_id: str) -> Mapping[str, Any]:
        """Start a model of your own (billed while it runs). Returns the hub's answer."""
        return await self._switch(model_id, "activate")

    async def deactivate(self, model_id: str) -> Mapping[str, Any]:
        """Stop a model of one's own. Answers what the hub says."""
        return await self._switch(model_id, "deactivate")

    async def _switch(self, model_id: str, way: str) -> Mapping[str, Any]:
        path = f"{API}/models/{_segment(model_id, ModelNotFound)}/{way}"
        try:
            return records.mapping(await self.transport.write("POST", path, what=f"{way} model {model_id}"))
        except NotFound as missing:
            raise ModelNotFound(f"Model not found: {model_id}", status_code=missing.status_code) from None

    # -- files ---------------------------------------------------------------------------------------------------

    def hub_time(self, *, latest: bool = False) -> float | None:
        """What time it is at the hub, Unix seconds; None before its first answer. See `Transport.hub_time`."""
        return self.transport.hub_time(latest=latest)

    async def me(self) -> str:
        """The user name behind the key, which is also its namespace."""
        return (await account(self.transport)).username

    async def upload(
        self,
        path: str | Path | LocalFile,
        *,
        repo: str | None = None,
        branch: str = "main",
        directory: str = "inputs",
        deadline: float = 300.0,
    ) -> str:
        """A link under which a model can read the local file `path`: image to 30 MB, video to 50 MB, sound to 15 MB.
        A `LocalFile` was read and checked already.

        Private by default: the link is presigned and good for about an hour; the same content is sent only once.
        repo: "namespace/name" puts it into that versioned repository instead; others read it only where it is public.
        deadline: seconds for the upload. Raises InputUnreadable for what is no media or too large.
        """
        file = path if isinstance(path, LocalFile) else Path(path)
        if repo is not None:
            return await to_repository(
                self.transport, file, repo=repo, branch=branch, directory=directory, deadline=deadline
            )
        return await self._workbench.link(file, directory=directory, deadline=deadline)

    async def upload_private(self, file: LocalFile, *, directory: str = "films", deadline: float = 300.0) -> str:
        """Put a whole file into the account's private playground. Returns its place, for `private_link`.

        Raises the hub's refusal.
        """
        return await self._workbench.send(file, directory=directory, deadline=deadline)

    async def private_link(self, place: str) -> str:
        """A fresh presigned link, good for about an hour, to what `upload_private` put there. Raises NotFound."""
        return await self._workbench.renew(place)

    async def commit(
        self,
        repo: str,
        directory: str,
        files: Sequence[tuple[str, bytes, str]],
        *,
        message: str,
        branch: str = "main",
        deadline: float = 600.0,
    ) -> str:
        """Several files (name, content, media type) into a directory of the repository "namespace/name", as one commit.

        Returns the address of the directory. A missing repository is created, private.
        """
        how: dict[str, Any] = {"branch": branch, "message": message, "deadline": deadline}
        return await commit(self.transport, repo=repo, directory=directory, files=files, **how)

    async def download(
        self,
        url: str,
        path: str | Path,
        *,
        max_bytes: int = LARGEST_RESULT,
        deadline: float = 900.0,
        on_bytes: Callable[[int, int | None], None] | None = None,
    ) -> Path:
        """A result → the file `path`, whole or not at all.

        max_bytes: larger results are refused.
        deadline: seconds for the whole download, resumptions included.
        on_bytes: called with the bytes so far and, if known, in all. Raises NotFound for an expired link (read the
        generation again for a new one), InputNotAllowed for one that leads into this machine's network.
        """
        from .downloads import download

        whole = urljoin(self.base_url + "/", url)
        return await download(
            self.transport, whole, Path(path), max_bytes=max_bytes, deadline=deadline, on_bytes=on_bytes
        )

    async def peek(self, url: str) -> Peeked:
        """How `url` answers when it is asked for its first 4 kB, without the key. An unknown host is certain only
        where the hub itself is on the network: offline every name is unknown.

        Raises InputNotAllowed for what is no http(s) URL or leads into this machine's network.
        """
        from .downloads import peek

        found = await peek(self.transport, urljoin(self.base_url + "/", url))
        if found.unknown and self.transport.on_this_machine and not is_reserved(url):
            return replace(found, unknown=False)
        return found

    async def fetchable(self, url: str) -> str:
        """`url`, if it may be fetched. Raises InputNotAllowed for what is no http(s) URL or leads into this machine's
        network, unless the hub itself is there.
        """
        await check_url(url, base_url=self.base_url, resolve=self.transport.resolve)
        return url


def _segment(name: str, missing: type[NotFound] | type[ModelNotFound]) -> str:
    """One path segment, quoted: an id may contain dots and any other character."""
    if not name.strip() or name in (".", ".."):
        raise missing(f"There is no {name!r}.")
    return quote(name, safe="")
