"""Everything the sandbox remembers, in one SQLite file, so that it survives a restart. Times are Unix seconds.

Several sandboxes may share a file: the processes of one user, each with a sandbox of its own, then see the same jobs.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..files import atomic_file, content_type_of

ACTIVE = ("queued", "processing")
TERMINAL = ("succeeded", "failed", "cancelled")
_PATIENCE = 20.0  # seconds to wait for another process that writes

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    generation_id TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL, media_type TEXT NOT NULL, body TEXT NOT NULL,
    namespace TEXT NOT NULL, repo TEXT, folder TEXT, route TEXT NOT NULL,
    status TEXT NOT NULL, outcome TEXT, error TEXT, cost TEXT, faults TEXT NOT NULL, stranger INTEGER NOT NULL,
    enqueued_at REAL NOT NULL, started_at REAL, completed_at REAL, next_at REAL, listed_at REAL, gone_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_next ON jobs (status, next_at, number);
CREATE TABLE IF NOT EXISTS repos (
    namespace TEXT NOT NULL, name TEXT NOT NULL, visibility TEXT NOT NULL, PRIMARY KEY (namespace, name)
);
CREATE TABLE IF NOT EXISTS files (
    namespace TEXT NOT NULL, repo TEXT NOT NULL, branch TEXT NOT NULL, path TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (namespace, repo, branch, path)
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, words TEXT NOT NULL);
"""


@dataclass
class Job:
    """One generation. next_at: when its status changes next; None: never again.

    outcome: what it will end as.
    faults: the faults that hold for this job, by name.
    stranger: it came from another client of the same account.
    listed_at, gone_at: when lists begin to show it, and when it vanishes; None: at once, and never.
    """

    generation_id: str
    model: str
    media_type: str
    body: dict[str, Any]
    namespace: str
    route: str
    enqueued_at: float
    repo: str | None = None
    folder: str | None = None
    status: str = "queued"
    outcome: str | None = None
    error: str | None = None
    cost: str | None = None
    faults: dict[str, Any] = field(default_factory=dict)
    stranger: bool = False
    started_at: float | None = None
    completed_at: float | None = None
    next_at: float | None = None
    listed_at: float | None = None
    gone_at: float | None = None
    number: int = 0


_COLUMNS = [one.name for one in fields(Job) if one.name != "number"]
_AS_JSON = ("body", "faults")


def _row(job: Job) -> dict[str, Any]:
    row = {name: getattr(job, name) for name in _COLUMNS}
    return row | {name: json.dumps(row[name]) for name in _AS_JSON} | {"stranger": int(job.stranger)}


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    values |= {name: json.loads(values[name]) for name in _AS_JSON}
    return Job(**values | {"stranger": bool(values["stranger"])})


