"""A partner's lists, row by row: Elements API v3, or the first generation's OData."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from exporter.avepoint.client import Client, Query
from exporter.avepoint.paging import ListPage, ListProgress, RawRow, numbered_pages, odata_page, odata_pages, v3_page

PAGE_SIZE: Final = 100
"""Rows of a page: the most that v3 gives."""


def batch_rows(
    client: Client,
    progress: ListProgress,
    *,
    ids: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> AsyncIterator[RawRow]:
    """Walk a v3 list, narrowed by `body`; afterwards the ledger knows whether it came whole."""
    sent = (body or {}) if progress.endpoint.method == "POST" else None

    async def ask(query: Query) -> ListPage:
        return v3_page(await client.call(progress.endpoint, ids=ids, query=query, body=sent), progress.endpoint)

    return numbered_pages(ask, progress, size=PAGE_SIZE)


def odata_rows(
    client: Client, progress: ListProgress, *, ids: Mapping[str, str] | None = None, top: int | None = PAGE_SIZE
) -> AsyncIterator[RawRow]:
    """Walk an OData list by its links, or by $top and $skip; afterwards the ledger knows whether it came whole."""

    async def ask(query: Query) -> ListPage:
        return odata_page(await client.call(progress.endpoint, ids=ids, query=query), progress.endpoint)

    return odata_pages(client, ask, progress, top=top)
