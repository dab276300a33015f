"""The server creates TLS contexts, and reloads changed certificate files."""

import base64
import logging
import os
import shutil
import ssl
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from exporter.config.web_schema import TlsServerConfig
from exporter.errors import ConfigError
from exporter.web.protection import LiveProtection, load_protection
from exporter.web.tls import build_context, expired_certificates, is_allowed

SALT = b"$2b$04$tkAz5K8Qnp6pVUtcGEPE6O"  # constant, because test names contain the hash
HASH = bcrypt.hashpw(b"right", SALT).decode()


@pytest.fixture
def folder(tmp_path: Path, pki: Any) -> Path:
    """Return a copy of the certificates. Tests may change the copy."""
    shutil.copytree(pki.folder, tmp_path / "tls")
    return tmp_path / "tls"


def config(folder: Path, **more: Any) -> TlsServerConfig:
    files = {"cert_file": str(folder / "server.crt"), "key_file": str(folder / "server.key")}
    return TlsServerConfig.model_validate({**files, **more})


def names(certificate: Any) -> set[str]:
    return {value for _, value in (certificate or {}).get("subjectAltName", ())}


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Perform a TLS handshake in memory. Return the TLS objects of the server and the client."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
    )
    for _ in range(4):
        for end in (ends[1], ends[0]):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return ends


def test_defaults(pki: Any) -> None:
    context = build_context(config(pki.folder))
    server, client = handshake(context, pki.client_context())
    assert server.version() == "TLSv1.3"
    assert "server" in names(client.getpeercert())
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = {suite["name"] for suite in context.get_ciphers()}
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in suites)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(pki: Any, version: ssl.TLSVersion) -> None:
    client = pki.client_context()
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        client.minimum_version = client.maximum_version = version
    with pytest.raises(ssl.SSLError):
        handshake(build_context(config(pki.folder)), client)


def test_versions_ciphers_and_curve(pki: Any) -> None:
    context = build_context(
        config(
            pki.folder,
            max_version="TLS12",
            cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"],
            curve_preferences=["CurveP384"],
            prefer_server_cipher_suites=False,
        )
    )
    server, _ = handshake(context, pki.client_context())
    assert (server.cipher() or ())[:2] == ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2")
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    client = pki.client_context()
    client.set_ecdh_curve("prime256v1")
    with pytest.raises(ssl.SSLError):
        handshake(context, client)


@pytest.mark.parametrize("memfd", [True, False])
def test_inline(pki: Any, memfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not memfd:
        monkeypatch.delattr(os, "memfd_create")
    text = {name: (pki.folder / name).read_text() for name in ("server.crt", "server.key", "ca.crt")}
    tls = TlsServerConfig(
        cert=text["server.crt"],
        key=SecretStr(text["server.key"]),
        client_ca=text["ca.crt"],
        client_auth_type="RequireAndVerifyClientCert",
    )
    server, _ = handshake(build_context(tls), pki.client_context("client"))
    assert "client" in names(server.getpeercert())


def test_client_certificates(pki: Any) -> None:
    ca = str(pki.folder / "ca.crt")
    must = build_context(config(pki.folder, client_auth_type="RequireAndVerifyClientCert", client_ca_file=ca))
    may = build_context(config(pki.folder, client_auth_type="VerifyClientCertIfGiven", client_ca_file=ca))
    only = str(pki.folder / "other.crt")
    other = build_context(config(pki.folder, client_auth_type="RequireAndVerifyClientCert", client_ca_file=only))
    with pytest.raises(ssl.SSLError):
        handshake(must, pki.client_context())
    with pytest.raises(ssl.SSLError):
        handshake(other, pki.client_context("client"))
    assert handshake(other, pki.client_context("other"))[0].getpeercert()
    assert not handshake(may, pki.client_context())[0].getpeercert()
    assert handshake(must, pki.client_context("client"))[0].getpeercert()


def test_alternative_names() -> None:
    certificate = {"subjectAltName": (("DNS", "prometheus"), ("IP Address", "2001:DB8:0:0:0:0:0:1\n"))}
    assert is_allowed(certificate, ("x", "prometheus"))
    assert is_allowed(certificate, ("2001:db8::1",))
    assert not is_allowed(certificate, ("prom",))
    assert not is_allowed({}, ("prometheus",))
    assert not is_allowed(None, ("prometheus",))
    assert is_allowed(None, ())


def encrypted(key: bytes) -> bytes:
    private = serialization.load_pem_private_key(key, None)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )


