"""Upload a local file and return a URL that the hub's models can read.

Two ways: the private workbench of the user's own `playground` repository (a presigned link, good for about an hour),
and a versioned repository, whose files others can read only where it is public.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from ..errors import HubUnavailable, InputUnreadable, InvalidRequest, NotFound
from ..files import ENOUGH, Kind, media_kind
from ..redaction import inert
from . import records
from .transport import Transport

PLAYGROUND = "playground"
MB = 1_000_000
LARGEST: dict[Kind, int] = {
    "image": 30 * MB,
    "video": 50 * MB,
    "audio": 15 * MB,
}  # bytes; the limits of other Oxen clients
MOST_REMEMBERED = 2_000
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class LocalFile:
    """A file that was read: what is sent is what was checked."""

    name: str
    kind: Kind
    media_type: str
    content: bytes = field(repr=False)
    sha256: str


def read_local_file(path: Path) -> LocalFile:
    """Read a file. Raises InputUnreadable if it is no regular file, too large, or neither image, video nor sound."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe must not hold us up
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputUnreadable(f"{path} is no regular file.")
            content = file.read(max(LARGEST.values()) + 1)
    except OSError as error:
        raise InputUnreadable(f"{path} can't be read: {error.strerror or error}.") from None
    return local_file(str(path), content)


def local_file(path: str, content: bytes) -> LocalFile:
    """A file whose content was read already. Raises InputUnreadable for what is too large or no media."""
    what = media_kind(content[:ENOUGH])
    if what is None:
        raise InputUnreadable(f"{path} is no image, video or sound.")
    kind, media_type = what
    if len(content) > LARGEST[kind]:
        limit = LARGEST[kind] // MB
        raise InputUnreadable(f"{path} is larger than {limit} MB, the limit for {kind} inputs.", fix="Make it smaller.")
    name = _NAME.sub("-", Path(path).name).strip("-.") or kind
    return LocalFile(name[-100:], kind, media_type, content, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Account:
    """The account of the key.

    username: also its namespace.
    email: the author of commits.
    """

    username: str
    email: str

    @classmethod
    def parse(cls, payload: object) -> Account:
        """Read the answer of `users/me`. Raises HubUnavailable if it names no account."""
        answer = records.mapping(payload)
        user = records.mapping(answer.get("user")) or answer
        name = records.identifier(user.get("username"))
        if name is None:
            raise HubUnavailable("The hub did not say who you are.", retry=False)
        return cls(name, records.text(user.get("email")) or f"{name}@users.invalid")


@dataclass
class Workbench:
    """The private way. uploaded: asset paths by content hash."""

    transport: Transport
    uploaded: MutableMapping[str, str] = field(repr=False)
    _account: Account | None = field(default=None, init=False, repr=False)
    _busy: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary, init=False, repr=False)

    async def link(self, path: Path | LocalFile, *, directory: str, deadline: float) -> str:
        """A presigned link to `path`, private to the user. The same content is uploaded once."""
        file = path if isinstance(path, LocalFile) else await anyio.to_thread.run_sync(read_local_file, path)
        namespace = await self._namespace()
        key = f"{self.transport.base_url}|{namespace}|{file.sha256}"
        async with self._busy.setdefault(key, anyio.Lock()):
            if key in self.uploaded:
                try:
                    return await _presigned(self.transport, namespace, self.uploaded[key])
                except NotFound:  # somebody tidied up
                    self.uploaded.pop(key, None)
            await _ensure_playground(self.transport, namespace)
            asset = await _send(self.transport, namespace, file, directory, deadline)
            while len(self.uploaded) >= MOST_REMEMBERED:
                self.uploaded.pop(next(iter(self.uploaded)))
            self.uploaded[key] = asset
            return await _presigned(self.transport, namespace, asset)

    async def send(self, file: LocalFile, *, directory: str, deadline: float) -> str:
        """Put a whole file there. Returns its place, from which `renew` makes a link at any time."""
        namespace = await self._namespace()
        await _ensure_playground(self.transport, namespace)
        return await _send(self.transport, namespace, file, directory, deadline)

    async def renew(self, place: str) -> str:
        """A fresh presigned link to what lies at `place`. Raises NotFound if it was deleted."""
        return await _presigned(self.transport, await self._namespace(), place)

    async def _namespace(self) -> str:
        if self._account is None:
            self._account = await account(self.transport)
        return self._account.username


async def account(transport: Transport) -> Account:
    """Source: Oxen's own agent, `GET /api/users/me`."""
    return Account.parse(await transport.read("GET", "/api/users/me", what="ask who you are"))


