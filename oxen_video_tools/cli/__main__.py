"""`python -m oxen_video_tools.cli`: the same as `oxen-video`."""

import sys
from pathlib import Path

from . import main

if sys.path[:1] == [str(Path.cwd())]:  # of `python -m`: a project's own numpy.py or copy.py is none of ours
    del sys.path[0]
main()
