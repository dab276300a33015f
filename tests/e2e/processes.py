"""Real processes on 127.0.0.1 for the end-to-end tests."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")
TIMEOUT: Final = 240.0
"""Maximum seconds that a test waits, which is enough on a busy machine unless a process hangs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response with any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def fetch(
    url: str, *, headers: Mapping[str, str] | None = None, method: str = "GET", timeout: float = TIMEOUT
) -> Answer:
    """Ask once."""
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def eventually(probe: Callable[[], T | None], *, what: str, within: float = TIMEOUT) -> T:
    """Call `probe` until the result is neither None nor False, and return the result."""
    deadline = time.monotonic() + within
    while True:
        with contextlib.suppress(OSError):
            result = probe()
            if result is not None and result is not False:
                return result
        assert time.monotonic() < deadline, f"timeout after {within} s: {what}"
        time.sleep(0.1)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def process(command: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Run a process. If the process still runs at the end, kill it, even after an error in the test."""
    with subprocess.Popen(command, **options) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


@contextlib.contextmanager
def on_a_terminal(command: Sequence[str], **options: Any) -> Iterator[tuple["subprocess.Popen[Any]", int]]:
    """Run a process on a terminal. Yield the process, and a file descriptor of the terminal's other end."""
    ours, theirs = pty.openpty()
    try:
        with process(command, stdin=theirs, stdout=theirs, stderr=theirs, **options) as started:
            os.close(theirs)
            yield started, ours
    finally:
        os.close(ours)


@dataclass(slots=True)
class Exporter:
    """A running exporter. `log` is the file with the standard error, and `out` is the file with the standard output."""

    url: str
    process: "subprocess.Popen[str]"
    log: Path
    out: Path

    def metrics(self, path: str = "/metrics") -> str:
        return fetch(self.url + path).text

    def stop(self) -> int:
        """Send SIGTERM, as an orchestrator does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=TIMEOUT)


@contextlib.contextmanager
def exporter(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, open_files: int | None = None
) -> Iterator[Exporter]:
    """Run the exporter with these arguments on a free port. `open_files` limits the number of open files."""
    log = folder / f"exporter-{time.monotonic_ns()}.log"
    command = [sys.executable, "-m", "exporter", *arguments, "--web.listen-address", "127.0.0.1:0"]
    if open_files is not None:
        command = ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh", *command]
    out = log.with_suffix(".out")
    with log.open("w") as stderr, out.open("w") as stdout:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True, cwd=folder, env=env)

    def address() -> str | None:
        assert process.poll() is None, log.read_text()
        match = re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())
        return match[1] if match else None

    try:
        yield Exporter(f"http://{eventually(address, what='listening')}", process, log, out)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = fetch(f"{self.url}/api/v1/query?{urlencode({'query': expression})}")
        result: list[dict[str, Any]] = json.loads(answer.body)["data"]["result"]
        return result

    def value(self, expression: str) -> float | None:
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None

    def targets(self) -> list[dict[str, Any]]:
        active: list[dict[str, Any]] = json.loads(fetch(f"{self.url}/api/v1/targets").body)["data"]["activeTargets"]
        return active


@contextlib.contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program, and write its output to a file in the directory."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(list(command), stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def prometheus(program: str, folder: Path, config: str) -> Iterator[Prometheus]:
    """Run Prometheus on a free port with this configuration."""
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, folder):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: fetch(f"{url}/-/ready").status == 200, what="Prometheus is ready")
        yield Prometheus(url)
