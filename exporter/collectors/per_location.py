"""Base class of tenant collectors that use the modern API version to read each geo location separately."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from exporter.avepoint.endpoints import Endpoint, Query
from exporter.avepoint.lists import CheckedReader
from exporter.avepoint.pages import ListProgress, RawRow, folded, read_page
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.settling import Settling
from exporter.collectors.base import AccountCollector, CollectorContext, Options, Records, at_location

T = TypeVar("T")


class PerLocationCollector(AccountCollector[Options, Records]):
    """Base class of collectors that read each geo location, or the whole tenant if no geo locations are configured."""

    account_type = "tenant"
    optional = True

    def __init__(self, context: CollectorContext, options: Options) -> None:
        super().__init__(context, options)
        self._settling = Settling(context.clock, options.interval)
        self._checked = CheckedReader(context.client)

    async def each_location(self, read: Callable[[str], Awaitable[T]]) -> Mapping[str, T]:
        """Return the results of `read`, keyed by geo location. Raise AvePointError if a request fails."""

        async def read_all() -> Mapping[str, T]:
            return {location: await read(location) for location in self.locations}

        return await self.api_versions.ask({"modern": read_all})

    async def data(self, endpoint: Endpoint, location: str, query: Query | None = None) -> object:
        """Request data for one geo location, and return the field `data` of the response.

        Raise AvePointError if the request fails or the field is missing.
        """
        response = folded(await self._client.call(endpoint, query={**(query or {}), **at_location(location)}))
        if "data" not in response:
            raise endpoint.unexpected("the response has no field data")
        return response["data"]

    async def rows(self, endpoint: Endpoint, location: str, query: Query | None = None) -> Sequence[Row]:
        """Return the rows for one geo location. Raise AvePointError if a request fails or rows are missing.

        The response has one page. The field `data` of the response, or of an object in this field, contains the rows.
        """

        async def walk(progress: ListProgress) -> AsyncIterator[RawRow]:
            response = folded(await self._client.call(endpoint, query={**(query or {}), **at_location(location)}))
            page = read_page({**response, **folded(response.get("data"))}, endpoint)
            progress.enter(page)
            for raw in page.rows:
                yield raw

        def convert(raw: RawRow) -> Row:
            return Row(raw, endpoint.template, self._client.value_issues)

        return await self._checked.read((endpoint.template, location), endpoint, walk, convert)

    def expect_all(self, rows: Sequence[Row], found: Sequence[object], location: str) -> None:
        """Raise AnswerError if `found` contains None, which represents an unreadable row.

        An unreadable row may belong to any workload. Rows that are permanently unreadable are ignored.
        """
        unread = found.count(None)
        if not self._settling.are_permanent({unread} - {0}, location):
            raise rows[0].unexpected(f"rows that cannot be read: {unread}")
