"""Test authentication with a certificate: signed assertions, and errors for unusable certificate files."""

import asyncio
import base64
import datetime as dt
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from exporter.avepoint.auth import key_file
from exporter.avepoint.auth.certificate import ASSERTION_TYPE, ClientCertificate
from exporter.avepoint.auth.key_file import KeyFile, KeyFileError, parse_in_child
from exporter.config.schema import Auth
from exporter.errors import TokenError
from tests.helpers import NOW, FakeClock

TOKEN_URL = "https://identity.example.com/connect/token"
PASSWORD = b"correct horse "  # the trailing space is part of the password
PEM = Encoding.PEM
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Identity:
    key: Key
    certificate: x509.Certificate

    def pem(self, password: bytes | None = None, *, traditional: bool = False) -> bytes:
        form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
        encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self.certificate.public_bytes(PEM) + self.key.private_bytes(PEM, form, encryption)

    def pfx(self, password: bytes | None = None, others: list[x509.Certificate] | None = None) -> bytes:
        encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"app", self.key, self.certificate, others, encryption)


def identity(key: Key, *, start: float = NOW - 86_400, end: float = NOW + 86_400) -> Identity:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(dt.datetime.fromtimestamp(start, dt.UTC))
    return Identity(key, builder.not_valid_after(dt.datetime.fromtimestamp(end, dt.UTC)).sign(key, hashes.SHA256()))


