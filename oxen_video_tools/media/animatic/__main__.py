"""`python -m oxen_video_tools.media.animatic`: draws the films that its parent asks for on the standard input."""

from .worker import serve

if __name__ == "__main__":
    serve()
