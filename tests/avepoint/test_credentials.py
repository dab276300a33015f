"""Test the choice of an account's credential, and the report of --config.check about the credential."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from exporter.avepoint.auth.certificate import ClientCertificate
from exporter.avepoint.auth.credentials import (
    ClientSecret,
    certificate_mistakes,
    credential,
    readable_secrets,
    warn_of_readable_secrets,
)
from exporter.config.schema import Account, Config
from exporter.logs import logger
from tests.avepoint.test_certificate import identity
from tests.helpers import NOW, FakeApi, FakeClock, World, config, tenant

LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
SEATS = {"statusCode": 200, "data": {"purchasedUserSeats": 5}}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def account(**auth: Any) -> Account:
    return config(tenant(auth={"client_id": "app", **auth})).accounts[0]


class Expiries:
    """An observer that records only the expiry times of certificates."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def certificate(self, expires_at: float) -> None:
        self.heard.append(expires_at)


def test_a_secret_or_a_certificate(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    file, observer = tmp_path / "app.pem", Expiries()
    file.write_bytes(identity(key).pem())
    chosen = credential(account(client_secret="x"), FakeClock(), observer)  # type: ignore[arg-type] # hears less
    assert isinstance(chosen, ClientSecret)
    chosen = credential(account(certificate_file=str(file)), FakeClock(), observer)  # type: ignore[arg-type] # as above
    assert isinstance(chosen, ClientCertificate)
    chosen.form()
    assert observer.heard == [NOW + 86_400]


def test_the_check_finds_a_certificate_that_cannot_be_used(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    expired, good = tmp_path / "old.pem", tmp_path / "app.pem"
    expired.write_bytes(identity(key, end=NOW - 86_400, start=NOW - 2 * 86_400).pem())
    good.write_bytes(identity(key).pem())
    accounts = (
        tenant("a", auth={"client_id": "x", "certificate_file": str(good)}),
        tenant("b", auth={"client_id": "x", "certificate_file": str(expired)}),
        tenant("c"),
    )
    problem = "the certificate expired on 2026-11-17; replace the file; no restart is needed"
    assert list(certificate_mistakes(config(*accounts), FakeClock())) == [
        f"accounts[1].auth.certificate_file: {expired}: {problem} (account b)"
    ]


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True), (0o601, True)]
)
def test_files_that_others_can_read_are_warned_of(tmp_path: Path, mode: int, warned: bool) -> None:
    file = tmp_path / "a secret"
    file.write_text("s")
    subject = account(client_secret_file=str(file))
    file.chmod(mode)
    both = Config(accounts=(account(client_secret="x"), subject))
    told = list(readable_secrets(both))
    with capture_logs() as logs:
        warn_of_readable_secrets(subject, logger())
    assert [log["key"] for log in logs] == (["auth.client_secret_file"] if warned else [])
    hints = [log["hint"] for log in logs]
    assert told == [f"accounts[1].auth.client_secret_file: other users can read the file; {hint}" for hint in hints]
    for hint in hints:
        subprocess.run(["sh", "-c", hint], check=True)
    assert list(readable_secrets(both)) == [], "the command in the hint fixes the error"
    file.unlink()
    with capture_logs() as logs:
        warn_of_readable_secrets(subject, logger())
    assert logs == [], "a missing file is reported by the token request"


async def test_a_rotated_certificate_proves_the_next_token_without_a_reload(
    tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    file, seen = tmp_path / "app.pem", []
    first, second = identity(key), identity(rsa.generate_private_key(65537, 2048), end=NOW + 9 * 86_400)
    file.write_bytes(first.pem())
    url = "https://api.example.com/connect/token"

    def token(request: httpx.Request) -> httpx.Response:
        seen.append(dict(httpx.QueryParams(request.content.decode())))
        return httpx.Response(200, content=json.dumps({"access_token": "t", "expires_in": 3600}))

    world = World(FakeApi({LICENSE: SEATS, "/connect/token": token}))
    await world.apply(tenant(collectors={"license": {}}, auth={"client_id": "app", "certificate_file": str(file)}))
    expiry = "avepoint_certificate_expiry_timestamp_seconds"
    assert await world.refresh()
    assert world.value(expiry, account="contoso") == NOW + 86_400
    file.write_bytes(second.pem())
    world.clock.advance(3600)
    assert await world.refresh()
    assert world.value(expiry, account="contoso") == NOW + 9 * 86_400
    for form, one in zip(seen, (first, second), strict=True):
        assert form["grant_type"] == "client_credentials"
        assert "client_secret" not in form
        assertion = {name: form[name] for name in ("client_assertion_type", "client_assertion")}
        claims = jwt.decode(assertion["client_assertion"], options={"verify_signature": False})
        assert claims["aud"] == url
        header = jwt.get_unverified_header(assertion["client_assertion"])
        assert header["kid"] == one.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - as documented
    file.write_bytes(b"garbage")
    world.clock.advance(3600)
    assert not await world.refresh()
    assert world.value("avepoint_up", account="contoso", collector="license") == 0
    assert "the format is not PEM or PFX" in str(world.accounts.snapshot.views()[0].status.failure)
    await world.accounts.stop()


@pytest.mark.parametrize(
    "content", ["hunté".encode("cp1252"), b"\xff\xfe\x00", b"a\nb", b'"quoted"', b"app", b"\x00\x01"]
)
async def test_a_secret_file_that_breaks_one_account_does_not_stop_the_others(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    world = World(FakeApi({LICENSE: SEATS}))
    options: dict[str, Any] = {"license": {}}
    broken = {"client_id": "app", "client_secret_file": str(file)}
    await world.apply(tenant("broken", auth=broken, collectors=options), tenant("works", collectors=options))
    await world.refresh()
    up = {view.account: view.status.up for view in world.accounts.snapshot.views() if view.collector == "license"}
    await world.accounts.stop()
    assert up == {"broken": False, "works": True}
