"""Callers with tokens of an identity provider: found by metadata, made for this server, never passed on to the hub."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from oxen_video_tools.errors import InvalidRequest, Unauthenticated
from oxen_video_tools.mcp.auth import IdentityProvider
from oxen_video_tools.mcp.callers import caller_in
from oxen_video_tools.mcp.http import http_app
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.clocks import HUNG, FakeClock

from .conftest import KEY, QUIET
from .issuer import RESOURCE_SERVER, Issuer, issuing
from .serving import TOKEN, asgi, bearer, client_with, free_port, patient, words
from .test_http import hello

SECRET = "a-secret-of-32-characters-or-more"


@pytest.fixture(params=["signed", "opaque"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with issuing(opaque=request.param == "opaque") as running:
        yield running


@contextmanager
def serving(settings: Settings, issuer: Issuer, **changes: Any) -> Iterator[str]:
    port = free_port()
    given = {"token": TOKEN, "scopes": ("video",), "client": RESOURCE_SERVER if issuer.opaque else None}
    public = {"public_url": f"http://127.0.0.1:{port}", "secrets": (SECRET,), "issuer": issuer.url}
    with asgi(http_app(settings, replace(QUIET, **given | public | changes)), port) as address:
        yield address


class Kept:
    """Where the client keeps what it learnt."""

    tokens: OAuthToken | None = None
    info: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.info = client_info


async def test_a_client_finds_the_issuer_gets_a_token_and_makes_a_video(
    settings: Settings, hub: Sandbox, issuer: Issuer, tmp_path: Path
) -> None:
    """The SDK's client from the first 401 on: metadata, registration, consent, token, call."""
    redirected: list[str] = []

    async def redirect(url: str) -> None:
        async with httpx.AsyncClient() as browser:  # whose user agrees
            redirected.append((await browser.get(url)).headers["location"])

    async def back() -> AuthorizationCodeResult:
        said = parse_qs(urlsplit(redirected[-1]).query)
        return AuthorizationCodeResult(code=said["code"][0], state=said["state"][0])

    kept, audit = Kept(), tmp_path / "audit.jsonl"
    with serving(settings, issuer, audit=audit) as address:
        auth = OAuthClientProvider(
            f"{address}/mcp",
            OAuthClientMetadata(redirect_uris=[AnyUrl("http://127.0.0.1:1/back")], scope="video"),
            kept,
            redirect_handler=redirect,
            callback_handler=back,
        )
        async with (
            httpx2.AsyncClient(auth=auth, timeout=HUNG) as http,
            Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
        ):
            made = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
        assert made["status"] == "succeeded" and kept.tokens is not None
        token = kept.tokens.access_token
        assert token not in str(made) and issuer.user not in made["url"]
        assert patient.get(made["url"]).status_code == 302
    assert hub.ledger()["accepted"] == 1, "the server's key paid"
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert {line["user"] for line in lines} == {issuer.user} and all(one["caller"].startswith("user-") for one in lines)
    with pytest.raises(Unauthenticated):
        from oxen_video_tools.hub import HubClient

        async with HubClient(api_key=None, base_url=hub.base_url) as nobody:  # the hub does want a key
            await nobody.list()


def test_a_stranger_is_told_where_tokens_come_from(settings: Settings, issuer: Issuer) -> None:
    with serving(settings, issuer) as address:
        refused = hello(address)
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        place = f"{address}/.well-known/oauth-protected-resource/mcp"
        assert f'resource_metadata="{place}"' in challenge and 'scope="video"' in challenge
        told = patient.get(place).json()
        assert told["resource"] == f"{address}/mcp" and told["authorization_servers"] == [issuer.url]
        assert told["scopes_supported"] == ["video"]
        assert hello(address, **bearer(TOKEN)).status_code == 200, "the owner's token stays"


