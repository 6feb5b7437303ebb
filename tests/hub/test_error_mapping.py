"""Each body and status of the hub's error table: which kind, whose words, what a reader is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oxen_video_tools.errors import (
    HubUnavailable,
    InsufficientCredits,
    InvalidRequest,
    ModelNotFound,
    Moderated,
    NotFound,
    OxenError,
    RateLimited,
    SubmissionUnclear,
    Unauthenticated,
)
from oxen_video_tools.hub.error_mapping import Reply, after_paying, error_message, retry_after, to_error

HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
PREFIX = "Getting model response error: 422 - Value error, "
BOTH = PREFIX + "Cannot provide both 'prompt' and 'multi_prompt'."
NEITHER = PREFIX + "Either 'prompt' or 'multi_prompt' must be provided."
DURATION = (
    "duration value '2' is invalid. Try using duration='5' instead, as duration support may vary by model and mode."
)
TOTAL = "Total shot duration (16s) exceeds maximum allowed (15s)."
ENUM = "Input should be '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13', '14' or '15'"
MODERATION = "DataInspectionFailed - Green net check failed for text (input): inappropriate"


def reply(status: int, body: Any, **headers: str) -> Reply:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(status, content, {name.replace("_", "-"): value for name, value in headers.items()})


def wrapped(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


# status, body, kind of error, a part of its words
TABLE: list[tuple[int, Any, type[OxenError], str]] = [
    # {"error": {type, title, detail?}, "status": "error", "status_message"}
    (
        400,
        {
            "error": {"type": "invalid_params", "title": "Bad", "detail": "num_generations must be 1..4"},
            "status": "error",
            "status_message": "bad_request",
        },
        InvalidRequest,
        "num_generations must be 1..4",
    ),
    (
        401,
        {
            "error": {"type": "unauthenticated", "title": "You must create an account."},
            "status": "error",
            "status_message": "unauthenticated",
        },
        Unauthenticated,
        "You must create an account.",
    ),
    (
        404,
        {
            "error": {"type": "resource_not_found", "title": "Resource not found"},
            "status": "error",
            "status_message": "resource_not_found",
        },
        NotFound,
        "Resource not found",
    ),
    (404, wrapped("Model not found: nope"), ModelNotFound, "Model not found: nope"),
    (401, {"error": {"type": "unauthenticated", "title": "No key"}}, Unauthenticated, "No key"),
    (401, wrapped("Invalid API key"), Unauthenticated, "Invalid API key"),
    (403, wrapped("Not yours"), Unauthenticated, "Not yours"),
    (
        402,
        {"error": {"type": "insufficient_credits", "title": "You have run out of credits."}},
        InsufficientCredits,
        "You have run out of credits.",
    ),
    (
        403,
        {"error": {"type": "insufficient_credits", "title": "You have run out of credits."}},
        InsufficientCredits,
        "credits",
    ),
    (402, "", InsufficientCredits, "402"),
    # {"error": "text"}, {"status_message": ...}, {"error": {"detail": ":unsupported_media_type"}}
    (400, {"error": "prompt is too long"}, InvalidRequest, "prompt is too long"),
    (429, {"status_message": "rate_limited"}, RateLimited, "rate_limited"),
    (400, {"status_message": "rate_limited"}, RateLimited, "rate_limited"),
    (415, {"error": {"detail": ":unsupported_media_type"}}, InvalidRequest, "unsupported_media_type"),
    # {"error": {"type": "upstream", "title"}, "status": 502}, a number
    (502, {"error": {"type": "upstream", "title": "Upstream failed"}, "status": 502}, HubUnavailable, "Upstream"),
    (
        429,
        {"error": {"type": "lock_timeout"}, "status_message": "too_many_requests"},
        RateLimited,
        "lock_timeout",
    ),
    # repo routes, plain text, HTML
    (
        400,
        {"status": "error", "status_message": "bad_request", "status_description": "No such branch"},
        InvalidRequest,
        "No such branch",
    ),
    (500, "upstream connect error", HubUnavailable, "upstream connect error"),
    (502, HTML, HubUnavailable, "502"),
    (503, "", HubUnavailable, "503"),
    (504, HTML, HubUnavailable, "504"),
    (500, {"error": {"type": "unknown_error", "title": "Something went wrong"}}, HubUnavailable, "went wrong"),
    (408, "", HubUnavailable, "408"),
    (425, "", HubUnavailable, "425"),
    (404, HTML, NotFound, "404"),
    (410, "", NotFound, "410"),
    (426, {"error": {"type": "update_required"}}, HubUnavailable, "426"),
    (301, "", HubUnavailable, "301"),
    (409, {"status_message": "resource_already_exists"}, InvalidRequest, "already_exists"),
    # documented sentences
    (422, wrapped(BOTH), InvalidRequest, BOTH),
    (400, wrapped(NEITHER), InvalidRequest, NEITHER),
    (400, wrapped(DURATION), InvalidRequest, DURATION),
    (400, wrapped(TOTAL), InvalidRequest, TOTAL),
    (422, wrapped(ENUM), InvalidRequest, ENUM),
    (422, wrapped("Field required"), InvalidRequest, "Field required"),
    (400, wrapped(MODERATION), Moderated, "Green net check"),
    (400, {"error": MODERATION}, Moderated, "DataInspectionFailed"),
    (403, wrapped("Your request was flagged by our content policy"), Moderated, "content policy"),
    # 200 that carries an error
    (200, {"error": {"type": "insufficient_credits", "title": "Out"}}, InsufficientCredits, "Out"),
    (200, {"error": "who knows"}, HubUnavailable, "who knows"),
    # shapes nobody promised
    (400, {"error": {"detail": [{"msg": "Field required", "loc": ["shots", 0]}]}}, InvalidRequest, "Field required"),
    (400, {"errors": {"name": ["has already been taken"]}}, InvalidRequest, "already been taken"),
    (400, ["odd"], InvalidRequest, "400"),
    (400, '"only text"', InvalidRequest, "only text"),
    (418, {"error": None}, InvalidRequest, "418"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), TABLE)
def test_the_kind_and_the_words(status: int, body: Any, kind: type[OxenError], words: str) -> None:
    error = to_error(reply(status, body), "do a thing")
    assert type(error) is kind
    assert words in error.message
    assert error.status_code == status
    assert "<html" not in error.message.lower()


@pytest.mark.parametrize(("status", "body", "kind", "words"), TABLE)
def test_after_paying_it_is_a_refusal_or_unclear(status: int, body: Any, kind: type[OxenError], words: str) -> None:
    sent = {"model": "m", "prompt": "p"}
    error = after_paying(reply(status, body), "enqueue", sent=sent)
    unclear = status in (408, 425) or status >= 500
    if unclear:
        assert type(error) is SubmissionUnclear
        assert error.sent == sent
        assert error.charged == "unknown"
    else:
        assert type(error) is kind
        assert error.charged == "no"
    assert error.status_code == status


@pytest.mark.parametrize("status", [*range(400, 500)])
def test_every_4xx_but_408_and_425_is_a_refusal(status: int) -> None:
    error = after_paying(reply(status, ""), "enqueue", sent={})
    assert isinstance(error, SubmissionUnclear) is (status in (408, 425))
    assert error.charged == ("unknown" if status in (408, 425) else "no")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 300, 302, 303, 304, *range(500, 512), 520, 599])
@pytest.mark.parametrize("body", ["", "{}", HTML, '{"generations": []}', '{"error": {"type": ""}}', "null"])
def test_without_ids_and_without_an_error_it_is_unclear(status: int, body: str) -> None:
    assert isinstance(after_paying(reply(status, body), "enqueue", sent={"a": 1}), SubmissionUnclear)


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_that_was_not_carried_out_is_a_refusal(status: int) -> None:
    error = after_paying(reply(status, ""), "enqueue", sent={})
    assert type(error) is HubUnavailable
    assert (error.charged, error.retry) == ("no", False)
    assert error.fix is not None
    assert "OXEN_BASE_URL" in error.fix


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"type": "unauthenticated"}}, Unauthenticated),
        ({"error": {"type": "invalid_params", "title": "bad"}}, InvalidRequest),
        ({"error": {"type": "insufficient_credits"}}, InsufficientCredits),
        ({"error": {"type": "resource_not_found"}}, NotFound),
        ({"error": "You have run out of credits."}, InsufficientCredits),
        ({"error": "Insufficient credits"}, InsufficientCredits),
        (wrapped("Model not found: x"), ModelNotFound),
        (wrapped(BOTH), InvalidRequest),
        (wrapped(MODERATION), Moderated),
        ({"status_message": "rate_limited", "error": True}, RateLimited),
        ({"generations": [], "error": {"type": "insufficient_credits"}}, InsufficientCredits),
    ],
)
def test_a_200_with_a_known_error_is_a_refusal(body: Any, kind: type[OxenError]) -> None:
    error = after_paying(reply(200, body), "enqueue", sent={})
    assert type(error) is kind
    assert error.charged == "no"


def test_best_words_come_first() -> None:
    body: dict[str, Any] = {
        "error": {"detail": "d", "message": "m", "title": "t", "type": "y"},
        "status_description": "sd",
        "status_message": "sm",
    }
    order = []
    for name in ("detail", "message", "title"):
        order.append(error_message(body))
        del body["error"][name]
    body["error"] = "text"
    order.append(error_message(body))
    del body["error"]
    order.append(error_message(body))
    del body["status_description"]
    order.append(error_message(body))
    assert order == ["d", "m", "t", "text", "sd", "sm"]
    assert error_message(..., b"the raw text") == "the raw text"


def test_words_are_short_and_hold_no_secret() -> None:
    long = to_error(reply(400, {"error": "x" * 100_000}), "do it")
    assert len(long.message) < 700
    leaky = {"error": {"message": "Invalid key sk-12345678 at https://hub.oxen.ai/v?oxen_signature=zzz"}}
    error = to_error(reply(401, leaky), "do it", secret="sk-12345678")
    assert "sk-12345678" not in error.words
    assert "zzz" not in error.words


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_both_forms(told: str, seconds: float | None) -> None:
    now = 1792567650.0  # Wed, 21 Oct 2026 07:27:30 GMT
    assert retry_after({"retry-after": told}, now) == seconds


def test_a_date_is_read_by_the_hubs_own_clock() -> None:
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:27:50 GMT"}
    assert retry_after(headers, 5.0) == 10.0


def test_a_429_says_how_long() -> None:
    error = to_error(reply(429, {"status_message": "rate_limited"}, retry_after="12"), "list")
    assert error.retry_after == 12
    assert error.retry
