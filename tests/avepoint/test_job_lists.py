"""The exporter reads job lists with all documented kinds of page numbers, totals and links."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.avepoint.endpoints import TENANT_JOBS
from exporter.avepoint.job_lists import JobList, Span
from exporter.avepoint.pages import MOST_PAGES, row_id
from exporter.avepoint.reading.values import ticks_at
from exporter.errors import AnswerError, BadRequestError, IncompleteListError, NotFoundError
from tests.fakes import ClientHarness, payload

MODERN, LEGACY = TENANT_JOBS.versions.values()
SPAN = Span(ticks_at(1_729_900_000.25), ticks_at(1_730_000_000.25))
Beginning = Literal["0", "clamp", "empty", "error"]
BEGINNINGS: list[Beginning] = ["0", "clamp", "empty", "error"]
Link = Literal[
    "none", "empty", "absent", "absolute", "path", "prefixed", "token", "wrong_host", "self", "first", "junk", "gone"
]
LINKS: list[Link] = [
    "none", "empty", "absent", "absolute", "path", "prefixed", "token", "wrong_host", "self", "first", "junk", "gone",
]  # fmt: skip


@dataclass
class Jobs:
    """A fake service whose job list contains `count` jobs."""

    count: int
    modern: bool = True
    begins: Beginning = "0"
    total: Callable[[int, int], object] = lambda count, _: count
    link: Link = "none"
    cap: int = 10**6
    beyond: int = 200
    pascal: bool = True
    queries: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        self.queries.append(query)
        index, size = int(query["PageIndex"]), min(int(query["PageSize"]), self.cap)
        if query.get("cursor") == "gone":
            return httpx.Response(400)
        if self.begins != "0":
            if index == 0 and self.begins == "error":
                return httpx.Response(400)
            if index == 0 and self.begins == "empty":
                return self._answer([], 0, more=False)
            index = max(index, 1) - 1
        rows = [{"Id" if self.pascal else "id": f"j{number}"} for number in range(self.count)][index * size :][:size]
        if not rows and index > 0 and self.beyond != 200:
            return httpx.Response(self.beyond)
        more = (index + 1) * size < self.count
        return self._answer(rows, int(query["PageIndex"]), more=more)

    def _answer(self, rows: list[dict[str, str]], index: int, *, more: bool) -> httpx.Response:
        about = {"totalCount": self.total(self.count, len(rows))}
        if self.link != "absent":
            about["nextLink"] = self._link(index, more=more)
        if self.modern:
            return httpx.Response(200, json={"statusCode": 200, "data": rows, "metadata": about})
        return httpx.Response(
            200, json={key[0].upper() + key[1:]: value for key, value in about.items()} | {"Jobs": rows}
        )

    def _link(self, index: int, *, more: bool) -> object:
        always = {"self": f"/x?PageIndex={index}", "first": "/x?PageIndex=0", "junk": 7}
        if self.link in always:
            return always[self.link]
        forms = {
            "empty": "", "none": None, "absolute": f"https://graph.example.com/cloudbackup/jobs?pageIndex={index + 1}",
            "path": f"/cloudbackup/jobs?PageIndex={index + 1}",
            "prefixed": f"/service/jobs?PageIndex={index + 1}&x=%20",
            "token": "b3BhcXVl", "wrong_host": f"https://evil.example/?PageIndex={index + 1}", "gone": "/x?cursor=gone",
        }  # fmt: skip
        return forms[self.link] if more else ("" if self.link == "empty" else None)


class Reading:
    def __init__(self, service: Jobs) -> None:
        self.service = service
        self.world = ClientHarness(service)
        self.list = JobList(self.world.client, MODERN if service.modern else LEGACY)

    async def read(self, size: int = 50) -> tuple[int, int]:
        """Read the list, and return the number of distinct jobs and the number of requests."""
        self.service.queries.clear()
        rows = await self.list.read(SPAN, size=size)
        return len({row.id for row in rows}), len(self.service.queries)


@pytest.mark.parametrize("modern", [True, False])
def test_calls_are_the_pages_and_one_more_after_a_full_one(modern: bool) -> None:
    reading = Reading(Jobs(0, modern=modern, pascal=not modern))

    @given(st.integers(0, 500), st.sampled_from([9, 50, 100, 1000]))
    @settings(max_examples=30, deadline=None)
    def holds(count: int, size: int) -> None:
        reading.service.count = count
        read, calls = asyncio.run(reading.read(size))
        assert read == count
        assert calls == max(1, math.ceil(count / size)) + (count > 0 and count % size == 0)

    holds()


@pytest.mark.parametrize("link", LINKS)
async def test_every_job_is_read_however_pages_are_numbered_and_linked(link: Link) -> None:
    totals: list[Callable[[int, int], object]] = [
        lambda count, _: count, lambda _, __: None, lambda count, _: str(count), lambda _, rows: rows,
    ]  # fmt: skip
    reading = Reading(Jobs(0, link=link))
    for begins, total, count in product(BEGINNINGS, totals, (0, 10, 25)):
        if begins == "empty" and total(count, 0) in (0, "0"):
            continue  # an empty page 0 with a total of 0 is a valid list
        reading.service.begins, reading.service.total, reading.service.count = begins, total, count
        reading.list = JobList(reading.world.client, MODERN)
        for _ in range(2):
            read, calls = await reading.read(10)
            assert read == count, (begins, total)
            assert calls <= math.ceil(count / 10) + 4
    refused = reading.world.observer.unread[MODERN.template, "nextLink"]
    assert (refused > 0) is (link == "wrong_host")
    assert {request.url.host for request in reading.world.calls} == {"graph.example.com"}


@pytest.mark.parametrize("link", ["none", "absolute", "path", "token", "wrong_host"])
@pytest.mark.parametrize("cap", [1, 7])
async def test_pages_smaller_than_asked_for(link: Link, cap: int) -> None:
    reading = Reading(Jobs(25, link=link, cap=cap))
    assert await reading.read(10) == (25, math.ceil(25 / cap))
    if link in ("absolute", "path"):
        for total in (lambda _, __: None, lambda _, rows: rows):
            counted: Callable[[int, int], object] = total
            assert (await Reading(Jobs(25, link=link, cap=cap, total=counted)).read(10))[0] == 25


@pytest.mark.parametrize("size", [10, 50])
async def test_a_total_that_is_wrong_loses_no_job(size: int) -> None:
    reading = Reading(Jobs(30, total=lambda all_, _: all_ - 7))
    assert (await reading.read(size))[0] == 30
    reading = Reading(Jobs(30, total=lambda all_, _: all_ + 3))
    for _ in range(2):
        with pytest.raises(IncompleteListError, match="received 30 of 33 rows"):
            await reading.read(size)
    assert (await reading.read(size))[0] == 30


@pytest.mark.parametrize("beyond", [400, 404])
async def test_a_service_that_refuses_to_go_beyond_its_end(beyond: int) -> None:
    reading = Reading(Jobs(20, beyond=beyond))
    assert await reading.read(10) == (20, 3)


async def test_where_it_begins_is_learnt_and_unlearnt() -> None:
    service = Jobs(25, begins="clamp")
    reading = Reading(service)
    assert await reading.read(10) == (25, 4)
    assert await reading.read(10) == (25, 3)
    service.begins = "0"
    assert await reading.read(10) == (25, 6)
    assert await reading.read(10) == (25, 3)


@pytest.mark.parametrize("link", ["self", "first"])
async def test_a_link_that_loops_does_not_teach_a_wrong_beginning(link: Link) -> None:
    reading = Reading(Jobs(30, link=link, total=lambda _, __: None))
    for _ in range(3):
        assert (await reading.read(10))[0] == 30


async def test_a_list_that_never_ends() -> None:
    numbers = iter(range(10**6))
    world = ClientHarness(
        lambda _: httpx.Response(200, json={"data": [{"id": next(numbers)}], "metadata": {"totalCount": 10**6}})
    )
    with pytest.raises(AnswerError, match="does not end"):
        await JobList(world.client, MODERN).read(SPAN, size=1)
    assert len(world.calls) == MOST_PAGES + 1


async def test_one_page_for_ever() -> None:
    world = ClientHarness(lambda _: httpx.Response(200, json={"Jobs": [{"Id": 1}, {"Id": 2}], "TotalCount": 9}))
    with pytest.raises(IncompleteListError, match="a page was repeated; received 2 of 9 rows"):
        await JobList(world.client, LEGACY).read(SPAN, size=2)
    assert len(world.calls) < 10


async def test_rows_that_shift_between_pages() -> None:
    pages, total = [["a", "b"], ["b", "c"], ["d"]], 4

    def handler(request: httpx.Request) -> httpx.Response:
        index = int(request.url.params["PageIndex"])
        page = pages[index] if index < len(pages) else []
        return httpx.Response(200, json={"Jobs": [{"Id": key} for key in page], "TotalCount": total})

    world = ClientHarness(handler)
    rows = await JobList(world.client, LEGACY).read(SPAN, size=2)
    assert {row.id for row in rows} == {"a", "b", "c", "d"}
    total = 5
    with pytest.raises(IncompleteListError, match="received 4 of 5 rows"):
        await JobList(world.client, LEGACY).read(SPAN, size=2)


async def test_what_is_asked() -> None:
    modern, legacy = Jobs(0), Jobs(0, modern=False)
    await Reading(modern).list.read(SPAN, size=5, job_type=2, object_type=7)
    assert modern.queries[0] == {
        "StartTime": "2024-10-25T23:46:40Z", "FinishTime": "2024-10-27T03:33:21Z", "JobType": "2", "ObjectType": "7",
        "JobState": "0", "PageIndex": "0", "PageSize": "5",
    }  # fmt: skip
    await Reading(legacy).list.read(SPAN, size=5)
    assert int(legacy.queries[0]["StartTime"]) == SPAN.start + 621_355_968_000_000_000
    assert int(legacy.queries[0]["FinishTime"]) == SPAN.end + 621_355_968_000_000_000


async def test_the_filters_stay_when_a_link_has_none_and_give_way_when_it_has() -> None:
    service = Jobs(25, link="prefixed", total=lambda _, __: None)
    await Reading(service).list.read(SPAN, size=10, job_type=3)
    assert [query["JobType"] for query in service.queries] == ["3"] * 3
    assert [query["PageIndex"] for query in service.queries] == ["0", "1", "2"]
    assert service.queries[1]["x"] == " "


async def test_ids_in_large_pages_where_the_service_allows_them() -> None:
    reading = Reading(Jobs(30))
    assert await reading.list.ids(SPAN, size=10, largest=100) == {f"j{number}" for number in range(30)}
    assert len(reading.service.queries) == 1
    world = ClientHarness(
        lambda request: httpx.Response(400) if request.url.params["PageSize"] == "100" else reading.service(request)
    )
    assert len(await JobList(world.client, MODERN).ids(SPAN, size=10, largest=100)) == 30
    with pytest.raises(BadRequestError):
        await JobList(ClientHarness(lambda _: httpx.Response(400)).client, MODERN).ids(SPAN, size=10, largest=10)


@pytest.mark.parametrize(
    "body", [[], 7, {}, {"data": {}}, {"data": "x"}, {"jobs": []}, {"data": None}, {"data": None, "metadata": 3}]
)
async def test_what_is_no_list_of_jobs(body: object) -> None:
    with pytest.raises(AnswerError):
        await JobList(ClientHarness(lambda _: httpx.Response(200, json=body)).client, MODERN).read(SPAN, size=5)


async def test_null_is_a_list_of_none_if_the_service_says_so() -> None:
    body = {"data": None, "metadata": {"totalNumber": 0}}
    assert (
        await JobList(ClientHarness(lambda _: httpx.Response(200, json=body)).client, MODERN).read(SPAN, size=5) == []
    )


async def test_what_is_not_there_and_what_fails_midway() -> None:
    with pytest.raises(NotFoundError):
        await JobList(ClientHarness(lambda _: httpx.Response(404)).client, MODERN).read(SPAN, size=5)
    with pytest.raises(BadRequestError):
        await Reading(Jobs(30, total=lambda _, __: 99, beyond=400)).read(10)


@pytest.mark.parametrize("name", ["legacy", "modern"])
async def test_the_documented_samples(name: str) -> None:
    world = ClientHarness(lambda _: httpx.Response(200, json=payload(f"jobs-{name}")))
    rows = await JobList(world.client, MODERN if name == "modern" else LEGACY).read(SPAN, size=10)
    assert [row.id for row in rows] == ["FB20241012-0001"]
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"ID": "a"}, "a"),
        ({"id": 7}, "7"),
        ({"Id": ""}, None),
        ({"Id": []}, None),
        ({}, None),
        ({"id": "x" * 999}, "x" * 200),
    ],
)
def test_ids_of_jobs(row: dict[str, object], key: str | None) -> None:
    assert row_id(row) == key