WRONG: dict[str, dict[str, Any]] = {
    "for another server": {"aud": "https://other.example/mcp"},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "out of date": {"exp": 1_600_000_000},
    "for ever": {"exp": None},
    "not yet": {"nbf": int(time.time()) + 3_600},
    "of nobody": {"sub": None},
    "with a number as its user": {"sub": 7},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_is_not_for_us_is_refused(settings: Settings, issuer: Issuer, wrong: str) -> None:
    with serving(settings, issuer) as address:
        usual = {"aud": f"{address}/mcp", "scope": "video"}
        good = issuer.token(**usual)
        bad = issuer.token(**usual | WRONG[wrong])
        assert hello(address, **bearer(good)).status_code == 200
        refused = hello(address, **bearer(bad))
    assert refused.status_code == 401 and "invalid_token" in refused.headers["www-authenticate"]


def test_a_token_that_allows_too_little_says_so(settings: Settings, issuer: Issuer) -> None:
    with serving(settings, issuer) as address:
        refused = hello(address, **bearer(issuer.token(aud=f"{address}/mcp", scope="mail")))
    assert refused.status_code == 403 and 'error="insufficient_scope"' in refused.headers["www-authenticate"]


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "signed by somebody else": lambda said: jwt.encode(
        said, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": "one"}
    ),
    "signed with a secret": lambda said: jwt.encode(said, "s" * 32, algorithm="HS256", headers={"kid": "one"}),
    "not signed": lambda said: jwt.encode(said, "", algorithm="none", headers={"kid": "one"}),
    "an Oxen key": lambda _: KEY,
    "three dots": lambda _: "a.b.c",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_refused_and_the_issuer_is_not_troubled(settings: Settings, kind: str) -> None:
    with issuing() as issuer, serving(settings, issuer, unproven=1000.0) as address:
        said = {
            "iss": issuer.url,
            "sub": "eve",
            "exp": int(time.time()) + 300,
            "aud": f"{address}/mcp",
            "scope": "video",
        }
        for _ in range(5):
            assert hello(address, **bearer(FORGED[kind](said))).status_code == 401
        unknown = jwt.encode(said, issuer.key, algorithm="ES256", headers={"kid": "unknown"})
        assert hello(address, **bearer(unknown)).status_code == 401
        assert issuer.asked <= 1


def test_new_keys_of_the_issuer_are_found(settings: Settings) -> None:
    clock = FakeClock(start=time.time(), auto=False)
    with issuing() as issuer:
        port = free_port()
        given = {"public_url": f"http://127.0.0.1:{port}", "secrets": (SECRET,), "issuer": issuer.url}
        with asgi(http_app(settings, replace(QUIET, **given), clock=clock), port) as address:
            usual = {"aud": f"{address}/mcp", "exp": int(time.time()) + 3_600}
            assert hello(address, **bearer(issuer.token(**usual))).status_code == 200
            issuer.key, issuer.kid = ec.generate_private_key(ec.SECP256R1()), "two"
            turned = issuer.token(**usual)
            assert hello(address, **bearer(turned)).status_code == 401, "asked again too soon"
            clock._passed += 61
            assert hello(address, **bearer(turned)).status_code == 200
            assert issuer.asked == 2


def test_a_token_that_was_revoked_is_not_believed_for_long(settings: Settings) -> None:
    clock = FakeClock(start=time.time(), auto=False)
    with issuing(opaque=True) as issuer:
        port = free_port()
        given = {"public_url": f"http://127.0.0.1:{port}", "secrets": (SECRET,), "issuer": issuer.url}
        options = replace(QUIET, client=RESOURCE_SERVER, **given)
        with asgi(http_app(settings, options, clock=clock), port) as address:
            token = issuer.token(aud=f"{address}/mcp", exp=int(time.time()) + 3_600)
            assert [hello(address, **bearer(token)).status_code for _ in range(3)] == [200] * 3
            assert issuer.asked == 1
            issuer.tokens.clear()
            clock._passed += 301
            assert hello(address, **bearer(token)).status_code == 401


async def test_who_pays_can_be_said_beside_the_token(settings: Settings, issuer: Issuer) -> None:
    with Sandbox(picture_height=96, api_key="adas-own-key") as own:
        with serving(replace(settings, base_url=own.base_url), issuer) as address:
            token = bearer(issuer.token(aud=f"{address}/mcp", scope="video"))
            key = {"X-Oxen-Api-Key": "adas-own-key"}
            async with client_with(address, headers=token | key) as client:
                made = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
            assert made["status"] == "succeeded"
            assert hello(address, **key).status_code == 401, "a key alone is not enough here"
            assert hello(address, **token, **{"X-Oxen-Api-Key": "nobodys"}).status_code == 401


async def test_two_people_have_sessions_and_folders_of_their_own(settings: Settings, issuer: Issuer) -> None:
    with serving(settings, issuer) as address:
        folders = set()
        for user in ("ada", "bob"):
            headers = bearer(issuer.token(aud=f"{address}/mcp", scope="video", sub=user))
            async with client_with(address, headers=headers) as client:
                made = words(await client.call_tool("generate_video", {"prompt": f"a fox of {user}"}))
                saved = words(await client.call_tool("save_video", {"videos": [made["generation_id"]]}))
                folders.add(Path(saved["file"]).parent)
            if user == "ada":
                session = hello(address, **headers).headers["mcp-session-id"]
            else:
                assert hello(address, **headers, **{"Mcp-Session-Id": session}).status_code == 404
    assert len(folders) == 2 and all(folder.name.startswith("user-") for folder in folders)


def test_an_issuer_that_is_down_opens_nothing(settings: Settings) -> None:
    with issuing() as issuer:
        pass
    with serving(settings, issuer) as address:
        assert hello(address, **bearer("a.b.c")).status_code == 503
        assert hello(address, **bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "given", [{"issuer": "https://id.example"}, {"issuer": "http://id.example", "public_url": "https://v.example"}]
)
def test_settings_that_can_not_be_safe_are_refused_at_the_start(given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        IdentityProvider(ServerSettings(secrets=(SECRET,), **given), FakeClock())


def test_with_an_issuer_other_bearers_are_no_keys() -> None:
    assert caller_in({"authorization": "Bearer abc"}, TOKEN, provided=True) is None
