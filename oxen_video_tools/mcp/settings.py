"""Settings of the MCP server: OXEN_VIDEO_MCP_* variables. Keys, budgets and folders are in `Settings`."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InvalidRequest
from ..settings import names, one_of, yes

if TYPE_CHECKING:
    from ..tools import ToolSpec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DAY = 86_400.0  # seconds
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class ServerSettings:
    """Everything that can be configured for the server.

    hosts: names under which it is reached over HTTP; any other `Host` header is refused. Loopback always is allowed.
    origins: web pages that may call it, such as `https://app.example.com`; pages of this machine always may.
    public_url: its address as others write it. Given, answers carry links that last (`/v/{id}?k=…`).
    secrets: the first seals questions and links, all of them open; shared by every process of one service.
    token: `oxv_…`; who sends it as bearer is the owner of this process: its key pays, and files of this machine may be
    named. `--http` on loopback makes one and keeps it in a file.
    own_key: callers without any credential use the process's own key, and no file of this machine.
    rate: calls a minute for each caller.
    unproven: calls a minute from each address that bring no key yet which the hub has proven.
    calls: most that are answered at once for a caller.
    body: largest request in bytes.
    sessions: most open at once; caller_sessions: for one caller.
    connections: most at once; address_connections: from one address.
    proxies: networks whose `X-Forwarded-For` is believed when callers are counted by address.
    quota: bytes that each caller's saved files may take on this machine; keep: seconds that such a file is kept.
    stateless: no sessions for clients of the old protocol, for several processes behind one address without sticky
    sessions; such clients then can't be asked, and spending needs `max_cost_usd`.
    links: seconds for which a link of this server is good.
    local_links: answers carry links of this server's own without a `public_url`: it is on loopback, where its address
    is known when it is bound. They are sealed with the token unless there are secrets. Never read from a variable.
    read_only: only tools that change nothing.
    tools: only these; None is all.
    audit: a file to which each call that may spend adds a line; None: the log.
    issuer: an OAuth authorization server. Callers then bring its tokens, made for this server, in place of Oxen keys.
    scopes: what such a token has to allow.
    client: id and secret for the issuer's introspection of opaque tokens.
    webhooks: addresses, or beginnings of them, to which events may be sent without asking there first, also in this
    network.
    media_hosts: where results may be fetched from besides the hub, every host of a chain of redirects included.
    log: "text" or "json", to stderr.
    log_level: DEBUG, INFO, WARNING or ERROR; None: INFO over HTTP, a line for each call, and WARNING over stdio.
    poll: seconds between two looks at a task that a client is told to keep.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    public_url: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    token: str | None = field(default=None, repr=False)
    own_key: bool = False
    rate: float = 120.0
    unproven: float = 30.0
    calls: int = 64
    body: int = 1024 * 1024
    sessions: int = 1000
    caller_sessions: int = 50
    connections: int = 1000
    address_connections: int = 200
    proxies: tuple[Network, ...] = ()
    quota: int = 10 * 1000**3
    keep: float = 30 * DAY
    stateless: bool = False
    links: float = 7 * DAY
    local_links: bool = False
    read_only: bool = False
    tools: tuple[str, ...] | None = None
    audit: Path | None = None
    issuer: str | None = None
    scopes: tuple[str, ...] = ()
    client: tuple[str, str] | None = field(default=None, repr=False)
    webhooks: tuple[str, ...] = ()
    media_hosts: tuple[str, ...] = ()
    log: Literal["text", "json"] = "text"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    poll: float = 3.0

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: Any) -> ServerSettings:
        """Arguments that are not None win over the environment. Raises InvalidRequest, naming the variable."""
        environment = os.environ if environment is None else environment
        found: dict[str, Any] = {}
        for name, (variable, convert) in VARIABLES.items():
            if text := environment.get(variable, "").strip():
                try:
                    found[name] = convert(text)
                except ValueError as error:
                    raise InvalidRequest(f"{variable} can't be used: {error}", fix=f"Correct {variable}.") from None
        options = cls(**found | {name: value for name, value in given.items() if value is not None})
        return replace(options, public_url=options.public_url.rstrip("/")) if options.public_url else options

    def shown(self) -> list[ToolSpec]:
        """The tools that callers see and may call."""
        from ..tools import TABLE

        named = TABLE if self.tools is None else self.tools
        return [row for name, row in TABLE.items() if name in named and (row.read_only or not self.read_only)]


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(name, strict=False) for name in names(text))


