"""In many different states, a process exits with code 0 within five seconds after SIGTERM."""

import contextlib
import datetime as dt
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import bcrypt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from tests.avepoint.test_certificate import identity
from tests.e2e.processes import TIMEOUT, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ACCOUNT: Final = """
  - name: tenant{number}
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {auth}
    requests: {{timeout: 60s, retries: 5, concurrency: 4}}
    {more}
"""
# The lookup of 127.0.0.1 stays fast. Otherwise, the process could not listen. All other lookups are slow.
SLOW_LOOKUPS: Final = """
import socket, time
lookup = socket.getaddrinfo
def slow(host, *values, **options):
    return lookup(host, *values, **options) if host == "127.0.0.1" else time.sleep(60)
socket.getaddrinfo = slow
"""
# Only commits at the end of a refresh are slow. Earlier commits are fast. Otherwise, the process could not start to
# listen.
SLOW_COMMITS: Final = """
import sqlite3, time
connect = sqlite3.connect
class Slow(sqlite3.Connection):
    def execute(self, text, *values):
        if "INTO collector" in text:
            time.sleep(60)
        return super().execute(text, *values)
sqlite3.connect = lambda *given, **options: connect(*given, factory=Slow, **options)
"""
SLOW_FILES: Final = """
import pathlib, time
read_bytes = pathlib.Path.read_bytes
pathlib.Path.read_bytes = lambda path: time.sleep(60) if path.suffix == ".pem" else read_bytes(path)
"""


class Api(http.server.BaseHTTPRequestHandler):
    """A fake AvePoint. The path in the base URL selects the simulated failure."""

    protocol_version = "HTTP/1.1"

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path  # a client sends the whole URL to a proxy

    def do_POST(self) -> None:
        if self._path.startswith("/token-hangs"):
            time.sleep(60)
        self._send(200, b'{"access_token": "t", "expires_in": 3600}')

    def do_GET(self) -> None:
        if self._path.startswith("/hangs"):
            time.sleep(60)
        elif self._path.startswith("/slow"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(60):
                self.wfile.write(b" ")
                time.sleep(1)
        elif self._path.startswith("/throttles"):
            self._send(429, b"{}", ("Retry-After", "600"))
        else:
            self._send(500, b"{}")

    def _send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass
class Case:
    """A test of one process. `sockets` contains the connections that stay open during the test."""

    folder: Path
    api: str
    arguments: list[str] = field(default_factory=lambda: ["--config.file", "config.yaml", "--storage.path", "state"])
    signals: tuple[int, ...] = (signal.SIGTERM,)
    files: int = 0
    patch: str = ""
    act: Callable[["Case"], object] = lambda case: case.wait()
    process: Any = None
    sockets: list[socket.socket] = field(default_factory=list)

    def wait(self, seconds: float = 1) -> None:
        self.logged("listening")
        time.sleep(seconds)

    def configure(
        self, path: str, accounts: int = 1, auth: str = "{client_id: a, client_secret: b}", more: str = ""
    ) -> None:
        texts = [ACCOUNT.format(number=n, url=self.api + path, auth=auth, more=more) for n in range(accounts)]
        (self.folder / "config.yaml").write_text("accounts:" + "".join(texts))

    def web(self, text: str) -> None:
        (self.folder / "web.yaml").write_text(text)
        self.arguments += ["--web.config.file", "web.yaml"]

    def start(self) -> None:
        (self.folder / "sitecustomize.py").write_text(self.patch)
        command = [sys.executable, "-m", "exporter", *self.arguments, "--web.listen-address", "127.0.0.1:0"]
        if self.files:
            command = ["sh", "-c", f'ulimit -n {self.files} && exec "$@"', "sh", *command]
        environment = {**os.environ, "PYTHONPATH": f"{self.folder}:{Path.cwd()}"}
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)

    def logged(self, pattern: str) -> str:
        def found() -> str | None:
            text = (self.folder / "log").read_text()
            assert self.process.poll() is None, text
            match = re.search(pattern, text)
            return match[0] if match else None

        return eventually(found, what=pattern)

    def connect(self, count: int, sent: bytes = b"", *, after: float = 0) -> None:
        self.wait(after)
        port = int(self.logged(r"listening on 127\.0\.0\.1:\d+").rpartition(":")[2])
        for _ in range(count):
            self.sockets.append(socket.create_connection(("127.0.0.1", port)))
            self.sockets[-1].sendall(sent)

    def handles_signals(self) -> bool:
        """Return whether the process handles SIGTERM."""
        mask = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return mask is not None and bool(int(mask[1], 16) >> (signal.SIGTERM - 1) & 1)


