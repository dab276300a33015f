"""A client that tests the unused API version. The client stops a collector after one successful response."""

from collections.abc import Awaitable, Mapping
from contextlib import suppress

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.errors import ExporterError


class _ReadEndedError(ExporterError):
    """Raised to stop a collector after its first successful response."""


class ProbeClient:
    """Passes requests to `client` until a request succeeds.

    If the collector then sends another request, the probe client stops the collector. The collector parses the
    successful response in the same way as in a refresh. If the response is not as documented, the collector raises an
    error.
    """

    def __init__(self, client: ApiClient) -> None:
        self.value_issues = client.value_issues
        self._client = client
        self._has_response = False

    async def read_once(self, read: Awaitable[object]) -> None:
        """Await `read`, which must use this client. Raise AvePointError if a request fails or a response is invalid."""
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
        """Send a request and return the decoded JSON. If an earlier request succeeded, stop the collector instead."""
        if self._has_response:
            raise _ReadEndedError
        response = await self._client.call(endpoint, ids=ids, query=query, body=body)
        self._has_response = True
        return response

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query parameters from a link to the next page."""
        return self._client.link_query(endpoint, link)

    async def token_ahead(self, permission: str) -> None:
        """Do nothing, because the probe needs no token in advance."""
