"""Test paging of partner lists: Elements v3 and OData, with correct and incorrect responses."""

import math
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.avepoint.endpoints import Endpoint, Paging, Query
from exporter.avepoint.lists import numbered_pages
from exporter.avepoint.pages import (
    MOST_PAGES,
    FetchPage,
    ListPage,
    ListProgress,
    read_link,
    read_page,
    read_total,
    row_id,
    row_key,
)
from exporter.avepoint.paging import odata_pages
from exporter.errors import AnswerError, BadRequestError, LinkRefusedError, NotFoundError
from tests.fakes import ClientHarness, payload

ELEMENTS = Endpoint("GET", "/partner/customers", "customers.read", Paging.ELEMENTS, key=("id",))
ODATA = Endpoint("GET", "/partner/customers", "customers.read", Paging.ODATA, key=("id",))
WORLD = ClientHarness(lambda _: httpx.Response(500))  # only parses links, and never sends requests
Service = Callable[[Query], object]


class List:
    """Reads a list, and counts the requests."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.queries: list[Query] = []
        self.progress = ListProgress(ELEMENTS)

    def _fetch(self, endpoint: Endpoint) -> FetchPage:
        async def fetch(query: Query) -> ListPage:
            self.queries.append(query)
            answer = self._service(query)
            if isinstance(answer, Exception):
                raise answer
            return read_page(answer, endpoint)

        return fetch

    async def v3(self, size: int = 10) -> list[str | None]:
        return [row_id(row) async for row in numbered_pages(self._fetch(ELEMENTS), self.progress, size=size)]

    async def odata(self, top: int | None = None) -> list[str | None]:
        pages = odata_pages(WORLD.client, self._fetch(ODATA), self.progress, top=top)
        return [row_id(row) async for row in pages]


def rows(count: int, start: int = 0, most: int = 10**6) -> list[dict[str, object]]:
    every: list[dict[str, object]] = [{"id": f"c{number}"} for number in range(count)]
    return every[start : start + most]


def v3_service(
    count: int, *, cap: int = 10**6, total: Callable[[int], object] | None = None, told: bool = True
) -> Service:
    def answer(query: Query) -> object:
        size = min(int(query["pageSize"]), cap)
        page = rows(count, (int(query["pageIndex"]) - 1) * size, size)
        about = {"pageIndex": query["pageIndex"], "totalCount": total(len(page)) if total else count}
        return {"data": page, "metadata": about | ({"pageSize": size} if told else {})}

    return answer


@given(st.integers(0, 500), st.sampled_from([1, 7, 50, 100]))
@settings(max_examples=60, deadline=None)
async def test_v3_takes_its_pages_and_one_more_where_the_only_one_is_full(count: int, size: int) -> None:
    read = List(v3_service(count))
    assert await read.v3(size) == [row["id"] for row in rows(count)]
    # After several full pages, the exporter stops at the reported total. After a single full page, the exporter
    # requests another page.
    last_alone = count > 0 and count % size == 0 and size in (count, 1)
    assert len(read.queries) <= max(1, math.ceil(count / size)) + last_alone
    assert not read.progress.lacks_rows


@pytest.mark.parametrize(
    "total", [lambda n: n, lambda _: None, lambda _: 5, lambda _: 99, lambda _: "25", lambda _: -1]
)
async def test_v3_totals_that_are_wrong(total: Callable[[int], object]) -> None:
    read = List(v3_service(25, total=total))
    assert len(await read.v3()) == 25
    assert len(read.queries) <= 4


@pytest.mark.parametrize("total", [None, lambda n: n])
async def test_v3_pages_smaller_than_asked_for(total: Callable[[int], object] | None) -> None:
    assert len(await List(v3_service(25, cap=4, total=total)).v3()) == 25
    assert len(await List(v3_service(25, cap=4, told=False)).v3()) == 25


@pytest.mark.parametrize("count", [0, 3, 10, 25])
async def test_a_bare_array_is_read_once_whatever_is_asked(count: int) -> None:
    read = List(lambda _: rows(count))
    assert len(await read.v3()) == count
    assert len(read.queries) == 1 + (count >= 10)


async def test_bare_arrays_that_are_pages() -> None:
    read = List(lambda query: rows(25, (int(query["pageIndex"]) - 1) * 10, 10))
    assert len(await read.v3()) == 25
    assert len(read.queries) == 3


async def test_pages_that_come_again() -> None:
    same = List(lambda _: {"data": rows(10), "metadata": {"totalCount": 30}})
    assert len(await same.v3()) == 10
    assert len(same.queries) == 2
    assert "a page was repeated; received 10 of 30 rows" in str(same.progress.incomplete())
    same = List(lambda _: {"value": rows(10), "@odata.count": 30})
    assert len(await same.odata(10)) == 10
    assert "a page was repeated" in str(same.progress.incomplete())
    assert same.progress.signature is None


async def test_lists_without_end() -> None:
    numbers = iter(range(10**7))
    endless = List(lambda _: {"data": [{"id": next(numbers)}], "metadata": {"totalCount": 10**9}})
    with pytest.raises(AnswerError, match="does not end"):
        await endless.v3(1)
    linked = List(lambda _: {"value": [{"id": next(numbers)}], "@odata.nextLink": "/x?$skiptoken=1"})
    with pytest.raises(AnswerError, match="does not end"):
        await linked.odata()
    assert len(endless.queries) == len(linked.queries) == MOST_PAGES + 1


async def test_an_empty_page_ends_a_list_that_claims_more() -> None:
    read = List(v3_service(25, total=lambda _: 99))
    assert len(await read.v3()) == 25
    assert read.progress.lacks_rows


async def test_rows_of_any_kind() -> None:
    odd: list[object] = [{"id": []}, {"id": {}}, {"id": None}, {}, 7, None, [1], {"Id": "a"}, {"ID": "a"}, {"id": True}]
    read = List(lambda _: {"data": odd, "metadata": "none"})
    assert len(await read.v3(100)) == len(odd)


def odata_service(count: int, *, cap: int = 10**6, link: str = "", counted: bool = False) -> Service:
    def answer(query: Query) -> object:
        start = int(query.get("$skip", query.get("$skiptoken", 0)))
        size = min(int(query.get("$top", 10**6)), cap)
        body: dict[str, object] = {"value": rows(count, start, size)}
        if counted:
            body["@odata.count"] = count
        if link and start + size < count:
            body["@odata.nextLink"] = link.format(start + size)
        return body

    return answer


@given(st.integers(0, 500), st.sampled_from([1, 7, 50, 100]), st.booleans())
@settings(max_examples=60, deadline=None)
async def test_odata_takes_its_pages_and_one_more_where_the_end_is_not_said(
    count: int, top: int, counted: bool
) -> None:
    read = List(odata_service(count, counted=counted))
    assert await read.odata(top) == [row["id"] for row in rows(count)]
    assert len(read.queries) <= math.ceil(count / top) + 1
    if counted and count:
        assert len(read.queries) == math.ceil(count / top)


@pytest.mark.parametrize("top", [None, 10])
@pytest.mark.parametrize(
    "link",
    ["https://graph.example.com/partner/customers?$skiptoken={}", "/partner/customers?$skiptoken={}", "?$skip={}"],
)
async def test_odata_links(link: str, top: int | None) -> None:
    read = List(odata_service(25, cap=4, link=link))
    assert len(await read.odata(top)) == 25
    assert len(read.queries) <= 8


async def test_odata_links_that_cannot_be_used() -> None:
    with pytest.raises(LinkRefusedError):
        await List(odata_service(25, cap=4, link="https://evil.example/?$skip={}")).odata()
    read = List(odata_service(25, cap=4, link="https://evil.example/?$skip={}"))
    assert len(await read.odata(10)) == 25
    loop = List(lambda _: {"value": rows(5), "@odata.nextLink": "?$skip=0"})
    assert len(await loop.odata()) == 5
    assert len(loop.queries) == 2


@pytest.mark.parametrize("top", [5, 100])
async def test_odata_that_ignores_what_it_is_asked(top: int) -> None:
    read = List(lambda _: {"value": rows(25)})
    assert len(await read.odata(top)) == 25
    assert len(read.queries) == 2
    assert len(await List(lambda _: {"value": rows(25)}).odata()) == 25


async def test_odata_that_refuses_to_be_told_how_much_to_give() -> None:
    refusal = BadRequestError("x: HTTP 400", status=400)
    linked = odata_service(25, cap=4, link="/x?$skiptoken={}")
    read = List(lambda query: refusal if "$top" in query else linked(query))
    assert len(await read.odata(10)) == 25
    assert read.queries[:2] == [{"$top": 10, "$skip": 0}, {}]
    with pytest.raises(BadRequestError):
        await List(lambda _: refusal).odata(10)


@pytest.mark.parametrize("refusal", [BadRequestError("x", status=400), NotFoundError("x", status=404)])
async def test_odata_that_refuses_to_go_beyond_its_end(refusal: Exception) -> None:
    read = List(lambda query: refusal if int(query["$skip"]) else {"value": rows(5)})
    assert len(await read.odata(5)) == 5
    with pytest.raises(type(refusal)):
        await List(lambda query: refusal if query.get("$skip") else {"value": rows(5), "@odata.count": 9}).odata(5)
    with pytest.raises(type(refusal)):
        await List(lambda _: refusal).odata()


@pytest.mark.parametrize("answer", [7, None, "x", {}, {"value": 7}, {"value": None}, {"values": []}, []])
async def test_what_is_no_odata(answer: object) -> None:
    with pytest.raises(AnswerError):
        await List(lambda _: answer).odata()


@pytest.mark.parametrize("answer", [7, None, "x", {}, {"data": 7}, {"data": None}, {"data": {}}, {"value": []}])
async def test_what_is_no_v3(answer: object) -> None:
    with pytest.raises(AnswerError):
        await List(lambda _: answer).v3()


async def test_null_is_empty_where_the_total_says_so() -> None:
    assert await List(lambda _: {"data": None, "metadata": {"totalCount": 0}}).v3() == []


def test_the_documented_samples() -> None:
    paged = read_page(payload("overview-paged"), ELEMENTS)
    assert read_page(payload("overview-bare"), ELEMENTS).rows == paged.rows
    assert (len(paged.rows), paged.total, paged.size, paged.is_full(50)) == (2, 2, 50, False)
    assert len(read_page(payload("protected-legacy"), ODATA).rows) == 2


@pytest.mark.parametrize("value", [None, "", " N/A ", [], {}, {"a": 1}, 1.5])
def test_a_row_without_a_readable_id_has_no_key(value: object) -> None:
    assert row_key({"jobid": value, "type": 1}, ("jobid", "type")) is None
    assert row_key({"jobid": "a", "type": value}, ("jobid", "type")) is not None
    assert row_key({"jobid": "a"}, ()) is None


@pytest.mark.parametrize(
    ("value", "total"),
    [(0, 0), (7, 7), ("7", 7), (7.0, 7), (-1, None), (True, None), ([], None), (None, None), ("?", None)],
)
def test_totals(value: object, total: int | None) -> None:
    assert read_total(value) == total


@pytest.mark.parametrize(
    ("value", "link"), [("", None), (" ", None), (None, None), (7, None), ([], None), ("/x", "/x")]
)
def test_links(value: object, link: str | None) -> None:
    assert read_link(value) == link