def _tools(text: str) -> tuple[str, ...]:
    from ..tools import TABLE

    if unknown := set(names(text)) - TABLE.keys():
        raise ValueError(f"there is no {', '.join(sorted(unknown))}; the tools are {', '.join(TABLE)}")
    return names(text)


def _file(text: str) -> Path:
    return Path(text).expanduser()


def _client(text: str) -> tuple[str, str]:
    name, _, secret = text.partition(":")
    if not (name and secret):
        raise ValueError("it must be ID:SECRET")
    return name, secret


def _secrets(text: str) -> tuple[str, ...]:
    secrets = names(text)
    if any(len(secret) < 32 for secret in secrets):
        raise ValueError("a secret needs 32 characters or more")
    return secrets


def _token(text: str) -> str:
    from .callers import is_token

    if not is_token(text):
        raise ValueError("it must be oxv_ and 24 or more letters, digits, - or _")
    return text


def _above(least: float, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = convert(text)
        if not value >= least:
            raise ValueError(f"it must be {least:g} or more")
        return value

    return read


def _url(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("it must be an http or https address")
    return text


VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "hosts": ("OXEN_VIDEO_MCP_HOSTS", names),
    "origins": ("OXEN_VIDEO_MCP_ORIGINS", names),
    "public_url": ("OXEN_VIDEO_MCP_PUBLIC_URL", _url),
    "secrets": ("OXEN_VIDEO_MCP_SECRETS", _secrets),
    "token": ("OXEN_VIDEO_MCP_TOKEN", _token),
    "own_key": ("OXEN_VIDEO_MCP_OWN_KEY", yes),
    "rate": ("OXEN_VIDEO_MCP_RATE", _above(1, float)),
    "body": ("OXEN_VIDEO_MCP_BODY", _above(1024, int)),
    "sessions": ("OXEN_VIDEO_MCP_SESSIONS", _above(1, int)),
    "unproven": ("OXEN_VIDEO_MCP_UNPROVEN", _above(1, float)),
    "calls": ("OXEN_VIDEO_MCP_CALLS", _above(1, int)),
    "caller_sessions": ("OXEN_VIDEO_MCP_CALLER_SESSIONS", _above(1, int)),
    "connections": ("OXEN_VIDEO_MCP_CONNECTIONS", _above(1, int)),
    "address_connections": ("OXEN_VIDEO_MCP_ADDRESS_CONNECTIONS", _above(1, int)),
    "proxies": ("OXEN_VIDEO_MCP_PROXIES", _networks),
    "quota": ("OXEN_VIDEO_MCP_QUOTA", lambda text: round(_above(0.001, float)(text) * 1000**3)),
    "keep": ("OXEN_VIDEO_MCP_KEEP_DAYS", lambda text: _above(0, float)(text) * DAY),
    "stateless": ("OXEN_VIDEO_MCP_STATELESS", yes),
    "links": ("OXEN_VIDEO_MCP_LINK_DAYS", lambda text: _above(0.01, float)(text) * DAY),
    "read_only": ("OXEN_VIDEO_MCP_READ_ONLY", yes),
    "tools": ("OXEN_VIDEO_MCP_TOOLS", _tools),
    "audit": ("OXEN_VIDEO_MCP_AUDIT", _file),
    "issuer": ("OXEN_VIDEO_MCP_ISSUER", _url),
    "scopes": ("OXEN_VIDEO_MCP_SCOPES", lambda text: tuple(text.replace(",", " ").split())),
    "client": ("OXEN_VIDEO_MCP_CLIENT", _client),
    "webhooks": ("OXEN_VIDEO_MCP_WEBHOOKS", names),
    "media_hosts": ("OXEN_VIDEO_MCP_MEDIA_HOSTS", names),
    "log": ("OXEN_VIDEO_MCP_LOG", one_of("text", "json")),
    "log_level": ("OXEN_VIDEO_MCP_LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR")),
}


def derive_key(secret: str, use: str) -> bytes:
    """A secret of any length as the 32 bytes of a key for one use, and no other."""
    return hashlib.sha256(f"oxen-video/{use}/{secret}".encode()).digest()