def test_errors_in_files(folder: Path) -> None:
    def mistake(tls: TlsServerConfig) -> str:
        with pytest.raises(ConfigError) as caught:
            build_context(tls)
        return str(caught.value).removeprefix("tls_server_config.")

    tls = config(folder, client_auth_type="VerifyClientCertIfGiven", client_ca_file=str(folder / "ca.crt"))
    (folder / "ca.crt").write_text("nothing")
    assert mistake(tls) == "client_ca_file: contains no PEM certificates; use certificates in PEM format"
    (folder / "ca.crt").unlink()
    assert (
        mistake(tls)
        == "client_ca_file: cannot read the file: no such file or directory; create it, or correct the path"
    )
    key = (folder / "server.key").read_bytes()
    (folder / "server.key").write_bytes((folder / "other.key").read_bytes())
    assert mistake(tls) == "key_file: does not match cert_file; use the private key of this certificate"
    (folder / "server.key").write_bytes(encrypted(key))
    assert (
        mistake(tls)
        == "key_file: is encrypted, but a server cannot prompt for a passphrase; store the key without a passphrase"
    )
    (folder / "server.key").write_text("nothing")
    what = "the private key cannot be read; use the private key of the certificate, in PEM format"
    assert mistake(tls) == f"key_file: {what}"
    (folder / "server.crt").write_text("nothing")
    assert mistake(tls) == "cert_file: contains no PEM certificates; use certificates in PEM format"
    (folder / "server.crt").unlink()
    assert mistake(tls) == "cert_file: cannot read the file: no such file or directory; create it, or correct the path"


# Lists of certificate uses that follow a certificate, as `openssl x509 -trustout` writes them.
ALL_USES = bytes.fromhex("3000")
NOT_FOR_CLIENTS = bytes.fromhex("300ca00a06082b06010505070302")  # rejects clientAuth


def trusted(certificate: bytes, uses: bytes = ALL_USES, *, skipped: int = 0) -> bytes:
    text = base64.encodebytes(ssl.PEM_cert_to_DER_cert(certificate.decode())[skipped:] + uses)
    return b"-----BEGIN TRUSTED CERTIFICATE-----\n" + text + b"-----END TRUSTED CERTIFICATE-----\n"


def test_a_trusted_certificate_is_a_certificate(folder: Path, pki: Any) -> None:
    certificate = (folder / "server.crt").read_bytes()
    (folder / "server.crt").write_bytes(trusted(certificate) + trusted((folder / "ca.crt").read_bytes()))
    tls = config(folder)
    server, client = handshake(build_context(tls), pki.client_context())
    assert client.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(certificate.decode())
    assert server.version() == "TLSv1.3"
    assert list(expired_certificates(tls, 0.0)) == []
    [warning] = expired_certificates(tls, 4e9)
    assert warning.path == "tls_server_config.cert_file"


def test_a_trusted_client_ca_keeps_its_uses(folder: Path, pki: Any) -> None:
    ca = (folder / "ca.crt").read_bytes()
    tls = config(folder, client_auth_type="RequireAndVerifyClientCert", client_ca_file=str(folder / "ca.crt"))
    (folder / "ca.crt").write_bytes(trusted(ca))
    server, _ = handshake(build_context(tls), pki.client_context("client"))
    assert "client" in names(server.getpeercert())
    (folder / "ca.crt").write_bytes(trusted(ca, NOT_FOR_CLIENTS))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(build_context(tls), pki.client_context("client"))
    (folder / "ca.crt").write_bytes(ca + trusted(ca, skipped=9))
    with pytest.raises(ConfigError, match=r"client_ca_file: the certificate on line \d+ is damaged; replace"):
        build_context(tls)


