"""A URL that a model or a record gives must not lead into this machine's network."""

from __future__ import annotations

import pytest

from oxen_video_tools.errors import InputNotAllowed
from oxen_video_tools.hub import HubClient
from oxen_video_tools.hub.url_guard import check_url, is_public, resolve, trusted_with_key

HUB = "https://hub.oxen.ai"
NAMES = {
    "public.example": ["93.184.216.34"],
    "six.example": ["2606:2800:220:1:248:1893:25c8:1946"],
    "inside.example": ["10.0.0.7"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "hub.oxen.ai": ["10.1.1.1"],
}


async def names(host: str, _port: int) -> list[str]:
    return NAMES.get(host, [])


@pytest.mark.parametrize(
    "url",
    [
        "https://public.example/v.mp4?sig=1",
        "http://public.example:8080/v.mp4",
        "https://six.example/v.mp4",
        "https://93.184.216.34/v.mp4",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/v.mp4",
        "https://unknown.example/v.mp4",  # no address to refuse: the hub's server looks it up
        "https://hub.oxen.ai/api/repos/x",  # the hub itself, wherever it is
        "https://HUB.oxen.ai:443/api/repos/x",
    ],
)
async def test_what_may_be_fetched(url: str) -> None:
    assert (await check_url(url, base_url=HUB, resolve=names)).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/v.mp4",
        "http://127.8.9.1:8000/",
        "http://localhost/v.mp4",
        "http://LOCALHOST./v.mp4",
        "http://db.localhost/",
        "http://printer.local/",
        "http://vault.internal/",
        "http://metadata.google.internal/computeMetadata",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://172.16.5.4/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://0/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::a00:1]/",
        "http://[64:ff9b:1::808:808]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fc00::1]/",
        "http://224.0.0.1/",
        "http://[ff02::1]/",
        "http://255.255.255.255/",
        "http://240.0.0.1/",
        "http://198.18.0.1/",
        "https://inside.example/",
        "https://both.example/",  # one address inside is enough
        "https://metadata.example/",
        "file:///etc/passwd",
        "ftp://public.example/v.mp4",
        "gopher://public.example/",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "//public.example/v.mp4",
        "/etc/passwd",
        "public.example/v.mp4",
        "https://",
        "https:///v.mp4",
        "https://[::1/",
        "https://public.example:99999/",
        "https://user@public.example/",
        "https://hub.oxen.ai:x@inside.example/",
        "https://hub.oxen.ai\\@inside.example/",
        "https://public.example/a b",
        "https://public.example/\r\nHost: x",
        " https://public.example/",
        "http://hub.oxen.ai/",  # not the hub: another scheme, and its name lies inside
        "https://hub.oxen.ai:8443/",
        "",
    ],
)
async def test_what_may_not(url: str) -> None:
    with pytest.raises(InputNotAllowed) as caught:
        await check_url(url, base_url=HUB, resolve=names)
    assert caught.value.charged == "no"


async def test_a_refusal_shows_no_query_and_no_password() -> None:
    with pytest.raises(InputNotAllowed) as caught:
        await check_url("https://me:topsecret@inside.example/a?sig=alsosecret", base_url=HUB, resolve=names)
    assert "secret" not in caught.value.words


async def test_the_hub_may_be_on_this_machine_and_only_there() -> None:
    hub = "http://127.0.0.1:8123"
    assert (await check_url("http://127.0.0.1:8123/result.mp4", base_url=hub, resolve=names)).addresses == ()
    for other in ("http://127.0.0.1:8124/", "http://127.0.0.1/", "https://127.0.0.1:8123/", "http://localhost:8123/"):
        with pytest.raises(InputNotAllowed):
            await check_url(other, base_url=hub, resolve=names)


async def test_the_addresses_that_were_checked_are_kept() -> None:
    place = await check_url("https://public.example/v.mp4", base_url=HUB, resolve=names)
    assert place.addresses == ("93.184.216.34",)
    assert place.origin == ("https", "public.example", 443)


@pytest.mark.parametrize(
    ("url", "base_url", "trusted"),
    [
        ("https://hub.oxen.ai/api/x", HUB, True),
        ("https://hub.oxen.ai:443/api/x", HUB, True),
        ("https://HUB.OXEN.AI/api/x", HUB, True),
        ("http://hub.oxen.ai/api/x", HUB, False),
        ("https://hub.oxen.ai:444/api/x", HUB, False),
        ("https://hub.oxen.ai.evil.example/", HUB, False),
        ("https://evil.example/?hub.oxen.ai", HUB, False),
        ("https://cdn.hub.oxen.ai/", HUB, False),
        ("http://127.0.0.1:9/x", "http://127.0.0.1:9", True),
        ("http://127.0.0.1:8/x", "http://127.0.0.1:9", False),
        ("http://hub.lan/x", "http://hub.lan", False),
        ("nonsense", HUB, False),
        ("https://[", HUB, False),
    ],
)
def test_who_is_trusted_with_the_key(url: str, base_url: str, trusted: bool) -> None:
    assert trusted_with_key(url, base_url) is trusted


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_what_is_no_address_is_not_public() -> None:
    assert not is_public("example.com")


async def test_the_system_looks_names_up() -> None:
    assert set(await resolve("localhost", 80)) & {"127.0.0.1", "::1"}
    assert await resolve("no-such-name.invalid", 80) == []
    assert await resolve("x" * 300, 80) == []


async def test_the_client_answers_for_a_url() -> None:
    hub = HubClient(resolve=names)
    assert await hub.fetchable("https://public.example/a.png?s=1") == "https://public.example/a.png?s=1"
    with pytest.raises(InputNotAllowed):
        await hub.fetchable("https://inside.example/a.png")
