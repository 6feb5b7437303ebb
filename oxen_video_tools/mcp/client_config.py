"""The blocks that add this server to an assistant. Paths are absolute, because assistants start servers from anywhere.

`oxen-video-mcp --config claude-desktop | claude-code | cursor | vscode` prints the one for this machine; with `--http`
the one that connects to a server that runs.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from ..errors import InvalidRequest

NAME = "oxen-video"
KEY = "<your Oxen API key>"
CLIENTS = ("claude-desktop", "claude-code", "cursor", "vscode")


@dataclass(frozen=True)
class Launch:
    """How the server is started. command: an absolute path, of Windows or of any other system."""

    command: PurePath
    args: tuple[str, ...] = ()
    sandbox: bool = False

    @classmethod
    def here(cls, *, sandbox: bool = False) -> Launch:
        """From the environment that runs this."""
        return cls(Path(sys.executable), ("-m", "oxen_video_tools.mcp"), sandbox)

    @classmethod
    def by_uvx(cls, uvx: PurePath, *, sandbox: bool = False) -> Launch:
        """From the package index, in an environment that uv keeps."""
        extras = "mcp,sandbox" if sandbox else "mcp,media"
        return cls(uvx, ("--from", f"oxen-video-tools[{extras}]", "oxen-video-mcp"), sandbox)

    @property
    def env(self) -> dict[str, str]:
        return {"OXEN_VIDEO_SANDBOX": "1"} if self.sandbox else {"OXEN_API_KEY": KEY}

    @property
    def entry(self) -> dict[str, object]:
        """As most assistants' configuration files want it."""
        return {"command": str(self.command), "args": list(self.args), "env": self.env}


@dataclass(frozen=True)
class Block:
    """What to paste, where, and a link that does it with one click, where the assistant knows one."""

    text: str
    place: str
    link: str | None = None


def block(client: str, launch: Launch, *, platform: str = sys.platform) -> Block:
    """The block for one client. platform: as `sys.platform` says it. Raises InvalidRequest for an unknown client."""
    makers = {
        "claude-desktop": _claude_desktop,
        "claude-code": _claude_code,
        "cursor": _cursor,
        "vscode": _vscode,
    }
    if client not in makers:
        raise InvalidRequest(f"Unknown client: {client}.", fix=f"Known are {', '.join(CLIENTS)}.")
    return makers[client](launch, platform)


def _claude_desktop(launch: Launch, platform: str) -> Block:
    folder = {
        "win32": r"%APPDATA%\Claude" + "\\",
        "darwin": "~/Library/Application Support/Claude/",
    }.get(platform, "~/.config/Claude/")
    return Block(_pretty({"mcpServers": {NAME: launch.entry}}), f"{folder}claude_desktop_config.json")


def _claude_code(launch: Launch, platform: str) -> Block:
    env = [f"--env={name}={value}" for name, value in launch.env.items()]
    words = ["claude", "mcp", "add", NAME, *env, "--", str(launch.command), *launch.args]
    if platform == "win32":
        line = " ".join(f'"{word}"' if set(word) & set(" []<>") else word for word in words)
    elif launch.sandbox:
        line = shlex.join(words)
    else:  # the key is read without being shown, and stays out of the history
        asked = '--env="OXEN_API_KEY=$OXEN_API_KEY"'
        line = f"read -rs OXEN_API_KEY && claude mcp add {NAME} {asked} -- {shlex.join(words[words.index('--') + 1 :])}"
    return Block(
        line, "a terminal" if platform == "win32" or launch.sandbox else "a terminal, then the key, then Enter"
    )


def _cursor(launch: Launch, platform: str) -> Block:
    packed = base64.b64encode(json.dumps(launch.entry).encode()).decode()
    link = f"cursor://anysphere.cursor-deeplink/mcp/install?name={NAME}&config={quote(packed)}"
    place = r"%USERPROFILE%\.cursor\mcp.json" if platform == "win32" else "~/.cursor/mcp.json"
    return Block(_pretty({"mcpServers": {NAME: launch.entry}}), place, link)


def _vscode(launch: Launch, platform: str) -> Block:
    entry: dict[str, object] = {"type": "stdio", **launch.entry}
    file: dict[str, object] = {"servers": {NAME: entry}}
    if not launch.sandbox:
        entry["env"] = {"OXEN_API_KEY": "${input:oxen-api-key}"}
        asked = {"type": "promptString", "id": "oxen-api-key", "description": "Oxen API key", "password": True}
        file["inputs"] = [asked]
    link = "vscode:mcp/install?" + quote(json.dumps({"name": NAME, **launch.entry}))
    place = r".vscode\mcp.json" if platform == "win32" else ".vscode/mcp.json"
    return Block(_pretty(file), f"{place} of a folder", link)


def http_block(client: str, address: str, token: str, *, platform: str = sys.platform) -> Block:
    """The block that connects a client to a server at `address` (without `/mcp`) with its token.

    Raises InvalidRequest for a client that can't.
    """
    header = {"Authorization": f"Bearer {token}"}
    entry: dict[str, object] = {"url": f"{address}/mcp", "headers": header}
    if client == "claude-code":
        words = ["claude", "mcp", "add", "--transport", "http", NAME, f"{address}/mcp"]
        line = f'{" ".join(words)} --header "Authorization: Bearer {token}"'
        return Block(line, "a terminal")
    if client == "cursor":
        place = r"%USERPROFILE%\.cursor\mcp.json" if platform == "win32" else "~/.cursor/mcp.json"
        return Block(_pretty({"mcpServers": {NAME: entry}}), place)
    if client == "vscode":
        place = r".vscode\mcp.json" if platform == "win32" else ".vscode/mcp.json"
        return Block(_pretty({"servers": {NAME: {"type": "http", **entry}}}), f"{place} of a folder")
    if client == "claude-desktop":
        raise InvalidRequest("Claude Desktop starts servers itself, over stdio.", fix="Leave out --http.")
    raise InvalidRequest(f"Unknown client: {client}.", fix=f"Known are {', '.join(CLIENTS)}.")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2)


def print_block(client: str, *, sandbox: bool = False) -> None:
    """Print the block to stdout and where it goes to stderr, so that it can be piped."""
    made = block(client, Launch.here(sandbox=sandbox))
    print(f"Paste into {made.place}:", file=sys.stderr)
    print(made.text)
    if made.link:
        print(f"Or open this link: {made.link}", file=sys.stderr)


def print_http_block(client: str, host: str, port: int, token: str | None) -> None:
    """The same for a server that `--http` runs on this machine. token: the one that is set; else the kept one."""
    from .callers import kept_token, token_file

    named = f"[{host}]" if ":" in host else host
    try:
        sent = token or kept_token()
        if client == "claude-code" and sys.platform != "win32":  # a shell keeps a history of what is typed
            sent = "$OXEN_VIDEO_MCP_TOKEN" if token else f"$(cat {shlex.quote(str(token_file()))})"
        made = http_block(client, f"http://{named}:{port}", sent)
    except InvalidRequest as error:
        sys.exit(f"{error.message} {error.fix}")
    print(f"Paste into {made.place}:", file=sys.stderr)
    print(made.text)


def print_how_to_connect(address: str, token: str) -> None:
    """When a server with a token starts in a terminal: the client block with the header, and the page's link."""
    entry = {"type": "http", "url": f"{address}/mcp", "headers": {"Authorization": f"Bearer {token}"}}
    print(_pretty({"mcpServers": {NAME: entry}}), file=sys.stderr)
    print(f"In a browser: {address}/?token={token}", file=sys.stderr)
