"""Files of the sandbox: where they lie, the signed URLs that lead to them, and who may read them.

A signed URL carries `oxen_expires` (Unix seconds) and `oxen_signature`, like the hub's; it is good until then.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

from ..media.sniff import content_type_of
from .store import Store

_MOST_FETCHED = 1000  # foreign URLs that are remembered
_LARGEST = 50_000_000  # bytes of one of them
_PATIENCE = 5.0  # seconds for one of them
_NO_HOST = (".invalid", ".test", ".example", ".localhost", ".local", ".internal")  # RFC 2606 and the like

EXPIRES, SIGNATURE = "oxen_expires", "oxen_signature"


class Files:
    """Signed URLs, and bytes kept under their SHA-256.

    lifetime: seconds for which a signed URL is good.  base_url: what every URL begins with.
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
            partial = place.with_name(f"{uuid4().hex}.partial")
            partial.write_bytes(content)
            partial.replace(place)
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
        with httpx.stream("GET", url, timeout=_PATIENCE, follow_redirects=True) as answer:
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
