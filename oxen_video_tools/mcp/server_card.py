"""The Server Card (SEP-2127): what the server is and where, for clients that have not connected yet.

It is at `GET /mcp/server-card`, where OXEN_VIDEO_MCP_PUBLIC_URL says under which address others reach the server.
It holds nothing secret and lists no tools; those are told by the protocol.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import Response

from .server import NAME, installed_version

SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
MEDIA_TYPE = "application/mcp-server-card+json"
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match",
    "Access-Control-Expose-Headers": "ETag",
    "Cache-Control": "public, max-age=3600",
}


def server_card(public_url: str) -> dict[str, Any]:
    """The card. Its name is the host's in reverse: `https://video.example.com` is `com.example.video/oxen-video`."""
    host = urlsplit(public_url).hostname or "localhost"
    return {
        "$schema": SCHEMA,
        "name": f"{'.'.join(reversed(host.replace(':', '-').split('.')))}/{NAME}",
        "version": installed_version(),
        "title": "Oxen video",
        "description": "Videos with Oxen.ai: checked and priced before paying, paid once, never lost.",
        "websiteUrl": "https://www.oxen.ai",
        "remotes": [
            {
                "type": "streamable-http",
                "url": f"{public_url}/mcp",
                "headers": [
                    {
                        "name": "Authorization",
                        "description": "Bearer and your Oxen API key, or a token of this server's issuer.",
                        "isRequired": True,
                        "isSecret": True,
                    }
                ],
                "supportedProtocolVersions": sorted({*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS}),
            }
        ],
    }


class CardPage:
    """Answers with the card, and with 304 to a client that has this very one."""

    def __init__(self, public_url: str) -> None:
        self._body = json.dumps(server_card(public_url), ensure_ascii=False).encode()
        self._tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'

    async def __call__(self, request: Request) -> Response:
        headers = HEADERS | {"ETag": self._tag}
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self._body, media_type=MEDIA_TYPE, headers=headers)
