"""Lists that there are of each customer of a partner: Elements API v3, or the first generation's OData."""

from functools import partial
from typing import Final

from exporter.avepoint.answers import Endpoint
from exporter.avepoint.client import Client, Query
from exporter.avepoint.generations import Generations
from exporter.avepoint.paging import Ledger, Page, RawRow, numbered_pages, odata_page, odata_pages, v3_page
from exporter.avepoint.rows import Row

_PAGE_SIZE: Final = 100


class CustomerList:
    """One list of a customer, as both generations have it."""

    def __init__(self, client: Client, *, modern: Endpoint, legacy: Endpoint) -> None:
        self._client = client
        self._modern = modern
        self._legacy = legacy

    async def read(self, generations: Generations, customer_id: str) -> list[Row]:
        """Read all rows of one customer; raises AvePointError."""
        return await generations.ask(
            {"modern": partial(self._numbered, customer_id), "legacy": partial(self._odata, customer_id)}
        )

    async def _numbered(self, customer_id: str) -> list[Row]:
        async def ask(query: Query) -> Page:
            return v3_page(await self._call(self._modern, customer_id, query), self._modern)

        pages = numbered_pages(ask, Ledger(self._modern, _identity), size=_PAGE_SIZE)
        return self._rows([row async for row in pages], self._modern)

    async def _odata(self, customer_id: str) -> list[Row]:
        async def ask(query: Query) -> Page:
            return odata_page(await self._call(self._legacy, customer_id, query), self._legacy)

        pages = odata_pages(self._client, ask, Ledger(self._legacy, _identity))
        return self._rows([row async for row in pages], self._legacy)

    async def _call(self, endpoint: Endpoint, customer_id: str, query: Query) -> object:
        ids = {"customerId": customer_id, "id": customer_id}
        return await self._client.call(endpoint, ids=ids, query=query, body={} if endpoint.method == "POST" else None)

    def _rows(self, raw_rows: list[RawRow], endpoint: Endpoint) -> list[Row]:
        return [Row(raw, endpoint.template, self._client.notes) for raw in raw_rows]


def _identity(raw: RawRow) -> object:
    # The text of the whole row: two rows of one thing that differ are both new, so that the clash is seen.
    return repr(sorted(raw.items(), key=lambda item: item[0])) if raw else None
