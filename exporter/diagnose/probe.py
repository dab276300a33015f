"""A client that ends a collector's read after one response, to check whether an endpoint works."""

from collections.abc import Awaitable, Mapping
from contextlib import suppress

from exporter.avepoint.client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.errors import ExporterError


class _ReadEndedError(ExporterError):
    """Raised to end a read after its first response."""


class ProbeClient:
    """Passes requests to `client` until one succeeds; the next request ends the read.

    The collector reads as in a refresh, so it parses the first response and raises an error if it is unexpected.
    """

    def __init__(self, client: ApiClient) -> None:
        self.value_issues = client.value_issues
        self._client = client
        self._has_response = False

    async def read_once(self, read: Awaitable[object]) -> None:
        """Await a collector's read that uses this client; raise AvePointError if the first response is an error."""
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
        """Send a request and return the decoded JSON; end the read if an earlier request succeeded."""
        if self._has_response:
            raise _ReadEndedError
        response = await self._client.call(endpoint, ids=ids, query=query, body=body)
        self._has_response = True
        return response

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query of a link to the next page."""
        return self._client.link_query(endpoint, link)

    async def token_ahead(self, permission: str) -> None:
        """Do nothing, because the only request of a probe requests its own token."""