@pytest.fixture(scope="module")
def keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def app(keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> Identity:
    return identity(keys[0])


class Bench:
    """Loads a credential from a certificate file, and records the reported expiry times."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "app.pem"
        self.password = folder / "password"
        self.clock = FakeClock()
        self.expiries: list[float] = []

    def credential(self, content: bytes | None, password: bytes | None = None, **auth: Any) -> ClientCertificate:
        if content is not None:
            self.file.write_bytes(content)
        if password is not None:
            self.password.write_bytes(password)
            auth["certificate_password_file"] = self.password
        settings = Auth.model_construct(client_id="the-app", certificate_file=self.file, **auth)
        return ClientCertificate(settings, TOKEN_URL, self.clock, self.expiries.append)

    def problem(self, content: bytes | None, password: bytes | None = None, **auth: Any) -> str:
        with pytest.raises(TokenError) as caught:
            self.credential(content, password, **auth).form()
        assert caught.value.reason == "credential"
        words = {"password": "certificate_password_file", "no such file": "create it, or correct the path; no restart"}
        hints = (hint for word, hint in words.items() if word in str(caught.value))
        assert next(hints, "replace the file") in caught.value.hint
        return str(caught.value).removeprefix(f"{self.file}: ")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def verified(form: Any, certificate: x509.Certificate) -> tuple[dict[str, Any], dict[str, Any]]:
    assert form.keys() == {"client_assertion_type", "client_assertion"}
    assert form["client_assertion_type"] == ASSERTION_TYPE
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(form["client_assertion"], key, ["RS256"], audience=TOKEN_URL, options=options)
    return jwt.get_unverified_header(form["client_assertion"]), claims


def test_the_assertion_says_what_avepoint_wants(bench: Bench, app: Identity) -> None:
    header, claims = verified(bench.credential(app.pem()).form(), app.certificate)
    digest = app.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - as documented
    x5t = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert header == {"alg": "RS256", "typ": "JWT", "kid": digest.hex().upper(), "x5t": x5t}
    assert len(claims.pop("jti")) >= 32
    assert claims == {
        "iss": "the-app", "sub": "the-app", "aud": TOKEN_URL, "iat": NOW, "nbf": NOW, "exp": NOW + 300,
    }  # fmt: skip


def test_each_assertion_is_another(bench: Bench, app: Identity) -> None:
    credential = bench.credential(app.pem())
    seen = set()
    for _ in range(5):
        bench.clock.advance(60)
        _, claims = verified(credential.form(), app.certificate)
        assert claims["iat"] == int(bench.clock.time())
        seen.add(claims["jti"])
    assert len(seen) == 5


def forms(app: Identity) -> dict[str, tuple[bytes, bytes | None]]:
    public = app.certificate.public_bytes(PEM)
    chained = identity(ec.generate_private_key(ec.SECP256R1())).certificate
    return {
        "pem": (app.pem(), None),
        "key first": (app.pem().removeprefix(public) + public, None),
        "chain": (chained.public_bytes(PEM) + app.pem(), None),
        "rsa key": (app.pem(traditional=True), None),
        "encrypted": (app.pem(PASSWORD), PASSWORD),
        "encrypted rsa key": (app.pem(PASSWORD, traditional=True), PASSWORD + b"\r\n"),
        "needless password": (app.pem(), PASSWORD),
        "pfx": (app.pfx(PASSWORD), PASSWORD + b"\n"),
        "pfx without": (app.pfx(), None),
        "pfx with a needless password": (app.pfx(), PASSWORD),
        "pfx chain": (app.pfx(PASSWORD, [chained]), PASSWORD),
        "pfx in base64": (base64.encodebytes(app.pfx(PASSWORD)), PASSWORD),
        "pem in UTF-16": (app.pem().decode().encode("utf-16"), None),
        "password in UTF-16": (app.pfx(PASSWORD), (PASSWORD.decode() + "\r\n").encode("utf-16")),
    }  # fmt: skip


FORMS = ("pem", "key first", "chain", "rsa key", "encrypted", "encrypted rsa key", "needless password", "pfx",
         "pfx without", "pfx with a needless password", "pfx chain", "pfx in base64", "pem in UTF-16",
         "password in UTF-16")  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_is_read(bench: Bench, app: Identity, name: str) -> None:
    content, password = forms(app)[name]
    verified(bench.credential(content, password).form(), app.certificate)
    assert bench.expiries == [NOW + 86_400]


def test_a_password_of_the_environment(bench: Bench, app: Identity) -> None:
    name = "AVEPOINT_TEST_PASSWORD"
    os.environ[name] = PASSWORD.decode()
    try:
        verified(bench.credential(app.pfx(PASSWORD), certificate_password_env=name).form(), app.certificate)
    finally:
        del os.environ[name]
    assert bench.problem(app.pfx(PASSWORD), certificate_password_env=name) == "needs a password"


def test_what_is_wrong_is_said(bench: Bench, app: Identity, keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> None:
    public = app.certificate.public_bytes(PEM)
    own_key = app.pem()[len(public) :]
    other = identity(keys[1])
    elliptic = identity(ec.generate_private_key(ec.SECP256R1()))
    assert bench.problem(app.pem(PASSWORD)) == "needs a password"
    assert bench.problem(app.pem(PASSWORD, traditional=True)) == "needs a password"
    assert bench.problem(app.pem(PASSWORD), b"wrong") == "the password is wrong"
    assert bench.problem(app.pfx(PASSWORD), b"wrong") == "the password is wrong"
    bench.password.unlink()
    assert bench.problem(app.pfx(PASSWORD)) == "needs a password"
    assert bench.problem(public) == "contains no private key"
    assert bench.problem(pkcs12.serialize_key_and_certificates(None, None, app.certificate, None, NoEncryption())) == (
        "contains no private key"
    )
    assert bench.problem(own_key) == "contains no certificate"
    assert (
        bench.problem(other.certificate.public_bytes(PEM) + own_key) == "the private key does not match the certificate"
    )
    assert bench.problem(elliptic.pem()) == "contains a key that is not an RSA key"
    assert bench.problem(elliptic.pfx(PASSWORD), PASSWORD) == "contains a key that is not an RSA key"
    bench.password.unlink()
    assert bench.problem(b"garbage") == "the format is not PEM or PFX"
    assert bench.problem(b"\x30\x82\x00\x00") == "the format is not PEM or PFX"
    broken = public.replace(b"MII", b"AAA", 1)
    assert bench.problem(broken + own_key) == "the certificate in the file cannot be read"
    nonsense = base64.encodebytes(b"no key at all")
    assert bench.problem(public + b"-----BEGIN PRIVATE KEY-----\n" + nonsense + b"-----END PRIVATE KEY-----\n") == (
        "the private key in the file cannot be read"
    )
    assert bench.expiries == []


def test_a_certificate_is_used_only_while_it_is_valid(
    bench: Bench, keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]
) -> None:
    assert bench.problem(identity(keys[0], end=NOW - 1).pem()) == "the certificate expired on 2026-11-18"
    assert bench.problem(identity(keys[0], end=NOW).pem()) == "the certificate expired on 2026-11-18"
    late = identity(keys[0], start=NOW + 86_400, end=NOW + 2 * 86_400)
    assert bench.problem(late.pem()) == "the certificate is not valid before 2026-11-19"
    assert bench.expiries == [NOW - 1, NOW, NOW + 2 * 86_400], "the expiry of an expired certificate is still reported"


def test_files_that_are_not_there(bench: Bench, app: Identity) -> None:
    assert bench.problem(None) == "cannot read the file: no such file or directory"
    bench.file.write_bytes(app.pfx(PASSWORD))
    missing = bench.file.with_name("missing")
    assert bench.problem(None, certificate_password_file=missing).endswith(
        "missing: cannot read the file: no such file or directory"
    )
    auth = Auth.model_construct(client_id="x", certificate_file=None)
    with pytest.raises(TokenError, match="certificate_file is not set"):
        ClientCertificate(auth, TOKEN_URL, bench.clock, bench.expiries.append).form()


def test_a_file_is_read_again_at_each_use(
    bench: Bench, app: Identity, keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]
) -> None:
    credential = bench.credential(app.pem())
    verified(credential.form(), app.certificate)
    renewed = identity(keys[1], end=NOW + 9 * 86_400)
    bench.file.write_bytes(renewed.pem())
    header, _ = verified(credential.form(), renewed.certificate)
    assert header["kid"] == renewed.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - as documented
    assert bench.expiries == [NOW + 86_400, NOW + 9 * 86_400]


def test_a_certificate_in_the_chain_that_cannot_be_understood_is_passed_over(bench: Bench, app: Identity) -> None:
    kind = bytes.fromhex("06092a864886f70d010101")  # the key type rsaEncryption
    strange = app.certificate.public_bytes(Encoding.DER).replace(kind, kind[:-1] + b"\x63")
    wrapped = x509.load_der_x509_certificate(strange).public_bytes(PEM)
    verified(bench.credential(wrapped + app.pem()).form(), app.certificate)


def test_it_never_shows_what_it_holds(bench: Bench, app: Identity) -> None:
    credential = bench.credential(app.pem(PASSWORD), PASSWORD)
    pair = credential.load()
    for text in (repr(credential), str(credential), repr(pair)):
        assert "horse" not in text
        assert "RSAPrivateKey" not in text


async def test_the_event_loop_runs_while_a_file_with_many_iterations_is_decrypted(bench: Bench, app: Identity) -> None:
    encryption = (
        PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1_000_000).hmac_hash(hashes.SHA256()).build(b"secret")
    )
    content = pkcs12.serialize_key_and_certificates(None, app.key, app.certificate, None, encryption)
    credential = bench.credential(content, b"secret")
    request, ticks = asyncio.ensure_future(asyncio.to_thread(credential.form)), 0
    while not request.done():
        await asyncio.sleep(0.005)
        ticks += 1
    verified(await request, app.certificate)
    assert ticks > 20


def test_a_file_is_parsed_again_only_after_a_change(bench: Bench, app: Identity) -> None:
    credential = bench.credential(app.pem())
    assert credential.load() is credential.load()
    bench.file.write_bytes(app.pem() + b"\n")
    other = credential.load()
    assert other is not bench.credential(None).load()
    assert other.certificate == app.certificate


@pytest.mark.parametrize("cause", [subprocess.CalledProcessError(1, "x"), subprocess.TimeoutExpired("x", 1)])
def test_a_child_process_that_fails(cause: Exception, bench: Bench, app: Identity) -> None:
    def run(*_: object, **__: object) -> Any:
        raise cause

    with pytest.raises(KeyFileError, match="cannot be parsed"):
        parse_in_child(KeyFile(app.pem(), None), run)
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(KeyFileError, match="cannot be parsed"):
        parse_in_child(KeyFile(b"", None), lambda *_, **__: SimpleNamespace(stdout=json.dumps({"key": key})))


def test_the_child_process_returns_the_key_or_the_problem(app: Identity) -> None:
    for password in (None, b"unused"):
        request = key_file._encoded(KeyFile(app.pem(), password))
        assert json.loads(key_file.parsed_in_child(request)).keys() == {"key", "certificate"}
    result = json.loads(key_file.parsed_in_child(key_file._encoded(KeyFile(b"x", None))))
    assert result == {"problem": "the format is not PEM or PFX", "is_of_password": False}
