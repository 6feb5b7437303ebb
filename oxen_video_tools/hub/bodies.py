"""Response bodies, limited while their bytes arrive.

httpx decodes every `Content-Encoding` that a server names before the size can be checked: 263 bytes of `gzip, gzip,
gzip` become a gigabyte. So the raw bytes are read here. Results are not decoded at all; an answer of the API may be
compressed once, with gzip or deflate, and is decompressed piece by piece up to its limit.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

PIECE = 2**16  # bytes unpacked at once
INFLATION = 4  # an answer beyond its usual size unpacks to at most so many times what came over the wire
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def encodings(response: httpx.Response) -> list[str]:
    """How the body is encoded, the outermost encoding last; empty if it is not."""
    named = response.headers.get("content-encoding", "").lower().split(",")
    return [one for one in map(str.strip, named) if one not in ("", "identity")]


async def raw(response: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes that came over the wire. Nothing is unpacked."""
    if response.is_stream_consumed:  # an injected transport may answer with a body that is read already
        yield response.content
        return
    async for piece in response.aiter_raw():
        yield piece


async def whole(response: httpx.Response, *, largest: int, usual: int | None = None, cut: bool = False) -> bytes:
    """All of it, unpacked. Raises httpx.DecodingError for what is larger or packed more than once.

    largest: bytes, on the wire and unpacked.
    usual: a packed answer that unpacks to more than this may be at most `INFLATION` times as large as what came.
    cut: keep the beginning of what is too large, and stop reading there.
    """
    unpack = _unpacking(response)
    content = bytearray()
    came = 0
    async for piece in raw(response):
        came += len(piece)
        if came > largest and not cut:
            raise httpx.DecodingError(f"the answer is larger than {largest} bytes")
        allowed = largest if unpack is None else min(largest, max(usual or largest, INFLATION * came))
        for part in (piece,) if unpack is None else unpack.pieces(piece):
            content += part
            if len(content) > allowed:
                if cut:
                    return bytes(content[:allowed])
                raise httpx.DecodingError(f"the answer is larger than {allowed} bytes")
    if unpack is not None and not unpack.done:
        raise httpx.DecodingError("the packed answer ends too early")
    return bytes(content)


def _unpacking(response: httpx.Response) -> _Inflation | None:
    named = [] if response.is_stream_consumed else encodings(response)
    if not named:
        return None
    if len(named) > 1 or named[0] not in _WINDOWS:
        raise httpx.DecodingError(
            f"the answer is packed in {', '.join(named)[:60]}: only gzip or deflate, once, is read"
        )
    return _Inflation(named[0])


class _Inflation:
    """One layer of gzip or deflate. done: it has ended, or not begun."""

    def __init__(self, name: str) -> None:
        self._inflate = zlib.decompressobj(_WINDOWS[name])
        self._start: bytes | None = b"" if name == "deflate" else None  # some servers leave zlib's header out
        self._begun = False

    @property
    def done(self) -> bool:
        return self._inflate.eof or not self._begun

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What `packed` adds, at most `PIECE` bytes at a time, so that the caller can stop."""
        self._begun = self._begun or bool(packed)
        while not self._inflate.eof:
            part = self._next(packed)
            yield part
            packed = self._inflate.unconsumed_tail
            if not packed and len(part) < PIECE:
                return

    def _next(self, packed: bytes) -> bytes:
        try:
            part = self._inflate.decompress(packed, PIECE)
        except zlib.error as error:
            if self._start is None:
                raise httpx.DecodingError(f"the packed answer is damaged: {error}") from None
            packed, self._start, self._inflate = self._start + packed, None, zlib.decompressobj(-zlib.MAX_WBITS)
            return self._next(packed)
        if self._start is not None:
            self._start = None if part else self._start + packed
        return part
