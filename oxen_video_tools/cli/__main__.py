"""`python -m oxen_video_tools.cli`: the same as `oxen-video`."""

from . import main

main()
