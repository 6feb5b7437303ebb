"""What a client is handed: the answer as text and pictures, which the model reads, and as structured content."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, ImageContent, TextContent

from ..errors import OxenError
from ..tools.words import FILE
from .callers import caller_of, reach

if TYPE_CHECKING:
    from ..tools import Reply
    from .service import Service

log = logging.getLogger(__name__)
AFAR = (
    "The file lies on the server, which gives no links of its own: get_video with the id of a shot gives that shot's "
    "link. The server's operator can give links to whole films by setting OXEN_VIDEO_MCP_PUBLIC_URL."
)


async def shown(service: Service, request: Any, reply: Reply) -> CallToolResult:
    """A tool's answer to whoever sent `request`."""
    pictures = [ImageContent(data=base64.b64encode(jpeg).decode(), mime_type="image/jpeg") for jpeg in reply.images]
    text, structured = reply.text, reply.structured
    if service.links is not None:
        try:
            structured = await service.links.lasting(structured, caller_of(request))
        except OxenError as error:  # the answer may be about a video that is paid: it is given as it is
            log.warning("No links that last: %s", error)
        text = _compact(structured)
    elif FILE in str(structured.get("next")) and reach(caller_of(request)) == "nowhere":
        structured = structured | {"next": structured["next"].replace(FILE, AFAR)}
        text = _compact(structured)
    return CallToolResult(content=[TextContent(text=text), *pictures], structured_content=structured)


def _compact(structured: dict[str, Any]) -> str:
    return json.dumps(structured, ensure_ascii=False, separators=(",", ":"))


def failed(error: OxenError) -> CallToolResult:
    """A failure in the words that every window uses."""
    return CallToolResult(content=[TextContent(text=error.words)], is_error=True)
