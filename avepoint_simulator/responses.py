"""Convert the simulator's replies to HTTP responses. A middleware logs the requests."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avepoint_simulator.request_log import RequestLog, RequestRecord
from avepoint_simulator.requests import Reply


def make_response(reply: Reply, request_id: str) -> Response:
    """Return the HTTP response for a reply, with the request id in a header."""
    raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    kind = CutResponse if reply.cut else Response
    headers = {"content-type": "application/json; charset=utf-8", "x-request-id": request_id, **reply.headers}
    return kind(raw, status_code=reply.status, headers=headers)


class CutResponse(Response):
    """A response that ends after half of the body, although Content-Length declares the complete body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send half of the body, and raise ConnectionResetError so that the server closes the connection."""
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        raise ConnectionResetError("closed by the simulator")


class LogMiddleware:
    """Records each request and its response status."""

    def __init__(self, app: ASGIApp, *, log: RequestLog, now: Callable[[], float]) -> None:
        self._app = app
        self._log = log
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the application, and record the request even if the application raises an exception."""
        status, is_recorded, started = 0, False, self._now()

        def record() -> None:
            nonlocal is_recorded
            if not is_recorded:
                is_recorded = True
                self._log.end(self._record(scope, status, started))

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body", False):
                record()  # Record the request before the client has received the complete response.
            await send(message)

        self._log.begin(scope["path"])
        try:
            await self._app(scope, receive, send_and_record)
        finally:
            record()

    def _record(self, scope: Scope, status: int, started: float) -> RequestRecord:
        return RequestRecord(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            authorized=any(name == b"authorization" for name, _ in scope["headers"]),
            status=status,
            fault=scope.get("simulator.fault"),
            started=started,
            ended=self._now(),
        )
