"""A client that ends a collector's read after one response, which shows whether an endpoint exists."""

from collections.abc import Awaitable, Mapping
from contextlib import suppress

from exporter.avepoint.client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.errors import ExporterError


class _ReadEndedError(ExporterError):
    """A read that goes on after its first response."""


class ProbeClient:
    """Passes requests to `client` until one succeeds; the next request ends the read.

    The collector reads as in a refresh, so it parses the first response completely and rejects an unexpected one.
    """

    def __init__(self, client: ApiClient) -> None:
        self.value_issues = client.value_issues
        self._client = client
        self._has_response = False

    async def read_once(self, read: Awaitable[object]) -> None:
        """Run a read of a collector that uses this client; raise AvePointError if its first response is an error."""
        with suppress(_ReadEndedError):
            await read

    async def call(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        """Return the decoded JSON of a response, or end the read if there was a response before."""
        if self._has_response:
            raise _ReadEndedError
        response = await self._client.call(endpoint, ids=ids, query=query, body=body)
        self._has_response = True
        return response

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query of a link to a next page."""
        return self._client.link_query(endpoint, link)

    async def token_ahead(self, permission: str) -> None:
        """Request no token: a probe sends one request, which requests it."""
