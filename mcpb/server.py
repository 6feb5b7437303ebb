"""What the bundle starts: the server of the package, over stdio."""

from oxen_video_tools.mcp.__main__ import main

main([])
