"""The player (MCP Apps): a page that hosts show beside the call. It follows the job and then plays the video."""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import urlsplit

from mcp.server.apps import Apps, ResourceCsp

from ..settings import HUB, Settings
from .options import Options

PLAYER = "ui://oxen/player.html"


def player(options: Options, settings: Settings) -> Apps:
    """The page, and the hosts that it may load videos from.

    A host enforces the list at every step of a redirect, so each host of the chain stands in it.
    """
    apps = Apps()
    apps.add_html_resource(
        PLAYER,
        (files(__package__) / "player.html").read_text("utf-8"),
        name="player",
        title="Oxen video player",
        description="Follows a generation and plays it.",
        csp=ResourceCsp(resource_domains=media_hosts(options, settings)),
        prefers_border=True,
    )
    return apps


def media_hosts(options: Options, settings: Settings) -> list[str]:
    """Origins of videos: the hub, this server where it hands out links of its own, and what the operator names."""
    hub = settings.base_url
    if settings.sandbox and hub == HUB:
        hub = "http://127.0.0.1:*"  # the sandbox takes a free port when it is first needed
    named = [host if "//" in host else f"https://{host}" for host in options.media_hosts]
    urls = [hub, *([options.public_url] if options.public_url else []), *named]
    return list(dict.fromkeys(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in urls))