class Store:
    """The tables. Used by one thread; other processes may use the same file."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=_PATIENCE)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All writes inside, or none; and what was read inside is what is written over."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add(self, job: Job) -> None:
        row = _row(job)
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        job.number = self._db.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", row).lastrowid or 0  # noqa: S608

    def keep(self, job: Job) -> None:
        """Write a changed job back."""
        row = _row(job)
        pairs = ", ".join(f"{name} = :{name}" for name in row)
        self._db.execute(f"UPDATE jobs SET {pairs} WHERE generation_id = :generation_id", row)  # noqa: S608

    def job(self, generation_id: str) -> Job | None:
        row = self._db.execute("SELECT * FROM jobs WHERE generation_id = ?", (generation_id,)).fetchone()
        return _job(row) if row else None

    def jobs(
        self,
        where: Mapping[str, object] | None = None,
        statuses: Iterable[str] = (),
        *,
        newest_first: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[Job]:
        """Jobs whose columns equal `where` and whose status is one of `statuses` (all when empty)."""
        condition, values = _condition(where or {}, tuple(statuses))
        order = "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            f"SELECT * FROM jobs{condition} ORDER BY number {order} LIMIT ? OFFSET ?",  # noqa: S608
            [*values, limit, offset],
        )
        return [_job(row) for row in rows]

    def count(self, where: Mapping[str, object] | None = None, statuses: Iterable[str] = ()) -> int:
        condition, values = _condition(where or {}, tuple(statuses))
        row = self._db.execute(f"SELECT COUNT(*) FROM jobs{condition}", values).fetchone()  # noqa: S608
        return int(row[0])

    def earlier(self, job: Job) -> int:
        """How many jobs asked for the very same before this one did."""
        same = "SELECT COUNT(*) FROM jobs WHERE model = ? AND body = ? AND number < ?"
        row = self._db.execute(same, (job.model, _row(job)["body"], job.number)).fetchone()
        return int(row[0])

    def costs(self, status: str) -> Decimal:
        """What all jobs in `status` cost together."""
        rows = self._db.execute("SELECT cost FROM jobs WHERE status = ? AND cost IS NOT NULL", (status,))
        return sum((Decimal(row[0]) for row in rows), Decimal(0))

    def next_due(self, status: str) -> Job | None:
        """The job in `status` that changes first."""
        row = self._db.execute(
            "SELECT * FROM jobs WHERE status = ? AND next_at IS NOT NULL ORDER BY next_at, number LIMIT 1", (status,)
        ).fetchone()
        return _job(row) if row else None

    def note(self, name: str, otherwise: str) -> str:
        """A lasting word of the sandbox's own; `otherwise` is kept if there is none yet."""
        self._db.execute("INSERT OR IGNORE INTO notes VALUES (?, ?)", (name, otherwise))
        return str(self._db.execute("SELECT words FROM notes WHERE name = ?", (name,)).fetchone()[0])

    def add_repo(self, namespace: str, name: str, visibility: str) -> bool:
        """Whether it was new."""
        added = self._db.execute("INSERT OR IGNORE INTO repos VALUES (?, ?, ?)", (namespace, name, visibility))
        return added.rowcount == 1

    def visibility(self, namespace: str, name: str) -> str | None:
        """None: there is no such repository."""
        found = self._db.execute("SELECT visibility FROM repos WHERE namespace = ? AND name = ?", (namespace, name))
        row = found.fetchone()
        return str(row[0]) if row else None

    def add_file(self, place: tuple[str, str, str, str], sha256: str, size: int) -> None:
        """place: namespace, repository, branch, path."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", (*place, sha256, size))

    def file(self, place: tuple[str, str, str, str]) -> str | None:
        """The SHA-256 under which the bytes are kept."""
        row = self._db.execute(
            "SELECT sha256 FROM files WHERE namespace = ? AND repo = ? AND branch = ? AND path = ?", place
        ).fetchone()
        return str(row[0]) if row else None

    def has_files(self, branch: tuple[str, str, str], prefix: str) -> bool:
        """Whether a path begins with `prefix`. branch: namespace, repository, branch."""
        row = self._db.execute(
            "SELECT 1 FROM files WHERE namespace = ? AND repo = ? AND branch = ? AND substr(path, 1, ?) = ? LIMIT 1",
            (*branch, len(prefix), prefix),
        ).fetchone()
        return row is not None


def _condition(where: Mapping[str, object], statuses: tuple[str, ...]) -> tuple[str, list[object]]:
    unknown = where.keys() - set(_COLUMNS)
    if unknown:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    parts = [f"{name} = ?" for name in where]
    values = list(where.values())
    if statuses:
        parts.append(f"status IN ({', '.join('?' * len(statuses))})")
        values += statuses
    return (" WHERE " + " AND ".join(parts) if parts else ""), values


# The sandbox's files: where they are kept, their signed URLs, and who may read them.
#
# A signed URL carries `oxen_expires` (Unix seconds) and `oxen_signature`, like the hub's; it is good until then.

_MOST_FETCHED = 1000  # foreign URLs that are remembered
_LARGEST = 50_000_000  # bytes of one of them
_PATIENCE_files = 5.0  # seconds for one of them
_NO_HOST = (".invalid", ".test", ".example", ".localhost", ".local", ".internal")  # RFC 2606 and the like

EXPIRES, SIGNATURE = "oxen_expires", "oxen_signature"


class Files:
    """Signed URLs, and bytes kept under their SHA-256.

    lifetime: seconds for which a signed URL is good.
    base_url: what every URL begins with.
    """

    def __init__(self, store: Store, folder: Path | None, secret: str, *, lifetime: float) -> None:
        self._store = store
        self._secret = secret.encode()
        self._temporary = TemporaryDirectory(prefix="oxen-sandbox-") if folder is None else None
        self.folder = Path(self._temporary.name) if self._temporary else folder or Path()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lifetime = lifetime
        self.base_url = ""
        self._fetched: dict[str, str | None] = {}

    def close(self) -> None:
        if self._temporary:
            self._temporary.cleanup()

    def signed(self, path: str, now: float, *, expired: bool = False) -> str:
        """A URL for `path` that anybody may read for a while; `expired`: one that is over already."""
        expires = int(now - 60 if expired else now + self.lifetime)
        return f"{self.base_url}{quote(path)}?{EXPIRES}={expires}&{SIGNATURE}={self._signature(path, expires)}"

    def opens(self, path: str, query: str, now: float) -> bool:
        """Whether the query of a URL is a signature for `path` that has not expired."""
        words = parse_qs(query)
        expires, signature = words.get(EXPIRES, [""])[0], words.get(SIGNATURE, [""])[0]
        if not (expires.isascii() and expires.isdigit()) or now > int(expires):
            return False
        return hmac.compare_digest(signature.encode(), self._signature(path, int(expires)).encode())

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def keep(self, content: bytes) -> str:
        """Keep bytes; answers their SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        place = self.path(digest)
        if not place.exists():
            with atomic_file(place) as part:
                part.write_bytes(content)
        return digest

    def fetched(self, url: str) -> bool:
        """Whether it was tried to fetch a foreign URL."""
        return url in self._fetched

    def keep_fetched(self, url: str, content: bytes | None) -> None:
        """What a foreign URL holds; None where it can't be had."""
        if len(self._fetched) >= _MOST_FETCHED:
            self._fetched.pop(next(iter(self._fetched)))
        self._fetched[url] = self.keep(content) if content else None

    def path(self, digest: str) -> Path:
        return self.folder / digest

    def is_own(self, url: str) -> bool:
        """Whether a URL leads to this sandbox."""
        return bool(self.base_url) and url.startswith(f"{self.base_url}/")

    def reaches(self, url: str, now: float, kind: str = "image") -> bool:
        """Whether a model's server could read `url` and finds what it expects.

        Foreign hosts are believed, unless what they hold was fetched.

        `data:` URIs, paths, private addresses and names that can't exist are not: no server of a model's provider could
        fetch them.
        """
        local = self.local(url)
        if url in self._fetched or self.is_own(url):
            reached = local is not None if url in self._fetched else self._reaches_own(url, now)
            return reached and (local is None or _holds(local, kind))
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(host) and not _is_private(host)

    def _reaches_own(self, url: str, now: float) -> bool:
        parts = urlsplit(url)
        path = unquote(parts.path)
        found = uploaded(path)
        if found is None:  # a result of an earlier generation
            return self.opens(path, parts.query, now)
        if self._store.file(found) is None:
            return False
        return self._store.visibility(*found[:2]) == "public" or self.opens(path, parts.query, now)

    def local(self, url: str) -> Path | None:
        """The file behind a URL of an upload here, or behind one that was fetched."""
        if url in self._fetched:
            fetched = self._fetched[url]
            return self.path(fetched) if fetched else None
        found = uploaded(unquote(urlsplit(url).path)) if self.is_own(url) else None
        digest = self._store.file(found) if found else None
        return self.path(digest) if digest else None


def uploaded(path: str) -> tuple[str, str, str, str] | None:
    """`/api/repos/NAMESPACE/REPO/file/BRANCH/PATH` → its four parts."""
    parts = path.split("/", 7)
    if len(parts) == 8 and parts[1:3] == ["api", "repos"] and parts[5] == "file":
        return parts[3], parts[4], parts[6], parts[7]
    return None


def fetch(url: str) -> bytes | None:
    """What a URL holds; None where it can't be had within five seconds, or is larger than 50 MB."""
    import httpx

    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_PATIENCE_files, follow_redirects=True) as answer:
            if answer.status_code != 200:
                return None
            for part in answer.iter_bytes():
                content += part
                if len(content) > _LARGEST:
                    return None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return bytes(content)


def _holds(path: Path, kind: str) -> bool:
    """Whether a file is media of this kind; a video may stand for its sound."""
    if kind == "image":
        return _is_image(path)
    told = content_type_of(path) or ""
    return told.startswith(("audio/", "video/") if kind == "audio" else f"{kind}/")


def _is_image(path: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.verify()
    except Exception:  # Pillow raises whatever its decoders do
        return False
    return True


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(_NO_HOST):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
