"""Lists that there are of each customer of a partner: Elements API v3, or the first generation's OData."""

from collections.abc import AsyncIterator
from functools import partial

from exporter.avepoint.api_versions import ApiVersions
from exporter.avepoint.client import Client
from exporter.avepoint.paging import ListProgress, RawRow
from exporter.avepoint.partner_lists import batch_rows, odata_rows
from exporter.avepoint.responses import Endpoint
from exporter.avepoint.rows import Row


class PerCustomerList:
    """One list of a customer, as both generations have it."""

    def __init__(self, client: Client, *, modern: Endpoint, legacy: Endpoint) -> None:
        self._client = client
        self._modern = modern
        self._legacy = legacy

    async def read(self, api_versions: ApiVersions, customer_id: str) -> list[Row]:
        """Read all rows of one customer; raises AvePointError."""
        return await api_versions.ask(
            {"modern": partial(self._numbered, customer_id), "legacy": partial(self._odata, customer_id)}
        )

    async def _numbered(self, customer_id: str) -> list[Row]:
        progress = ListProgress(self._modern, _identity)
        return await self._rows(batch_rows(self._client, progress, ids={"customerId": customer_id}), self._modern)

    async def _odata(self, customer_id: str) -> list[Row]:
        progress = ListProgress(self._legacy, _identity)
        return await self._rows(odata_rows(self._client, progress, ids={"id": customer_id}, top=None), self._legacy)

    async def _rows(self, raw_rows: AsyncIterator[RawRow], endpoint: Endpoint) -> list[Row]:
        return [Row(raw, endpoint.template, self._client.value_issues) async for raw in raw_rows]


def _identity(raw: RawRow) -> object:
    # The text of the whole row: two rows of one thing that differ are both new, so that the clash is seen.
    return repr(sorted(raw.items(), key=lambda item: item[0])) if raw else None