class Hand:
    """A clock whose time is set by the tests."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


FULL = """
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [client]
"""


def live_on(path: Path, text: str) -> tuple[LiveProtection, Hand]:
    path.write_text(text)
    clock = Hand()
    return LiveProtection(path, clock=clock), clock


def test_without_a_file() -> None:
    live = LiveProtection(None, clock=Hand())
    assert live.current().context is None
    assert live.current().users == {}
    assert load_protection(None).config == live.current().config


def test_a_change_is_loaded_within_a_second(folder: Path) -> None:
    path = folder / "web.yaml"
    live, clock = live_on(path, f"basic_auth_users: {{alice: {HASH}}}")
    path.write_text(f"basic_auth_users: {{alice: {HASH}, bob: {HASH}}}")
    clock.now += 0.9
    assert set(live.current().users) == {b"alice"}
    clock.now += 0.1
    assert set(live.current().users) == {b"alice", b"bob"}


def test_unchanged_files_are_not_read_again(folder: Path) -> None:
    live, clock = live_on(folder / "web.yaml", FULL)
    before = live.current()
    clock.now += 5
    assert live.current() is before


def test_a_renewed_certificate(folder: Path, pki: Any) -> None:
    live, clock = live_on(folder / "web.yaml", FULL)
    for ending in ("crt", "key"):
        (folder / f"renewed.{ending}").replace(folder / f"server.{ending}")
    clock.now += 1
    context = live.current().context
    assert context
    _, client = handshake(context, pki.client_context("client"))
    assert "renewed" in names(client.getpeercert())


def test_an_invalid_change_is_logged_once_and_the_old_file_stays_in_force(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live, clock = live_on(folder / "web.yaml", FULL)
    before = live.current()
    (folder / "server.key").write_bytes((folder / "renewed.key").read_bytes())
    for _ in range(3):
        clock.now += 1
        assert live.current() is before
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    what = "does not match cert_file; use the private key of this certificate"
    assert errors[0].endswith(f"tls_server_config.key_file: {what} ({folder / 'web.yaml'}:4)")
    (folder / "server.crt").unlink()
    clock.now += 1
    assert live.current() is before
    (folder / "server.crt").write_bytes((folder / "renewed.crt").read_bytes())
    clock.now += 1
    assert live.current() is not before


def test_a_missing_file_is_a_change(folder: Path) -> None:
    live, clock = live_on(folder / "web.yaml", FULL)
    before = live.current()
    (folder / "web.yaml").unlink()
    clock.now += 1
    assert live.current() is before


@pytest.mark.parametrize(
    ("before", "after", "mistake"),
    [
        (FULL, "", "tls_server_config: TLS was enabled or disabled; to apply this change, restart the exporter"),
        ("", FULL, "tls_server_config: TLS was enabled or disabled; to apply this change, restart the exporter"),
        (FULL, FULL[: FULL.index("  client_auth")], "client certificates are no longer required"),
        (FULL, FULL[: FULL.index("  client_allowed")], "the list is empty; to apply this change, restart the exporter"),
        (f"basic_auth_users: {{alice: {HASH}}}", "", "no user remains; to apply this change, restart the exporter"),
    ],
)
def test_a_half_written_file_turns_nothing_off(
    folder: Path, before: str, after: str, mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    live, clock = live_on(folder / "web.yaml", before)
    old = live.current()
    (folder / "web.yaml").write_text(after)
    clock.now += 1
    assert live.current() is old
    assert mistake in caplog.text
