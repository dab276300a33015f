"""The exporter withstands many scrapers, slow clients and wrong passwords at once, and then stops in time."""

import asyncio
import base64
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import bcrypt
import pytest

from tests.e2e.processes import Exporter, eventually, exporter, fetch

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_PASSWORD = "correct horse"
_GUESSERS = 40
_GUESSES_A_SECOND = 1000
_SCRAPERS = 200
_SLOW = 20


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"prometheus:{password}".encode()).decode()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str) -> int:
    """Send a request on an open connection, read the whole response, and return its status."""
    writer.write(request.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    else:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head.split(" ", 2)[1])


def _request(path: str, password: str, *, more: str = "") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {_basic(password)}\r\n{more}\r\n"


class Crowd:
    """Simulates many clients of an exporter. Records the waiting times and errors of authenticated clients."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._address = host, int(port)
        self.waits: list[float] = []
        self.guesses = 0
        self.wrong: list[str] = []
        self._numbers = itertools.count()

    async def run(self, seconds: float, end: Callable[[], Awaitable[None]]) -> None:
        """Run all clients for `seconds` seconds. Then call `end` while the clients still send requests."""
        tasks = [
            *(asyncio.create_task(self._guess()) for _ in range(_GUESSERS)),
            *(asyncio.create_task(self._dawdle()) for _ in range(_SLOW)),
        ]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.gather(*(self._scrape() for _ in range(_SCRAPERS)))
            await asyncio.sleep(0.5)
        await end()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _scrape(self) -> None:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            status = await _exchange(reader, writer, _request("/metrics", _PASSWORD, more="Accept-Encoding: gzip\r\n"))
            if status != 200:
                self.wrong.append(f"status {status} with the correct password")
        except (OSError, EOFError) as error:
            self.wrong.append(f"connection lost: {type(error).__name__}")
        finally:
            writer.close()
        self.waits.append(time.monotonic() - began)

    async def _guess(self) -> None:
        while True:
            reader, writer = await asyncio.open_connection(*self._address)
            try:
                for _ in range(1000):
                    began = time.monotonic()
                    status = await _exchange(reader, writer, _request("/metrics", f"guess {next(self._numbers)}"))
                    self.guesses += 1
                    if status not in (401, 429, 503):
                        self.wrong.append(f"status {status} with a wrong password")
                    await asyncio.sleep(max(0.0, _GUESSERS / _GUESSES_A_SECOND - (time.monotonic() - began)))
            except (OSError, EOFError):
                await asyncio.sleep(0.05)
            finally:
                writer.close()

    async def _dawdle(self) -> None:
        while True:
            _, writer = await asyncio.open_connection(*self._address)
            try:
                for byte in itertools.cycle(b"GET /metrics HTTP/1.1\r\nX: "):
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.5)
            except OSError:
                await asyncio.sleep(0.05)
            finally:
                writer.close()


def test_the_right_password_gets_through_a_crowd_and_sigterm_ends_it(tmp_path: Path, soak: bool) -> None:
    hashed = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    (tmp_path / "web.yaml").write_text(f"basic_auth_users: {{prometheus: '{hashed}'}}\n")
    with exporter(tmp_path, "demo", "--customers", "20", "--web.config.file", str(tmp_path / "web.yaml")) as running:
        _ready(running)
        crowd = Crowd(running.url)
        ended: list[float] = []

        async def end() -> None:
            began = time.monotonic()
            running.process.terminate()
            assert await asyncio.to_thread(running.process.wait, 10) == 0
            ended.append(time.monotonic() - began)

        asyncio.run(crowd.run(60 if soak else 6, end))
        print(  # noqa: T201 - shows the results
            f"{len(crowd.waits)} scrapes, median {statistics.median(crowd.waits):.2f} s, longest "
            f"{max(crowd.waits):.2f} s; {crowd.guesses} guesses; ended in {ended[0]:.1f} s"
        )
        assert crowd.wrong == []
        assert soak <= (max(crowd.waits) < 2 and ended[0] < 5)
        log = running.log.read_text()
        assert "Traceback" not in log
        assert len(log.splitlines()) < 200


def _ready(running: Exporter) -> None:
    headers = {"Authorization": _basic(_PASSWORD)}
    eventually(lambda: fetch(f"{running.url}/-/ready", headers=headers).status == 200, what="ready")
