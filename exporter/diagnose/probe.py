"""A client that stops after one answer: enough to see whether an endpoint is there and speaks as documented."""

from collections.abc import Mapping

from exporter.avepoint.client import Client, Query
from exporter.avepoint.endpoints import Endpoint
from exporter.errors import EnoughError


class ProbeClient(Client):
    """Calls through another client until a call is answered; a further one raises EnoughError.

    Whoever reads with it reads as always, so that the first answer is understood in full or refused in words.
    """

    def __init__(self, client: Client) -> None:
        self.value_issues = client.value_issues
        self._client = client
        self._is_answered = False

    async def call(
        self,
        endpoint: Endpoint,
        *,
        ids: Mapping[str, str] | None = None,
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
    ) -> object:
        """Give the decoded JSON of a call, unless one was answered before."""
        if self._is_answered:
            raise EnoughError
        answer = await self._client.call(endpoint, ids=ids, query=query, body=body)
        self._is_answered = True
        return answer

    def link_query(self, endpoint: Endpoint, link: str) -> Query:
        """Give the query of a link to a next page."""
        return self._client.link_query(endpoint, link)

    async def authorize(self, permission: str) -> None:
        """See to it that there is a token for a permission."""
        await self._client.authorize(permission)

    async def aclose(self) -> None:
        """Leave the connections to whose they are."""
