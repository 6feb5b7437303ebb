"""A pinned address over real TLS: the certificate that counts is the name's."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from oxen_video_tools.errors import HubUnavailable
from oxen_video_tools.hub import HubClient, url_guard

from ..clocks import FakeClock
from .wire import MP4, Says, Wire

x509 = pytest.importorskip("cryptography.x509", reason="makes the certificate")


def certificate(folder: Path, name: str) -> Path:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    path = folder / f"{name}.pem"
    path.write_bytes(pem)
    return path


@asynccontextmanager
async def served(wire: Wire, pem: Path) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(wire._serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_guard, "is_public", lambda _address: True)
    monkeypatch.setattr("oxen_video_tools.hub.downloads.getproxies", dict)


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.usefixtures("this_machine_is_public")
@pytest.mark.parametrize("right", [True, False])
async def test_the_certificate_is_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: bool) -> None:
    pem = certificate(tmp_path, "cdn.example" if right else "other.example")
    monkeypatch.setattr("oxen_video_tools.hub.transport._certificates", lambda: ssl.create_default_context(cafile=pem))
    monkeypatch.setenv("NO_PROXY", "*")
    async with Wire(Says(200, MP4)) as wire, served(wire, pem) as port:
        async with HubClient(clock=FakeClock(), resolve=loopback) as hub:
            fetched = hub.download(f"https://cdn.example:{port}/v.mp4", tmp_path / "v.mp4", deadline=5)
            if right:
                assert (await fetched).read_bytes() == MP4
                assert wire.asked[0].headers["host"] == f"cdn.example:{port}"
            else:
                with pytest.raises(HubUnavailable, match=r"(?i)certificate|hostname"):
                    await fetched
                assert wire.asked == []


def test_the_real_context_verifies() -> None:
    from oxen_video_tools.hub.transport import _certificates

    context = _certificates()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert _certificates() is context
