"""One process of a service, as `uvicorn mcp_server:app` would run it; only its claims end sooner, for a test's sake.

python -m tests.mcp.worker PORT SECONDS_OF_A_CLAIM
"""

from __future__ import annotations

import sys

import uvicorn

from oxen_video_tools.ledger import Ledger

if __name__ == "__main__":
    port, lease = int(sys.argv[1]), float(sys.argv[2])
    at = Ledger.at
    Ledger.at = lambda place, **_: at(place, lease=lease)  # type: ignore[method-assign]
    from mcp_server import app

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, timeout_graceful_shutdown=5)
