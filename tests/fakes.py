"""A client with a fake transport. An observer and a logger record their calls."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
from structlog.testing import CapturingLogger

from exporter.avepoint.auth.credentials import ClientSecret
from exporter.avepoint.client import Client
from exporter.config.load import parse_config
from exporter.config.schema import Account, CollectorOptions
from tests.helpers import FakeClock

PAYLOADS = Path(__file__).parent / "payloads" / "documented"
TOKEN_PATH = "/connect/token"
SECRET = "s3cret-Of-The-App"
Handler = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def payload(name: str) -> Any:
    """Return a documented sample."""
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


class RecordingObserver:
    """An observer that records all calls."""

    inspect = None

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.waits: list[float] = []
        self.tokens: list[str] = []
        self.certificates: list[float] = []
        self.unread: Counter[tuple[str, str]] = Counter()
        self.unknowns: Counter[str] = Counter()
        self.clock_offsets: list[float] = []
        self.incomplete_lists: Counter[str] = Counter()

    def request(self, endpoint: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((endpoint, code))

    def throttled(self, seconds: float) -> None:
        self.waits.append(seconds)

    def token(self, result: str) -> None:
        self.tokens.append(result)

    def certificate(self, expires_at: float) -> None:
        self.certificates.append(expires_at)

    def unreadable(self, endpoint: str, field: str) -> None:
        self.unread[endpoint, field] += 1

    def unknown(self, field: str) -> None:
        self.unknowns[field] += 1

    def clock_offset(self, seconds: float) -> None:
        self.clock_offsets.append(seconds)

    def incomplete_list(self, endpoint: str) -> None:
        self.incomplete_lists[endpoint] += 1

    @property
    def codes(self) -> list[str]:
        return [code for _, code in self.requests]


class Log:
    """A logger that records its lines. The code under test logs to `bound`."""

    def __init__(self) -> None:
        self._captured = CapturingLogger()
        self.bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
            self._captured, processors=[], wrapper_class=structlog.stdlib.BoundLogger
        )

    @property
    def lines(self) -> list[str]:
        return [f"{call.method_name} {call.args} {call.kwargs}" for call in self._captured.calls]

    def __contains__(self, text: str) -> bool:
        return any(text in line for line in self.lines)


def make_account(kind: str = "tenant", more: str = "", *, auth: str = f"client_secret: {SECRET}") -> Account:
    """Return an account from YAML. `more` contains additional keys of the account."""
    address = "base_url: https://graph.example.com\n    token_url: https://identity.example.com/connect/token"
    lines = f"accounts:\n  - name: contoso\n    type: {kind}\n    {address}\n    auth: {{client_id: app, {auth}}}\n"
    extra = "".join(f"    {line}\n" for line in more.splitlines())
    catalogue: Mapping[str, Mapping[str, type[CollectorOptions]]] = {"tenant": {}, "partner": {}}
    return parse_config(lines + extra, catalogue, source="test", directory=Path()).accounts[0]


FAST = "requests: {concurrency: 8, per_second: 1000, retries: 3, timeout: 30s}"


class ClientHarness:
    """A client with a fake transport. The class records requests, waits, metrics and log lines."""

    def __init__(self, handler: Handler, account: Account | None = None, *, tokens: Handler | None = None) -> None:
        self.account = account or make_account(more=FAST)
        self.clock = FakeClock()
        self.observer = RecordingObserver()
        self.log = Log()
        self.sent: list[httpx.Request] = []
        self._handler = handler
        self._tokens = tokens or good_token
        self.client = Client(
            self.account, ClientSecret(self.account.auth), clock=self.clock, observer=self.observer,
            log=self.log.bound, transport=httpx.MockTransport(self._answer),
        )  # fmt: skip

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        handler = self._tokens if request.url.path == TOKEN_PATH else self._handler
        answer = handler(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    @property
    def calls(self) -> list[httpx.Request]:
        """Return the recorded requests to the API. Omit token requests."""
        return [request for request in self.sent if request.url.path != TOKEN_PATH]

    @property
    def token_calls(self) -> int:
        return len(self.sent) - len(self.calls)


def good_token(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"access_token": "tok-1", "expires_in": 3600, "token_type": "Bearer"})


class Script:
    """Returns the responses in order, then repeats the last response."""

    def __init__(self, *answers: httpx.Response | Callable[[], httpx.Response] | Exception) -> None:
        self._answers = list(answers)

    def __call__(self, _: httpx.Request) -> httpx.Response:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer()


class Stream(httpx.AsyncByteStream):
    """A response body in pieces, with a pause after each piece."""

    def __init__(self, *pieces: bytes, pause: float = 0) -> None:
        self._pieces = pieces
        self._pause = pause
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(self._pause)
            self.given += 1
            yield piece
