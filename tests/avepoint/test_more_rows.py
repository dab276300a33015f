"""A list is incomplete if AvePoint reports more rows in any way, but returns no other rows."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from exporter.avepoint.endpoints import (
    BACKUP_FREQUENCY,
    CUSTOMERS,
    GOOGLE_JOBS,
    TENANT_JOBS,
    UNUSUAL_ACTIVITY,
    EndpointPair,
)
from exporter.avepoint.job_lists import JobList, ProductJobList, Span
from exporter.avepoint.lists import ApiVersions, ListReader
from exporter.avepoint.reading.values import ticks_at
from exporter.config.schema import ApiVersion
from exporter.errors import IncompleteListError
from tests.fakes import FAST, ClientHarness, make_account
from tests.helpers import FakeApi, World, tenant

SPAN = Span(ticks_at(1_729_900_000.0), ticks_at(1_730_000_000.0))
ALL = [{"id": f"r{number}", "jobId": f"r{number}"} for number in range(250)]
Answer = Callable[[Mapping[str, str]], object]


class Service:
    """A service that answers each request for a list with the result of a function of the query."""

    def __init__(self, pair: EndpointPair, version: ApiVersion, answer: Answer) -> None:
        self.template = pair.versions[version].template
        is_tenant = pair in (TENANT_JOBS, GOOGLE_JOBS)
        self.world = ClientHarness(
            lambda request: httpx.Response(200, json=answer(request.url.params)),
            make_account("tenant" if is_tenant else "partner", FAST),
        )
        self._versions = ApiVersions(version)
        self._list: ListReader | JobList | ProductJobList = ListReader(self.world.client, pair)
        if pair is TENANT_JOBS:
            self._list = JobList(self.world.client, pair.modern)
        elif pair is GOOGLE_JOBS:
            self._list = ProductJobList(self.world.client, pair.modern, lambda _: {})

    async def read(self) -> int:
        """Read the list, and return the number of rows."""
        if isinstance(self._list, ListReader):
            return len(await self._list.rows(self._versions, ""))
        return len(await self._list.read(SPAN, size=50))

    @property
    def calls(self) -> int:
        return len(self.world.calls)


def customers(rows: list[dict[str, str]], **metadata: object) -> object:
    return {"data": rows, "metadata": metadata}


def jobs(rows: list[dict[str, str]], **metadata: object) -> object:
    return {"statusCode": 200, "data": rows, "metadata": metadata}


def google(rows: list[dict[str, str]], link: object) -> object:
    return {"status": 200, "jobs": rows, "nextLink": link}


FORWARD = "/x?$skip=100"
CASES: dict[str, tuple[EndpointPair, ApiVersion, Answer]] = {
    "v3 repeats a full page without total": (CUSTOMERS, "modern", lambda _: customers(ALL[:100])),
    "v3 repeats a full array": (CUSTOMERS, "modern", lambda _: ALL[:100]),
    "OData ignores $skip": (CUSTOMERS, "legacy", lambda _: {"value": ALL[:100]}),
    "OData repeats a linked page": (CUSTOMERS, "legacy", lambda _: {"value": ALL[:9], "@odata.nextLink": FORWARD}),
    "jobs repeat a full page": (TENANT_JOBS, "modern", lambda _: jobs(ALL[:50])),
    "jobs repeat a linked page": (TENANT_JOBS, "modern", lambda _: jobs(ALL[:5], nextLink="/x?PageIndex=1&token=a")),
    "Google jobs repeat a full page": (GOOGLE_JOBS, "modern", lambda _: google(ALL[:50], None)),
    "Google jobs with a link": (GOOGLE_JOBS, "modern", lambda _: google(ALL[:5], "/x?skipToken=abc")),
    "Google jobs with an opaque link": (GOOGLE_JOBS, "modern", lambda _: google(ALL[:5], "opaque")),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_page_that_must_not_be_the_last_one_is_repeated(case: str) -> None:
    service = Service(*CASES[case])
    for _ in range(2):
        with pytest.raises(IncompleteListError, match=r"incomplete: .*; received \d+ rows"):
            await service.read()
    assert service.world.observer.incomplete_lists[service.template] == 4


@pytest.mark.parametrize("total", [2**60, True, "many", -1, [1], 1.5])
@pytest.mark.parametrize("version", ["modern", "legacy"])
async def test_a_list_whose_total_cannot_be_read_is_not_complete(total: object, version: ApiVersion) -> None:
    def answer(query: Mapping[str, str]) -> object:
        start = int(query.get("$skip", 100 * (int(query.get("pageIndex", 1)) - 1)))
        page = ALL[start : start + 100]
        return customers(page, totalCount=total) if version == "modern" else {"value": page, "@odata.count": total}

    service = Service(CUSTOMERS, version, answer)
    for _ in range(2):
        with pytest.raises(IncompleteListError, match="the total cannot be read; received 250 rows"):
            await service.read()
        service.world.clock.advance(450)
    assert service.world.observer.unread[service.template, "totalCount"] > 0
    assert await service.read() == 250


async def test_a_link_that_is_always_there_is_accepted_after_15_minutes() -> None:
    service = Service(*CASES["Google jobs with a link"])
    for _ in range(2):
        with pytest.raises(IncompleteListError, match="link"):
            await service.read()
        service.world.clock.advance(450)
    assert await service.read() == 5


async def test_an_empty_page_behind_a_link_ends_the_list() -> None:
    def answer(query: Mapping[str, str]) -> object:
        return google(ALL[:5] if query["pageIndex"] == "0" else [], "/x?skipToken=abc")

    service = Service(GOOGLE_JOBS, "modern", answer)
    assert await service.read() == 5
    assert service.calls == 2


@pytest.mark.parametrize("count", [0, 5, 25, 49, 50, 120, 150, 250])
async def test_pages_smaller_than_requested_without_total_and_size_are_read(count: int) -> None:
    service = Service(
        CUSTOMERS, "modern", lambda query: customers(ALL[:count][50 * (int(query["pageIndex"]) - 1) :][:50])
    )
    assert await service.read() == count
    assert service.calls <= math.ceil(count / 50) + 1


async def test_more_rows_than_requested_are_all_rows() -> None:
    for answer in (customers(ALL[:120]), ALL[:120]):
        service = Service(CUSTOMERS, "modern", lambda _, answer=answer: answer)  # type: ignore[misc] # a default binds it
        assert await service.read() == 120
        assert service.calls == 2


@pytest.mark.parametrize("size", [1, 99, 100, 101, 200, 250])
async def test_documented_pages_need_no_other_requests(size: int) -> None:
    def answer(query: Mapping[str, str]) -> object:
        index = int(query["pageIndex"])
        return customers(ALL[:size][100 * (index - 1) :][:100], pageIndex=index, pageSize=100, totalCount=size)

    service = Service(CUSTOMERS, "modern", answer)
    assert await service.read() == size
    assert service.calls == math.ceil(size / 100) + (size == 100)


SITES: dict[str, Any] = {"serviceType": 0, "potentialRansomwareAttackCount": 4, "unusualActivitiesCount": 5}
ANSWERS: dict[str, tuple[EndpointPair, str, Callable[[list[object]], object], object]] = {
    "unusual_activity": (
        UNUSUAL_ACTIVITY, "avepoint_potential_ransomware_sites", lambda rows: {"data": rows}, SITES,
    ),
    "backup_frequency": (
        BACKUP_FREQUENCY, "avepoint_backups_per_day", lambda rows: rows, {"serviceType": 0, "frequency": 4},
    ),
}  # fmt: skip


@pytest.mark.parametrize("collector", ANSWERS)
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("metadata", [{"totalCount": 5}, {"totalCount": 2**60}, {"nextLink": "https://x/?a=b"}])
async def test_settings_and_activities_are_not_read_with_fewer_rows_than_their_total(
    collector: str, rows: int, metadata: dict[str, object]
) -> None:
    pair, name, data, row = ANSWERS[collector]
    answer = {"statusCode": 200, "data": data([row]), "metadata": {"totalCount": 1, "nextLink": ""}}
    world = World(FakeApi({pair.modern.template: lambda _: json.loads(json.dumps(answer))}))
    await world.apply(tenant(collectors={collector: {}}))
    assert await world.refresh()
    answer.update(data=data([row] * rows), metadata=metadata)
    if rows or "nextLink" not in metadata:
        assert not await world.refresh()
        assert world.value(name, account="contoso", workload="Exchange Online") == 4
        assert world.value("avepoint_incomplete_lists_total", account="contoso", path=pair.modern.template) == 2
    await world.accounts.stop()
