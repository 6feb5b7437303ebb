"""The MCP server of this checkout. What its client writes and reads over stdio goes into a file as well.

`python scripts/recording_server.py FILE [arguments of oxen-video-mcp]`; with --http nothing is recorded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO


def copy(source: IO[bytes], target: IO[bytes], record: IO[bytes]) -> None:
    """Line by line, until the source ends."""
    for line in source:
        record.write(line)
        target.write(line)
        target.flush()


def main(file: str, *arguments: str) -> int:
    """Run the server, and end with what it ends with."""
    command = [sys.executable, "-m", "oxen_video_tools.mcp", *arguments]
    if "--http" in arguments:
        os.execv(command[0], command)
    with Path(file).open("ab", buffering=0) as record:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert server.stdin
        assert server.stdout
        back = threading.Thread(target=copy, args=(server.stdout, sys.stdout.buffer, record))
        back.start()
        copy(sys.stdin.buffer, server.stdin, record)
        server.stdin.close()
        back.join()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
