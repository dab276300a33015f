"""No secret, token, assertion or password appears in any output, even after many errors."""

import base64
import datetime as dt
import re
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from avepoint_simulator.application import Simulator
from avepoint_simulator.faults import FAULTS, Faults
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from exporter.engine.storage.sqlite import FILE_NAME
from tests.e2e.processes import eventually, exporter, fetch

pytestmark = pytest.mark.e2e

SECRET = "s3cr3t-of-the-app-7f1c"
PASSWORD = "pass-of-the-scraper-91ab"
CONFIG = """
accounts:
  - name: inline
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: simulator, client_secret: {secret}}}
    requests: {{timeout: 300ms, retries: 1}}
    collectors: {{jobs: {{interval: 1s}}, license: {{interval: 1s}}}}
  - name: certified
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: simulator, certificate_file: app.pem}}
    requests: {{timeout: 300ms, retries: 1}}
    collectors: {{customers: {{interval: 1s}}, protected_data: {{interval: 1s}}}}
  - name: refused
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: simulator, client_secret: wrong-{secret}}}
  - name: unreachable
    type: tenant
    base_url: http://127.0.0.1:9
    token_url: http://127.0.0.1:9/connect/token
    auth: {{client_id: simulator, client_secret_file: app.secret}}
    proxy_url: http://user:{secret}@127.0.0.1:9
"""


def _certificate() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def _prepare(folder: Path, url: str) -> str:
    """Write all files that the exporter reads, and return the hash of the scraper's password."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "app.pem").write_bytes(_certificate())
    (folder / "app.secret").write_text(SECRET)
    (folder / "config.yaml").write_text(CONFIG.format(url=url, secret=SECRET))
    (folder / "web.yaml").write_text(f"basic_auth_users: {{scraper: '{hashed}'}}\n")
    return hashed


def _stored(folder: Path) -> list[str]:
    """Return the raw bytes of all files in the state directory, and the decompressed rows of the database."""
    raw = [file.read_bytes().decode("latin-1") for file in folder.iterdir()]
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        rows = connection.execute("SELECT * FROM customer").fetchall()
    values = [value for row in rows for value in row]
    assert any(isinstance(value, bytes) for value in values)
    return raw + [zlib.decompress(one).decode() if isinstance(one, bytes) else str(one) for one in values]


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    faults = Faults(probability=0.3, kinds=[kind for kind in FAULTS if "too_many" not in kind])
    simulator = Simulator(customers=5, faults=faults, credentials=AppCredentials(client_secret=SECRET))
    with SimulatorServer(simulator) as server:
        hashed = _prepare(tmp_path, server.url)
        flags = ("--config.file", "config.yaml", "--storage.path", "state", "--log.level", "debug")
        lifecycle = ("--web.enable-lifecycle", "--web.config.file", "web.yaml")
        header = {"Authorization": "Basic " + base64.b64encode(f"scraper:{PASSWORD}".encode()).decode()}
        with exporter(tmp_path, *flags, *lifecycle) as running:
            ready = f"{running.url}/-/ready"
            eventually(lambda: fetch(ready, headers=header).status == 200, what="ready")
            paths = ("/", "/metrics", "/probe?account=inline", "/-/healthy", "/nowhere")
            shown = [fetch(running.url + path, headers=header).text for path in paths]
            shown += [fetch(f"{running.url}/metrics", headers={"Authorization": "Basic wrong"}).text]
            (tmp_path / "config.yaml").write_text(f"accounts:\n  - client_secret: {SECRET}\n    auth: {SECRET}\n")
            shown += [fetch(f"{running.url}/-/reload", headers=header, method="POST").text]
            (tmp_path / "config.yaml").write_text(CONFIG.format(url=server.url, secret=SECRET))
            assert running.stop() == 0
            shown.append(running.log.read_text())
        for arguments in (["check", *flags], ["--once", *flags], ["--config.check", *flags]):
            command = [sys.executable, "-m", "exporter", *arguments]
            result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            shown.append(result.stdout + result.stderr)
        shown += _stored(tmp_path / "state")
        tokens = list(simulator.tokens._tokens)
    page = "\n".join(shown)
    assert "inline" in page
    assert len(tokens) >= 4
    for secret in (SECRET, PASSWORD, hashed, header["Authorization"], "PRIVATE KEY", *tokens):
        assert secret not in page
    assert not re.search(r"eyJ[\w-]{10,}\.", page), "an assertion"
