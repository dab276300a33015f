"""A transport that keeps one connection."""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import httpcore
import httpx

_LONGEST_IDLE: Final = 5.0  # seconds; the connections of httpx have the same limit
_ERRORS: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class SingleConnection(httpx.AsyncBaseTransport):
    """Sends one request at a time, without a proxy. If the connection is closed, the next request opens a new one.

    httpx.AsyncHTTPTransport would add a connection pool, although no other connection could be in the pool.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the response before its body is read. Raise httpx.TransportError if it fails."""
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        connection = await self._connected(target.origin)
        sent = httpcore.Request(
            request.method, target, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        try:
            response = await connection.handle_async_request(sent)
        except _ERRORS as error:
            raise _of_httpx(error) from error
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.aclose()

    async def _connected(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """Return the current connection if it can be used, else a new connection."""
        last = self._connection
        # After a canceled request, a connection may be neither idle nor closed.
        if last is not None and last.is_idle() and last.can_handle_request(origin) and not last.has_expired():
            return last
        await self.aclose()
        self._connection = httpcore.AsyncHTTPConnection(origin, self._tls, keepalive_expiry=_LONGEST_IDLE)
        return self._connection


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.aiter_stream():
                yield piece
        except _ERRORS as error:
            raise _of_httpx(error) from error

    async def aclose(self) -> None:
        await self._response.aclose()


def _of_httpx(error: Exception) -> httpx.TransportError:
    """Convert an httpcore exception to the httpx exception with the same name."""
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
    return kind(str(error))