def get(path: str = "/metrics", headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()


def silent_names(case: Case) -> None:
    case.api = case.api.replace("127.0.0.1", "localhost")
    case.configure("/hangs", 30)
    case.patch = SLOW_LOOKUPS


def full_pools(case: Case) -> None:
    case.configure("/hangs", 40)


def waiting_scrapes(case: Case) -> None:
    case.configure("/hangs")
    case.act = lambda case: case.connect(20, get())


def slow_scrapers(case: Case) -> None:
    case.arguments = ["demo", "--customers", "150"]
    case.act = lambda case: case.connect(20, get() * 8, after=3)


def half_headers(case: Case) -> None:
    case.configure("/fails")
    case.act = lambda case: case.connect(40, b"GET /metrics HT")


def idle_connections(case: Case) -> None:
    case.configure("/fails")
    case.act = lambda case: case.connect(200)


def token_hangs(case: Case) -> None:
    case.configure("/token-hangs", 3)


def api_hangs(case: Case) -> None:
    case.configure("/hangs", 3)


def slow_bodies(case: Case) -> None:
    case.configure("/slow", 3)


def throttled(case: Case) -> None:
    case.configure("/throttles")
    case.act = lambda case: case.logged("throttles the account")


def errors(case: Case) -> None:
    case.configure("/fails")


def starting(case: Case) -> None:
    case.configure("/hangs", 400)
    case.act = lambda case: eventually(case.handles_signals, what="signals are handled")


def reloading(case: Case) -> None:
    case.configure("/hangs", 100)

    def act(case: Case) -> None:
        case.logged("listening")
        time.sleep(1)
        case.configure("/fails", 200)
        case.process.send_signal(signal.SIGHUP)

    case.act = act


def hanging_database(case: Case) -> None:
    case.arguments = ["demo", "--customers", "5", "--storage.path", "state"]
    case.patch = SLOW_COMMITS
    case.act = lambda case: case.wait(2)


def saving(case: Case) -> None:
    case.arguments = ["demo", "--customers", "100", "--storage.path", "state"]
    case.act = lambda case: case.wait()


def hanging_files(case: Case) -> None:
    (case.folder / "app.pem").write_text("x")
    case.configure("/hangs", auth="{client_id: a, certificate_file: app.pem}")
    case.patch = SLOW_FILES
    case.act = lambda case: case.wait()


def slow_key_file(case: Case) -> None:
    app = identity(rsa.generate_private_key(65537, 2048), start=time.time() - 60, end=time.time() + 600)
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(3_000_000).hmac_hash(hashes.SHA256())
    content = pkcs12.serialize_key_and_certificates(None, app.key, app.certificate, None, builder.build(b"x"))
    (case.folder / "app.pfx").write_bytes(content)
    (case.folder / "password").write_text("x")
    case.configure("/hangs", auth="{client_id: a, certificate_file: app.pfx, certificate_password_file: password}")


def handshakes(case: Case) -> None:
    key = rsa.generate_private_key(65537, 2048)
    now = dt.datetime.now(dt.UTC).timestamp()
    (case.folder / "web.pem").write_bytes(identity(key, start=now - 60, end=now + 600).pem())
    case.configure("/fails")
    case.web("tls_server_config: {cert_file: web.pem, key_file: web.pem}")
    case.act = lambda case: case.connect(120, b"\x16\x03\x01\x02\x00")


def passwords(case: Case) -> None:
    case.configure("/fails")
    case.web(
        f"basic_auth_users: {{prometheus: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode().replace('$04$', '$15$')}'}}"
    )
    header = "Authorization: Basic cHJvbWV0aGV1czpn\r\n"
    case.act = lambda case: case.connect(20, get(headers=header))


def no_descriptors(case: Case) -> None:
    case.configure("/hangs", 30)
    case.files = 56
    case.act = lambda case: case.logged("oo many open files")


def proxy_hangs(case: Case) -> None:
    case.configure("/hangs", more=f"proxy_url: {case.api}")


def status_pages(case: Case) -> None:
    case.arguments = ["demo", "--customers", "150"]
    case.act = lambda case: case.connect(20, get("/"), after=2)


def sigterm_twice(case: Case) -> None:
    case.configure("/hangs")
    case.signals = (signal.SIGTERM, signal.SIGTERM)
    case.act = lambda case: case.connect(5, get())


def sigint(case: Case) -> None:
    case.configure("/hangs")
    case.signals = (signal.SIGINT,)


STATES: Final = (
    silent_names, full_pools, waiting_scrapes, slow_scrapers, half_headers, idle_connections, token_hangs, api_hangs,
    slow_bodies, throttled, errors, starting, reloading, hanging_database, saving, hanging_files, slow_key_file,
    handshakes, passwords, no_descriptors, proxy_hangs, status_pages, sigterm_twice, sigint,
)  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_process_ends(state: Callable[[Case], None], tmp_path: Path, api: str, soak: bool) -> None:
    case = Case(tmp_path, api)
    state(case)
    case.start()
    try:
        case.act(case)
        began = time.monotonic()
        for number in case.signals:
            case.process.send_signal(number)
        code = case.process.wait(timeout=TIMEOUT)
        seconds = time.monotonic() - began
        log = (tmp_path / "log").read_text()
        print(f"{state.__name__}: {seconds:.1f} s, {len(log.splitlines())} lines")  # noqa: T201 - shows the result
        assert code == 0, log
        assert soak <= (seconds < 5)
        assert "Traceback" not in log, log
        assert "never retrieved" not in log
    finally:
        case.process.kill()
        case.process.wait()
        for each in case.sockets:
            each.close()
