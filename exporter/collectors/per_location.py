"""What collectors of a tenant share that read one location after the other, and only in the modern generation."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from exporter.avepoint.client import Query
from exporter.avepoint.endpoints import Endpoint
from exporter.avepoint.pages import folded, read_rows
from exporter.avepoint.rows import Row
from exporter.collectors.base import AccountCollector, Options, Records, at_location

T = TypeVar("T")


class PerLocationCollector(AccountCollector[Options, Records]):
    """Reads something of each location of a tenant, or of the tenant where no locations are configured."""

    account_type = "tenant"
    optional = True

    async def each_location(self, read: Callable[[str], Awaitable[T]]) -> Mapping[str, T]:
        """Give what `read` finds at each location, one after the other; raises AvePointError if one cannot be read."""

        async def read_all() -> Mapping[str, T]:
            return {location: await read(location) for location in self.locations}

        return await self.api_versions.ask({"modern": read_all})

    async def data(self, endpoint: Endpoint, location: str, query: Query | None = None) -> object:
        """Give what is in the envelope of a location's answer; raises AvePointError."""
        answer = folded(await self._client.call(endpoint, query={**(query or {}), **at_location(location)}))
        if "data" not in answer:
            raise endpoint.unexpected("the answer has no data")
        return answer["data"]

    def rows(self, endpoint: Endpoint, data: object) -> Iterable[Row]:
        """Give the rows of a list; raises AnswerError if it is none."""
        return [Row(raw, endpoint.template, self._client.value_issues) for raw in read_rows(data, endpoint, "data")]
