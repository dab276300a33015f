"""The interface of the API client that collectors use."""

from collections.abc import Mapping
from typing import Protocol

from exporter.avepoint.endpoints import Endpoint, Query
from exporter.avepoint.observer import ValueIssues


class ApiClient(Protocol):
    """The API client that collectors use. The `check` command passes its own implementation to the collectors."""

    @property
    def value_issues(self) -> ValueIssues:
        """The object that counts and logs unreadable values."""

    async def call(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        """Send a request, and return the decoded JSON of the response. Raise AvePointError if the request fails."""

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query of a link to the next page. Raise LinkRefusedError if the link cannot be followed."""

    async def token_ahead(self, permission: str) -> None:
        """Request an access token before it is needed."""
