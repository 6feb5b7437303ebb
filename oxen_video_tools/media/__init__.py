"""Pixels: what a file is, how it looks, and how several become one. Knows files, not Oxen.

    sniff      what a file is, by its first bytes            (standard library only)
    mp4        whether an MP4 arrived whole                  (standard library only)
    probe      length, size, rate and codecs
    frames     single pictures: the last frame, frames at given times
    sheet      a contact sheet: the whole video as one small JPEG
    inspect    what an agent should know of a video that it can't watch
    join       clips → one film: copied where they match, re-encoded where they do not
    trim       a part of a clip
    understanding   what the words of a shot say: pictograms, size, move, place, light
    animatic   a request → a free preview film
    child      the same in a process of its own, with limits, for servers

Importing any of them is cheap: PyAV, numpy and Pillow are loaded by the first call, and a call without them raises
`NotInstalled`. A file that is no usable media raises `InputUnreadable`. Everything has a bound: see `limits`.
"""
