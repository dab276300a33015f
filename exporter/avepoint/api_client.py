"""What collectors need of a client, so that `check` can pass another one to them."""

from collections.abc import Mapping
from typing import Protocol

from exporter.avepoint.client import Query
from exporter.avepoint.endpoints import Endpoint
from exporter.avepoint.observer import ValueIssues


class ApiClient(Protocol):
    """Sends requests of one account to AvePoint."""

    @property
    def value_issues(self) -> ValueIssues:
        """Counts and logs values that cannot be read."""
        ...

    async def call(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        """Return the decoded JSON of a response; raise AvePointError."""
        ...

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Return the query of a link to a next page; raise LinkRefusedError."""
        ...

    async def token_ahead(self, permission: str) -> None:
        """Request the token of requests that follow soon."""
        ...