async def _ensure_playground(transport: Transport, namespace: str) -> None:
    try:
        await transport.read("GET", f"/api/repos/{quote(namespace, safe='')}/{PLAYGROUND}", what="find the playground")
    except NotFound:
        repository = {
            "namespace": namespace,
            "name": PLAYGROUND,
            "visibility": "private",
            "workbench": True,
        }
        await _make(transport, "/api/repos/", repository)


async def _make(transport: Transport, path: str, repository: dict[str, object]) -> None:
    """Make a repository; that it exists already (409) is well."""
    try:
        await transport.write("POST", path, what="make a repository", json=repository)
    except InvalidRequest as refused:
        if refused.status_code != 409:
            raise


async def _send(transport: Transport, namespace: str, file: LocalFile, directory: str, deadline: float) -> str:
    answer = await transport.write(
        "POST",
        f"/api/repos/{quote(namespace, safe='')}/{PLAYGROUND}/workbench/context",
        what=f"upload {file.name}",
        deadline=deadline,
        files={"file": (f"{file.sha256[:12]}-{file.name}", file.content, file.media_type)},
        data={"directory": directory},
    )
    asset = records.text(records.mapping(answer).get("asset_path"))
    if asset is None:
        raise HubUnavailable("The hub took the file but did not say where it put it.", retry=False)
    return asset


async def _presigned(transport: Transport, namespace: str, asset: str) -> str:
    there = quote(asset.lstrip("/"), safe="/")
    answer = await transport.read(
        "GET",
        f"/api/repos/{quote(namespace, safe='')}/{PLAYGROUND}/file/presigned_url/main/{there}",
        what="get a link to an uploaded file",
    )
    link = records.text(records.mapping(answer).get("url"))
    if link is None:
        raise HubUnavailable("The hub gave no link to an uploaded file.", retry=False)
    return urljoin(transport.base_url + "/", inert(link))


async def to_repository(
    transport: Transport, path: Path | LocalFile, *, repo: str, branch: str, directory: str, deadline: float
) -> str:
    """A lasting link to `path` in the versioned repository `namespace/name`, made (private) if it is not there.

    Models can read it only where the repository is public (Oxen docs, file upload).
    """
    namespace, name = _repository(repo)
    file = path if isinstance(path, LocalFile) else await anyio.to_thread.run_sync(read_local_file, path)
    author = await account(transport)
    await _make(transport, "/api/repos", {"namespace": namespace, "name": name})
    here = f"{_address(repo, branch, directory)}/"
    target = f"{file.sha256[:12]}-{quote(file.name, safe='')}"
    await transport.write(
        "PUT",
        here + target,
        what=f"upload {file.name}",
        deadline=deadline,
        files={"file": (file.name, file.content, file.media_type)},
        data={"name": author.username, "email": author.email, "message": f"Add {file.name}"},
    )
    return f"{transport.base_url}{here}{target}"


async def commit(
    transport: Transport,
    *,
    repo: str,
    branch: str,
    directory: str,
    files: Sequence[tuple[str, bytes, str]],
    message: str,
    deadline: float,
) -> str:
    """Several files into one directory of the versioned repository `namespace/name`, as one commit; made (private) if
    it is not there. files: name, content, media type.

    Returns the address of the directory. Source: Oxen's server, `PUT …/file/{branch}/{directory}` with `files[]`.
    """
    author = await account(transport)
    await _make(transport, "/api/repos", dict(zip(("namespace", "name"), _repository(repo), strict=True)))
    here = _address(repo, branch, directory)
    await transport.write(
        "PUT",
        here,
        what=f"commit to {repo}",
        deadline=deadline,
        files=[("files[]", one) for one in files],
        data={"name": author.username, "email": author.email, "message": message},
    )
    return f"{transport.base_url}{here}"


def _repository(repo: str) -> tuple[str, str]:
    namespace, _, name = repo.partition("/")
    if not namespace or not name or "/" in name:
        raise InvalidRequest(f'{repo!r} is no repository: write "namespace/name".')
    return namespace, name


def _address(repo: str, branch: str, directory: str) -> str:
    namespace, name = _repository(repo)
    folder = "/".join(quote(part, safe="") for part in directory.split("/") if part not in ("", ".", ".."))
    here = f"/api/repos/{quote(namespace, safe='')}/{quote(name, safe='')}/file/{quote(branch, safe='')}"
    return f"{here}/{folder}" if folder else here
