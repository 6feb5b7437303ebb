"""Who is asking, and for what: the scope of an account, and the key under which the same request is found again.

A request is what was asked, before a default model is chosen or anything is translated: the API's defaults filled in,
texts in Unicode's composed form (NFC) without spaces around them, media by what they are (content, generation, link
without its signature), never by where they happen to lie.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from ..ledger.records import to_json
from ..request import DEFAULT_SECONDS, PictureRequest, composed

if TYPE_CHECKING:
    from ..request import VideoRequest

MEDIA = ("input_image", "start_image", "end_image", "input_video", "input_audio")
# Oxen docs, video generation: Request Parameters, column Default.
SEVERAL = ("input_videos", "input_audios")  # beyond the first, which is `input_video` or `input_audio`
DEFAULTS: Mapping[str, Any] = {"aspect_ratio": "16:9", "generate_audio": False, "num_generations": 1}
# Query parameters that only prove that a link may be read, or until when: the same file has others tomorrow.
# Amazon S3 and CloudFront, Google, Azure, Alibaba, Akamai, Cloudflare, Discord, and Oxen's own.
_SIGNATURE = re.compile(
    r"x-(?:amz|goog|oss|tos|ms|bce|cos)-.*|oxen_.*|q-(?:sign|ak|key|header|url).*"
    r"|(?:aws|oss|cos)?accesskeyid|googleaccessid|key-pair-id|policy|signature|sig|se|sp|sv|expires?|expiry|exp"
    r"|(?:access_?|auth_?|security-|secure_?|download_?)?token|hdn(?:ts|ea|tl)|hmac|verify|auth_key|signed",
    re.I,
)
# Shorter than a signature's name should be: they belong to one only where `sig` or `hm` stands beside them.
_BESIDE = {
    "sig": ("sr", "st", "spr", "sip", "srt", "ss", "skoid", "sktid", "skt", "ske", "sks", "skv", "sdd"),
    "hm": ("ex", "is", "hm"),
}
_PORTS = {"https": 443, "http": 80}


def references(request: VideoRequest) -> list[str]:
    """The media of a request, as it names them; each once."""
    found: list[str] = list(request.input_image)
    found += [one for name in MEDIA[1:] if (one := getattr(request, name))]
    found += [one for name in SEVERAL for one in getattr(request, name)]
    found += [one for member in request.cast for one in member.images]
    return list(dict.fromkeys(found))


def canonical_request(request: VideoRequest, namespace: str | None, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """What was asked, in one form however it was put.

    namespace: who pays, where the request does not say.
    fingerprints: what each of `references` is.
    """
    if isinstance(request, PictureRequest):
        return _asked_picture(request, namespace, fingerprints)
    words = request.given()
    words.pop("response_format", None)  # how the answer travels makes no other video
    words["target_namespace"] = request.target_namespace or namespace
    if request.multi_prompt:
        words["multi_prompt"] = [
            {"prompt": shot.prompt, "duration": shot.seconds}
            | ({"take": shot.take} if shot.take else {})
            | ({"still_take": shot.still_take} if shot.still_take and request.stills else {})
            for shot in request.multi_prompt
        ]
        if request.duration == sum(shot.seconds for shot in request.multi_prompt):
            words.pop("duration", None)
    else:
        words.setdefault("duration", DEFAULT_SECONDS)
    words["input_image"] = [fingerprints.get(one, one) for one in request.input_image]
    for member in words.get("cast", ()):
        member["images"] = [fingerprints.get(one, one) for one in member.get("images", ())]
    for name in SEVERAL:
        words[name] = [fingerprints.get(one, one) for one in getattr(request, name)]
    for name in MEDIA[1:]:
        if name in words:
            words[name] = fingerprints.get(words[name], words[name])
    filled = {name: words.get(name, default) for name, default in DEFAULTS.items()}
    whole: dict[str, Any] = _plain(words | filled)
    whole["model_parameters"] = _links_named(whole.get("model_parameters"))
    return {name: value for name, value in whole.items() if value not in (None, [], {})}


def _asked_picture(request: PictureRequest, namespace: str | None, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """A picture has no length and no sound. A still is the same still whatever model or level makes it."""
    words = request.given()
    how = ("model", "level", "quality", "resolution", "model_parameters", "still", "stills")
    for name in ("response_format", *(how if request.still else ())):
        words.pop(name, None)
    words |= {"makes": "still" if request.still else "picture"}
    words["target_namespace"] = request.target_namespace or namespace
    words["input_image"] = [fingerprints.get(one, one) for one in request.input_image]
    for member in words.get("cast", ()):
        member["images"] = [fingerprints.get(one, one) for one in member.get("images", ())]
    whole: dict[str, Any] = _plain(words)
    return {name: value for name, value in whole.items() if value not in (None, [], {}, False)}


def _plain(value: Any) -> Any:
    """5.0 and 5 are one length; "é" is one letter or two signs, and the spaces around a text say nothing."""
    if isinstance(value, str):
        return composed(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _links_named(value: Any) -> Any:
    """A model's own parameters may hold links, too."""
    if isinstance(value, str):
        return link_name(value) if re.match(r"https?://\S+$", value) else value
    if isinstance(value, dict):
        return {name: _links_named(item) for name, item in value.items()}
    return [_links_named(item) for item in value] if isinstance(value, list) else value


def link_name(url: str) -> str:
    """What a link names: all of it but what signs it, who asks for it (user info) and where its query's parts stand.

    A media fragment (`#t=3`) belongs to it. Nothing here may be logged: what is left of the query may be private.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    host = (parts.hostname or "").lower() + (f":{port}" if port not in (None, _PORTS.get(parts.scheme)) else "")
    named = [(unquote_plus(one.partition("=")[0]).lower(), one) for one in parts.query.split("&") if one]
    names = {name for name, _ in named}
    beside = {short for long, several in _BESIDE.items() if long in names for short in several}
    query = "&".join(sorted(one for name, one in named if name not in beside and not _SIGNATURE.fullmatch(name)))
    fragment = parts.fragment if re.match(r"(?:t|xywh|track|id)=", parts.fragment) else ""
    return (
        f"{parts.scheme}://{host}{parts.path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    )


def request_key(words: Mapping[str, Any]) -> str:
    """The key of what `asked` answered."""
    return hashlib.sha256(to_json(words).encode()).hexdigest()


def origin_of(base_url: str) -> str:
    """Scheme, host and port of the hub, in one spelling."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, _PORTS.get(parts.scheme)) else "")


def scope_of(origin: str, *, account: str | None = None, key: str | None = None) -> str:
    """The scope of an account, or, where the hub names none, of a key's hash."""
    return f"{origin}|account:{account}" if account is not None else f"{origin}|key:{key}"


def key_hash(api_key: str | None) -> str:
    """Tells one key from another without telling the key."""
    return hashlib.sha256(f"oxen-video:{api_key or ''}".encode()).hexdigest()[:32]


def clip_key(body: Mapping[str, Any], after: str | None = None) -> str:
    """The content key of a clip: what is sent, media by what they are.

    after: the clip whose last frame it begins with, for a continuous shot.
    """
    shown = {name: value for name, value in body.items() if name != "response_format" and value not in (None, [], {})}
    if shown.get("num_generations") == 1:
        del shown["num_generations"]
    return hashlib.sha256(to_json({"sent": _links_named(_plain(shown)), "after": after}).encode()).hexdigest()
