"""Who is asking, and for what: the scope of an account, and the key under which the same request is found again.

A request is what was asked, before a default model is chosen or anything is translated: the API's defaults filled in,
media by what they are (content, generation, link without its signature), never by where they happen to lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..request import DEFAULT_SECONDS
from .ledger.records import packed

if TYPE_CHECKING:
    from ..request import VideoRequest

MEDIA = ("input_image", "start_image", "end_image", "input_video", "input_audio")
# Oxen docs, video generation: Request Parameters, column Default.
DEFAULTS: Mapping[str, Any] = {"aspect_ratio": "16:9", "generate_audio": False, "num_generations": 1}


def references(request: VideoRequest) -> list[str]:
    """The media of a request, as it names them; each once."""
    found: list[str] = list(request.input_image)
    found += [one for name in MEDIA[1:] if (one := getattr(request, name))]
    return list(dict.fromkeys(found))


def asked(request: VideoRequest, namespace: str | None, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """What was asked, in one form however it was put.

    namespace: who pays, where the request does not say.  fingerprints: what each of `references` is.
    """
    words = request.given()
    words.pop("response_format", None)  # how the answer travels makes no other video
    words["target_namespace"] = request.target_namespace or namespace
    if request.multi_prompt:
        words["multi_prompt"] = [{"prompt": shot.prompt, "duration": shot.seconds} for shot in request.multi_prompt]
        if request.duration == sum(shot.seconds for shot in request.multi_prompt):
            words.pop("duration", None)
    else:
        words.setdefault("duration", DEFAULT_SECONDS)
    words["input_image"] = [fingerprints.get(one, one) for one in request.input_image]
    for name in MEDIA[1:]:
        if name in words:
            words[name] = fingerprints.get(words[name], words[name])
    filled = {name: words.get(name, default) for name, default in DEFAULTS.items()}
    whole: dict[str, Any] = _plain(words | filled)
    return {name: value for name, value in whole.items() if value not in (None, [], {})}


def _plain(value: Any) -> Any:
    """5.0 and 5 are one length."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def request_key(words: Mapping[str, Any]) -> str:
    """The key of what `asked` answered."""
    return hashlib.sha256(packed(words).encode()).hexdigest()


def origin_of(base_url: str) -> str:
    """Scheme, host and port of the hub, in one spelling."""
    parts = urlsplit(base_url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def key_hash(api_key: str | None) -> str:
    """Tells one key from another without telling the key."""
    return hashlib.sha256(f"oxen-video:{api_key or ''}".encode()).hexdigest()[:32]
