"""scripts/take-pictures opens the right URLs with the right window sizes, and writes only complete pictures."""

import functools
import json
import runpy
import struct
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT
from tests.programs import program

SCRIPT = ROOT / "scripts" / "take-pictures"


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Grafana)
        self.asked: list[str] = []


class _Grafana(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body style='background: #123'>a dashboard</body>")

    def log_request(self, *_: object) -> None:
        """Log nothing."""


@functools.cache
def _script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.fixture
def grafana() -> Iterator[tuple[str, list[str]]]:
    """Run a fake Grafana. Yield the server's address and a list of the requested paths."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
    server.shutdown()
    server.server_close()
    thread.join()


def take(*arguments: str | Path, chromium: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False,
                          env={"CHROMIUM": chromium, "PATH": "/usr/bin:/bin"})  # fmt: skip


@pytest.mark.e2e
def test_a_picture_is_taken(grafana: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = grafana
    done = take(
        "--grafana", url, "--only", "overview", "--into", tmp_path, chromium=program("google-chrome", "chromium")
    )
    assert done.returncode == 0, done.stderr
    picture = tmp_path / "dashboard-overview.png"
    assert done.stdout == f"{picture}\n"
    assert _script()["titles_in"](picture.read_bytes())[0] == "Customers with a critical problem"
    assert list(tmp_path.iterdir()) == [picture]
    board = json.loads((ROOT / "grafana" / "dashboards" / "overview.json").read_text(encoding="utf-8"))
    assert f"/d/{board['uid']}?kiosk&theme=dark&from=now-30m&to=now" in asked
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    assert width == 1600
    assert 900 < height < 3000


def test_titles_are_added_to_a_picture_of_another_program(tmp_path: Path) -> None:
    picture = tmp_path / "dashboard-jobs.png"
    picture.write_bytes((ROOT / "docs" / "images" / "status-page.png").read_bytes())
    assert _script()["titles_in"](picture.read_bytes()) is None
    assert take("--stamp", "--only", "jobs", "--into", tmp_path, chromium="/bin/false").returncode == 0
    assert "Newest jobs" in _script()["titles_in"](picture.read_bytes())


def test_where_there_is_none_the_old_one_stays(tmp_path: Path) -> None:
    picture = tmp_path / "dashboard-jobs.png"
    picture.write_text("old")
    done = take("--only", "jobs", "--into", tmp_path, chromium="/bin/false")
    assert done.returncode == 1
    assert done.stderr.endswith(": no picture\n")
    assert picture.read_text() == "old"
    assert take("--only", "nonsense", chromium="/bin/false").stderr == "no dashboard nonsense\n"


def test_every_picture_has_its_dashboard() -> None:
    boards = {path.stem for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    pictures = (ROOT / "docs" / "images").glob("dashboard-*.png")
    assert {path.stem.removeprefix("dashboard-") for path in pictures} == boards


@pytest.mark.parametrize("board", sorted((ROOT / "grafana" / "dashboards").glob("*.json")), ids=lambda path: path.stem)
def test_a_picture_shows_the_current_titles(board: Path) -> None:
    picture = ROOT / "docs" / "images" / f"dashboard-{board.stem}.png"
    assert _script()["titles_in"](picture.read_bytes()) == _script()["titles_of"](board), "take the picture again"
