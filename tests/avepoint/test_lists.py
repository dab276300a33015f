"""Test lists with fewer rows than the reported total, for each type of paging. Also test the memory usage."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from exporter.avepoint.endpoints import (
    CUSTOMER_JOBS,
    CUSTOMERS,
    PROTECTED_DATA,
    SUBSCRIPTIONS,
    TENANT_JOBS,
    Endpoint,
    EndpointPair,
    Paging,
)
from exporter.avepoint.job_lists import JobList, Span
from exporter.avepoint.lists import ApiVersions, ListReader
from exporter.avepoint.reading.values import ticks_at
from exporter.config.schema import ApiVersion
from exporter.errors import IncompleteListError
from tests.fakes import FAST, ClientHarness, make_account

SPAN = Span(ticks_at(1_729_900_000.25), ticks_at(1_730_000_000.25))
Row = dict[str, object]
ALL: list[Row] = [{"id": f"r{number}", "jobId": f"r{number}", "customerId": f"r{number}", "tenantId": f"r{number}"}
       for number in range(250)]  # fmt: skip
PAIRS = [TENANT_JOBS, CUSTOMERS, SUBSCRIPTIONS, PROTECTED_DATA, CUSTOMER_JOBS]
LISTS = [(pair, version) for pair in PAIRS for version in pair.versions]
IDS = [pair.versions[version].template for pair, version in LISTS]
PAGED = [(pair, version) for pair, version in LISTS if pair.versions[version].paging is not Paging.ODATA_LINKS]
PAGED_IDS = [pair.versions[version].template for pair, version in PAGED]
WITH_ID = [(pair, version) for pair, version in LISTS if pair is not PROTECTED_DATA]
IDS_OF_LISTS_WITH_ID = [pair.versions[version].template for pair, version in WITH_ID]


class Service:
    """A list in pages of 100 rows.

    `pages` contains the rows of each page, and `totals` contains the reported totals.
    """

    def __init__(self, pair: EndpointPair, version: ApiVersion) -> None:
        self.endpoint: Endpoint = pair.versions[version]
        self.pages: list[list[Row]] = [ALL[:100], ALL[100:200], ALL[200:]]
        self.totals: Callable[[int], int | None] = lambda _: len(ALL)
        self.requests = 0
        is_tenant = pair is TENANT_JOBS
        self.world = ClientHarness(self._respond, make_account("tenant" if is_tenant else "partner", FAST))
        self._versions = ApiVersions(version)
        self._jobs = JobList(self.world.client, self.endpoint) if is_tenant else None
        self._list = ListReader(self.world.client, pair)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        query, paging = request.url.params, self.endpoint.paging
        if paging is Paging.ELEMENTS:
            index = int(query["pageIndex"]) - 1
        elif paging in (Paging.ODATA, Paging.ODATA_LINKS):
            index = math.ceil(int(query.get("$skip", "0")) / 100)
        else:
            index = int(query["PageIndex"])
        rows = self.pages[index] if index < len(self.pages) else []
        total = self.totals(index)
        more = index + 1 < len(self.pages)
        if paging in (Paging.ELEMENTS, Paging.MODERN_JOBS):
            link = f"/x?PageIndex={index + 1}" if more else None
            return httpx.Response(200, json={"data": rows, "metadata": {"totalCount": total, "nextLink": link}})
        if paging is Paging.LEGACY_JOBS:
            return httpx.Response(200, json={"Jobs": rows, "TotalCount": total, "NextLink": None})
        body: dict[str, Any] = {"value": rows, "@odata.count": total}
        if more:
            body["@odata.nextLink"] = f"/x?$skip={100 * (index + 1)}"
        return httpx.Response(200, json=body)

    async def read(self) -> int:
        """Read the list once, and return the number of distinct rows."""
        if self._jobs is not None:
            rows = await self._jobs.read(SPAN, size=100)
        else:
            rows = await self._list.rows(self._versions, "c")
        return len({row.raw(*(self.endpoint.fields & {"id", "jobid", "customerid", "tenantid"})) for row in rows})

    @property
    def incomplete(self) -> int:
        return self.world.observer.incomplete_lists[self.endpoint.template]


@pytest.mark.parametrize(("pair", "version"), LISTS, ids=IDS)
async def test_a_whole_list_is_read_once(pair: EndpointPair, version: ApiVersion) -> None:
    service = Service(pair, version)
    assert await service.read() == len(ALL)
    assert (service.requests, service.incomplete) == (3, 0)


def _empty_second_page(service: Service) -> None:
    service.pages[1:] = [[]]


def _empty_page_between(service: Service) -> None:
    service.pages[1] = []


def _random_order(service: Service) -> None:
    service.pages = [ALL[:100], ALL[50:150], ALL[200:]]


def _repeated_page(service: Service) -> None:
    service.pages = [ALL[:100]] * 3


def _total_too_high(service: Service) -> None:
    service.totals = lambda _: 260


FAULTS = [_empty_second_page, _empty_page_between, _random_order, _repeated_page, _total_too_high]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize(("pair", "version"), LISTS, ids=IDS)
async def test_a_short_list_is_read_again_and_is_then_an_error(
    pair: EndpointPair, version: ApiVersion, fault: Callable[[Service], None]
) -> None:
    service = Service(pair, version)
    fault(service)
    with pytest.raises(IncompleteListError, match=r"the list is incomplete: .*received \d+ of 2[56]0 rows") as caught:
        await service.read()
    assert service.incomplete == 2
    assert caught.value.rows < (caught.value.total or 0)
    assert caught.value.path == service.endpoint.template
    assert "reads the list again" in caught.value.hint
    service.pages, service.totals = [ALL[:100], ALL[100:200], ALL[200:]], lambda _: len(ALL)
    assert await service.read() == len(ALL)
    assert service.incomplete == 2


@pytest.mark.parametrize(("pair", "version"), PAGED, ids=PAGED_IDS)
@pytest.mark.parametrize("second", [249, 251])
async def test_a_total_that_changes_once_is_read_again(pair: EndpointPair, version: ApiVersion, second: int) -> None:
    service = Service(pair, version)
    service.totals = lambda index: second if index == 2 and service.requests <= 3 else len(ALL)
    assert await service.read() == len(ALL)
    assert service.incomplete == 1


@pytest.mark.parametrize(("pair", "version"), PAGED, ids=PAGED_IDS)
async def test_a_total_that_always_changes_is_never_whole(pair: EndpointPair, version: ApiVersion) -> None:
    service = Service(pair, version)
    service.totals = lambda index: len(ALL) - index
    for _ in range(4):
        with pytest.raises(IncompleteListError, match="the total changed while the list was being read"):
            await service.read()


@pytest.mark.parametrize(("pair", "version"), LISTS, ids=IDS)
async def test_equal_rows_and_an_equal_total_in_three_refreshes_are_the_list(
    pair: EndpointPair, version: ApiVersion
) -> None:
    service = Service(pair, version)
    service.totals = lambda _: 260
    for _ in range(2):
        with pytest.raises(IncompleteListError):
            await service.read()
    assert await service.read() == len(ALL)
    assert await service.read() == len(ALL)
    assert service.incomplete == 7  # the last refresh reads the list only once
    assert sum("three consecutive refreshes" in line for line in service.world.log.lines) == 1
    service.pages[2] = ALL[200:249]
    with pytest.raises(IncompleteListError, match="249 of 260"):
        await service.read()


@pytest.mark.parametrize(("pair", "version"), LISTS, ids=IDS)
async def test_other_rows_or_another_total_begin_the_three_refreshes_again(
    pair: EndpointPair, version: ApiVersion
) -> None:
    service = Service(pair, version)
    for total, last in ((260, 250), (260, 250), (261, 250), (261, 249), (261, 250), (261, 250)):
        service.totals = lambda _, total=total: total  # type: ignore[misc] # a default binds it
        service.pages[2] = ALL[200:last]
        with pytest.raises(IncompleteListError):
            await service.read()
    assert await service.read() == len(ALL)


async def test_a_repeated_page_is_never_the_whole_list() -> None:
    service = Service(CUSTOMERS, "modern")
    _repeated_page(service)
    for _ in range(5):
        with pytest.raises(IncompleteListError, match="a page was repeated; received 100 of 250 rows"):
            await service.read()


@pytest.mark.parametrize(("pair", "version"), PAGED, ids=PAGED_IDS)
async def test_a_service_that_repeats_its_only_page_beside_a_higher_total(
    pair: EndpointPair, version: ApiVersion
) -> None:
    service = Service(pair, version)
    service.pages, service.totals = [ALL[:1]] * 5, lambda _: 2
    for _ in range(2):
        with pytest.raises(IncompleteListError, match="received 1 of 2 rows"):
            await service.read()
    assert await service.read() == 1


@pytest.mark.parametrize(("pair", "version"), WITH_ID, ids=IDS_OF_LISTS_WITH_ID)
@pytest.mark.parametrize("rows", [[*ALL[:99], ALL[0]], [ALL[0], ALL[0]]], ids=["several pages", "one page"])
async def test_a_row_that_is_listed_twice_on_a_page_does_not_hide_a_missing_row(
    pair: EndpointPair, version: ApiVersion, rows: list[Row]
) -> None:
    service = Service(pair, version)
    total = 250 if len(rows) == 100 else 2
    service.pages, service.totals = [rows, *(service.pages[1:] if total == 250 else [])], lambda _: total
    for _ in range(2):
        with pytest.raises(IncompleteListError, match=f"received {total - 1} of {total} rows"):
            await service.read()
        service.world.clock.advance(450)
    assert await service.read() == total - 1


@pytest.mark.parametrize("status", [400, 404])
async def test_a_refused_second_page_ends_a_list_without_a_total(status: int) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        is_first = request.url.params["pageIndex"] == "1"
        return httpx.Response(200, json={"data": ALL[:12]}) if is_first else httpx.Response(status)

    world = ClientHarness(respond, make_account("partner", FAST))
    rows = await ListReader(world.client, CUSTOMERS).rows(ApiVersions("modern"), "c")
    assert len(rows) == 12


@pytest.mark.parametrize(("pair", "version"), WITH_ID, ids=IDS_OF_LISTS_WITH_ID)
@pytest.mark.parametrize(("rows", "total"), [([ALL[0], ALL[0]], 3), ([ALL[0]], True)], ids=["repeated", "unreadable"])
async def test_a_permanent_fault_of_the_total_is_accepted_although_other_rows_change(
    pair: EndpointPair, version: ApiVersion, rows: list[Row], total: int
) -> None:
    service = Service(pair, version)
    service.totals = lambda _: total
    for number in range(4):
        service.pages = [[*rows, ALL[10 + number]]]
        if number < 2:
            with pytest.raises(IncompleteListError):
                await service.read()
        else:
            assert await service.read() == 2


@pytest.mark.parametrize("version", ["modern", "legacy"])
async def test_equal_rows_without_an_id_are_several_rows(version: ApiVersion) -> None:
    service = Service(PROTECTED_DATA, version)
    service.pages, service.totals = [[{"serviceModule": "Teams"}] * 2], lambda _: 2
    await service.read()
    assert service.incomplete == 0


@pytest.mark.parametrize("pair", [TENANT_JOBS], ids=["jobs"])
@pytest.mark.parametrize("version", ["modern", "legacy"])
async def test_a_link_that_jumps_is_seen(pair: EndpointPair, version: ApiVersion) -> None:
    service = Service(pair, version)
    plain = service._respond

    def jump(request: httpx.Request) -> httpx.Response:
        body = plain(request).json()
        (body.get("metadata") or body).update({"nextLink": "/x?PageIndex=2", "NextLink": "/x?PageIndex=2"})
        return httpx.Response(200, json=body)

    service.world._handler = jump
    with pytest.raises(IncompleteListError, match="150 of 250"):
        await service.read()


async def test_a_total_beside_no_row_is_no_empty_list() -> None:
    service = Service(TENANT_JOBS, "modern")
    service.pages = []
    with pytest.raises(IncompleteListError, match="0 of 250"):
        await service.read()
    assert service._jobs is not None
    with pytest.raises(IncompleteListError, match="0 of 250"):
        await service._jobs.has_any(SPAN)


@pytest.mark.parametrize("version", ["modern", "legacy"])
async def test_no_content_is_an_empty_list_of_the_elements_api_only(version: ApiVersion) -> None:
    world = ClientHarness(lambda _: httpx.Response(204), make_account("partner", FAST))
    reader = ListReader(world.client, PROTECTED_DATA)
    if version == "modern":
        assert await reader.rows(ApiVersions(version), "c") == []
    else:
        with pytest.raises(Exception, match="HTTP 204"):
            await reader.rows(ApiVersions(version), "c")


async def test_a_field_that_the_table_lacks_cannot_be_read() -> None:
    world = ClientHarness(
        lambda _: httpx.Response(200, json=[{"serviceModule": "x", "Other": 1}]), make_account("partner")
    )
    (row,) = await ListReader(world.client, PROTECTED_DATA).rows(ApiVersions("modern"), "c")
    assert row.key("serviceModule") == "x"
    for read in (row.count, row.has, row.raw):
        with pytest.raises(LookupError, match="other is not a field of"):
            read("other")


MEMORY = """
import asyncio, httpx, re
from pathlib import Path
from exporter.avepoint.lists import ApiVersions
from exporter.avepoint.endpoints import PROTECTED_DATA
from exporter.avepoint.lists import ListReader
from tests.fakes import FAST, ClientHarness, make_account

FILLER = b",".join([b"1.5"] * 937_500)

def respond(request):
    page = int(request.url.params["pageIndex"])
    rows = b",".join(b'{"serviceModule":"m%d"}' % number for number in range(100 * page, 100 * page + 99))
    total = b'"metadata":{"totalCount":1200}'
    return httpx.Response(200, content=b'{"data":[' + rows + b',{"serviceModule":"n%d","unknown":[' % page + FILLER
                          + b"]}]," + total + b"}")

world = ClientHarness(respond, make_account("partner", FAST))
rows = asyncio.run(ListReader(world.client, PROTECTED_DATA).rows(ApiVersions("modern"), "c"))
# Not ru_maxrss: on Linux a new program inherits the peak of the process that started it.
print(len(rows), int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux has /proc/self/status")
def test_large_unknown_fields_of_a_list_of_many_pages_are_not_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 1200
    assert megabytes < 300
