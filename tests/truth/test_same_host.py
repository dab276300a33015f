"""The exporter sends tokens only to the configured origin. A second server must not receive any request."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from avepoint_simulator.application import Simulator
from tests.truth.world import world

Answerer = Callable[[str], tuple[int, dict[str, str], object]]

LINKS = (
    "http://{other}/cloudbackup/jobs?PageIndex=1",
    "https://{other}/cloudbackup/jobs?PageIndex=1",
    "//{other}/cloudbackup/jobs?PageIndex=1",
    "http://{ours}@{other}/cloudbackup/jobs?PageIndex=1",
    "http://{other}\\@{ours}/cloudbackup/jobs?PageIndex=1",
    "\\\\{other}\\cloudbackup\\jobs?PageIndex=1",
    "https://{ours}/cloudbackup/jobs?PageIndex=1",
    "ftp://{other}/cloudbackup/jobs?PageIndex=1",
    "http://{other}#@{ours}/?PageIndex=1",
    "  http://{other}/x?PageIndex=1",
    "http://{host}:80/cloudbackup/jobs?PageIndex=1",
)
REDIRECTS = (301, 302, 303, 307, 308)


@contextmanager
def _server(answer: Answerer) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Run a server on a free port. Yield HOST:PORT, and a list that collects the headers of each request."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            seen.append({**dict(self.headers), "path": self.path})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answer(self.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def _token(path: str) -> tuple[int, dict[str, str], object] | None:
    return (200, {}, {"access_token": "t", "expires_in": 3600}) if path.endswith("/connect/token") else None


@pytest.mark.parametrize("link", LINKS)
async def test_a_link_elsewhere_is_not_followed(link: str) -> None:
    def ours(path: str) -> tuple[int, dict[str, str], object]:
        rows = [{"Id": f"J{number}", "State": "Finished", "StartTime": 638645575921780695} for number in range(50)]
        target = link.format(other=other_address, ours=our_address[0], host=urlsplit(f"//{our_address[0]}").hostname)
        body = {"data": [], "value": [], "Jobs": rows, "TotalCount": 50, "NextLink": target, "@odata.nextLink": target}
        return _token(path) or (200, {}, body)

    our_address: list[str] = []
    with _server(lambda _: (200, {}, {})) as (other_address, visits), _server(ours) as (address, asked):
        our_address.append(address)
        async with world(Simulator(), url=f"http://{address}") as seen:
            await seen.refresh()
        assert visits == []
        assert sum("Authorization" in request for request in asked) >= 4


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_is_not_followed(status: int) -> None:
    def ours(path: str) -> tuple[int, dict[str, str], object]:
        return _token(path) or (status, {"Location": f"http://{other_address}{path}"}, {})

    with _server(lambda _: (200, {}, {})) as (other_address, visits), _server(ours) as (address, asked):
        async with world(Simulator(), url=f"http://{address}") as seen:
            assert not await seen.refresh()
        assert visits == []
        assert any("Authorization" in request for request in asked)
