"""A client that stops a collector after one successful request, to check whether an endpoint works."""

from collections.abc import Awaitable, Mapping
from contextlib import suppress

from exporter.avepoint.api_client import ApiClient
from exporter.avepoint.endpoints import Endpoint, Query
from exporter.errors import ExporterError


class _ReadEndedError(ExporterError):
    """Raised to stop a collector after its first successful response."""


class ProbeClient:
    """Passes requests to `client` until a request succeeds, and stops the collector at the next request.

    The collector parses the successful response as in a refresh, and raises an error if the response is unexpected.
    """

    def __init__(self, client: ApiClient) -> None:
        self.value_issues = client.value_issues
        self._client = client
        self._has_response = False

    async def read_once(self, read: Awaitable[object]) -> None:
        """Await `read`, which uses this client; raise AvePointError if a request or response is invalid."""
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
        """Send a request and return the decoded JSON; stop the collector if an earlier request succeeded."""
        if self._has_response:
            raise _ReadEndedError
        response = await self._client.call(endpoint, ids=ids, query=query, body=body)
        self._has_response = True
        return response

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query parameters from a link to the next page."""
        return self._client.link_query(endpoint, link)

    async def token_ahead(self, permission: str) -> None:
        """Do nothing, because no later request of the probe needs a token."""
