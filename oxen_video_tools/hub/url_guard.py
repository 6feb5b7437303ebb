"""SSRF guard: a URL from a model or a record must not lead into this machine's network."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import anyio

from ..errors import InputNotAllowed
from ..redaction import unsigned
from ..settings import LOOPBACK

Origin = tuple[str, str, int]
Resolve = Callable[[str, int], Awaitable[list[str]]]
LONGEST_LOOKUP = 5.0  # seconds
_PORTS = {"http": 80, "https": 443}
_UNCLEAN = re.compile(r"[\s\\\x00-\x1f\x7f]")
_HOME_NAMES = ("localhost", "local", "internal", "lan", "home.arpa", "intranet")
_NO_NAMES = frozenset({"invalid", "test", "example"})  # RFC 2606: these names never exist
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215: the local network decides where it leads


@dataclass(frozen=True)
class PinnedAddress:
    """A URL that may be fetched. addresses: what its name resolved to when it was checked; connect to no other."""

    url: str
    host: str
    origin: Origin
    addresses: tuple[str, ...] = ()


def origin(url: str) -> Origin:
    """Scheme, host and port. Raises ValueError where `url` is no http(s) URL."""
    parts = urlsplit(url)
    return _origin(parts)


def _origin(parts: SplitResult) -> Origin:
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no http(s) URL")
    return parts.scheme, host, parts.port or _PORTS[parts.scheme]


def trusted_with_key(url: str, base_url: str) -> bool:
    """Whether the key may be sent there: exactly the hub, over https or on this machine."""
    try:
        there = origin(url)
        return there == origin(base_url) and (there[0] == "https" or there[1] in LOOPBACK)
    except ValueError:
        return False


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order; empty if it has none, or if resolving takes over 5 s."""
    found: list[Any] = []
    with anyio.move_on_after(LONGEST_LOOKUP), contextlib.suppress(OSError, UnicodeError):
        found = list(await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_reserved(url: str) -> bool:
    """Whether its host can't exist (RFC 2606)."""
    return (urlsplit(url).hostname or "").rsplit(".", 1)[-1].lower() in _NO_NAMES


async def is_unknown(host: str) -> bool:
    """Whether this name certainly does not exist: it can't exist, or a name server says so.

    Without a name server every name looks unknown; the caller has to know that there is one.
    """
    if host.rsplit(".", 1)[-1].lower() in _NO_NAMES:
        return True
    try:
        with anyio.move_on_after(LONGEST_LOOKUP):
            await anyio.getaddrinfo(host, None)
    except socket.gaierror as error:
        return error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
    except (OSError, UnicodeError):
        return False
    return False


async def check_url(url: str, *, base_url: str, resolve: Resolve = resolve) -> PinnedAddress:
    """Resolve `url` and check its addresses.

    Raises InputNotAllowed if it is no http(s) URL, or leads into this machine's network: loopback, private,
    link-local, multicast or reserved addresses, in any spelling. The hub itself may be there.
    """
    if _UNCLEAN.search(url):
        raise _not_allowed(url, "it holds a blank, a backslash or a control character")
    try:
        parts = urlsplit(url)
        there = _origin(parts)
    except ValueError:
        raise _not_allowed(url, "it is no http or https URL") from None
    if parts.username is not None or parts.password is not None:
        raise _not_allowed(url, "it holds a user name")
    _, host, port = there
    if there == origin(base_url):
        return PinnedAddress(url, host, there)
    if host in _HOME_NAMES or host.endswith(tuple(f".{name}" for name in _HOME_NAMES)):
        raise _not_allowed(url, f"{host} is a name inside this machine's network")
    literal = _literal(host)
    found = [str(literal)] if literal else await resolve(host, port)
    inside = [address for address in found if not is_public(address)]
    if inside:
        which = "it is" if literal else f"{host} is {inside[0]},"
        raise _not_allowed(url, f"{which} an address inside this machine's network")
    return PinnedAddress(url, host, there, tuple(found))


def _not_allowed(url: str, why: str) -> InputNotAllowed:
    return InputNotAllowed(f"{unsigned(url)[:200]} may not be fetched: {why}.", fix="Give a public https URL.")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:  # 127.1, 0x7f000001, 2130706433, 0177.0.0.1: what connect() takes for an IPv4 address
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def is_public(address: str) -> bool:
    """Whether an address lies on the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _LOCAL_NAT64:
            return False
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not ip.is_unspecified
