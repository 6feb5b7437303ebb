"""What a client is handed: the answer as text and pictures, which the model reads, and as structured content."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult, ImageContent, TextContent

from .callers import caller_of

if TYPE_CHECKING:
    from ..errors import OxenError
    from ..tools import Reply
    from .service import Service


async def shown(service: Service, request: Any, reply: Reply) -> CallToolResult:
    """A tool's answer to whoever sent `request`."""
    pictures = [ImageContent(data=base64.b64encode(jpeg).decode(), mime_type="image/jpeg") for jpeg in reply.images]
    text, structured = reply.text, reply.structured
    if service.links is not None:
        structured = await service.links.lasting(structured, caller_of(request))
        text = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(text=text), *pictures], structured_content=structured)


def failed(error: OxenError) -> CallToolResult:
    """A failure in the words that every window uses."""
    return CallToolResult(content=[TextContent(text=error.words)], is_error=True)
