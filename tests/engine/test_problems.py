"""The exporter stores a limited number of failures and refreshes. Each failure contains the request id."""

import sys
import tracemalloc
from dataclasses import replace

import httpx

from exporter.engine.snapshot import RECENT_FAILURES, RECENT_REFRESHES, CollectorEntry, ReadResult, SnapshotView
from exporter.errors import AvePointError, Failure, ForbiddenError
from tests.helpers import BATCH_PATH, NOW, FakeApi, World, overview_path, partner, portfolio


def refused(request_id: str = "") -> AvePointError:
    return ForbiddenError("HTTP 403", status=403, hint="grant it", request_id=request_id)


def entry_at(began: float) -> CollectorEntry:
    entry = CollectorEntry("msp", "protected_data", 60)
    entry.update_status(last_attempt=began)
    return entry


def test_the_same_error_in_a_row_is_one_problem_with_its_beginning_and_its_last_request() -> None:
    entry = entry_at(100)
    entry.record_failure(refused("first"))
    entry.update_status(last_attempt=130.0)
    entry.record_failure(refused("second"))
    assert entry.status.failures == (Failure("HTTP 403", "grant it", "second", since=100, at=130.0),)
    assert (entry.status.up, entry.status.failure) == (False, entry.status.failures[-1])


def test_the_same_error_after_a_success_or_another_error_is_another_problem() -> None:
    entry = entry_at(100)
    entry.record_failure(refused())
    entry.update_status(up=True, last_attempt=200.0)
    entry.record_failure(refused())
    entry.update_status(last_attempt=300.0)
    entry.record_failure(AvePointError("no answer"))
    assert [(one.message, one.since) for one in entry.status.failures] == [
        ("HTTP 403", 100), ("HTTP 403", 200), ("no answer", 300),
    ]  # fmt: skip


def test_problems_and_refreshes_are_bounded_and_the_newest_stay() -> None:
    entry = entry_at(1)
    for number in range(100):
        entry.record_failure(AvePointError(f"error {number}"))
        entry.record_end(float(number), api_version="modern")
    assert [one.message for one in entry.status.failures] == [f"error {number}" for number in range(95, 100)]
    assert len(entry.status.failures) == RECENT_FAILURES
    assert [one.seconds for one in entry.status.refreshes] == [float(number) for number in range(70, 100)]
    assert len(entry.status.refreshes) == RECENT_REFRESHES
    assert (entry.status.duration, entry.status.api_version) == (99.0, "modern")


def test_a_customers_problem_ends_with_a_read_and_goes_with_the_customer() -> None:
    entry = entry_at(100)
    for customer in ("a", "b", "c"):
        entry.record_customer_failure(customer, refused(customer))
    entry.record_read("a", ReadResult((), 100, 1))
    view = entry.view()
    entry.keep_only(["b"])
    assert entry.customer_failures == {"b": Failure("HTTP 403", "grant it", "b", 100, 100)}
    assert set(view.customer_failures) == {"b", "c"}
    assert entry.customer_up == {"b": False}


def test_customers_skipped_for_one_error_share_one_problem() -> None:
    entry = entry_at(100)
    entry.record_skipped(iter(["a", "b"]), refused("id"))
    assert entry.customer_up == {"a": False, "b": False}
    assert entry.customer_failures["a"] == Failure("skipped: HTTP 403", "grant it", "id", 100, 100)
    assert entry.customer_failures["a"] is entry.customer_failures["b"]


def test_five_thousand_failing_customers_cost_about_a_megabyte() -> None:
    entry = entry_at(NOW)
    customers = [f"customer-{number}" for number in range(5000)]
    entry.customer_up = dict.fromkeys(customers, True)
    tracemalloc.start()
    try:
        for number, customer in enumerate(customers):
            # Create a new string for each customer, as real responses do.
            message, hint = "".join(["/partner/…: HTTP ", "403"]), "".join(["grant ", "it"])
            entry.record_customer_failure(customer, AvePointError(message, hint=hint, request_id=f"{number:036}"))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len({id(one.message) for one in entry.customer_failures.values()}) == 1
    assert size < 1.4e6
    assert sys.getsizeof(entry.customer_failures) < 0.4e6


def view_of(world: World, collector: str) -> SnapshotView:
    return next(view for view in world.accounts.snapshot.views() if view.collector == collector)


async def test_refreshes_leave_what_failed_in_words_with_the_requests_id() -> None:
    api = FakeApi(portfolio(["x", "y"]))
    api.routes[overview_path("y")] = httpx.Response(403, headers={"x-request-id": "the-id"})
    world = World(api)
    await world.apply(partner())
    assert await world.refresh()
    view = view_of(world, "protected_data")
    (customer, problem), *others = view.customer_failures.items()
    assert (customer, others) == ("y", [])
    assert "HTTP 403" in problem.message
    assert "elements.cbprotected.read.all" in problem.hint
    assert (problem.request_id, problem.at) == ("the-id", view.status.last_attempt)
    assert [one.up for one in view.status.refreshes] == [True]
    assert view.status.failures == ()

    api.routes[BATCH_PATH] = httpx.Response(500, headers={"x-request-id": "list-id"})
    world.accounts._running["msp"].refreshers[1].collector._customer_list._last = None
    await world.refresh()
    view = view_of(world, "protected_data")
    assert {one.message.partition(":")[0] for one in view.customer_failures.values()} == {"skipped"}
    assert [one.request_id for one in view.status.failures] == ["list-id"]
    assert view.customer_up == {"x": False, "y": False}
    await world.accounts.stop()


async def test_customers_given_up_on_say_why() -> None:
    ids = [f"c{number:03}" for number in range(100)]
    api = FakeApi(portfolio(ids) | {overview_path(one): httpx.Response(503) for one in ids})
    world = World(api)
    await world.apply(partner())
    assert not await world.refresh("protected_data")
    messages = [problem.message for problem in view_of(world, "protected_data").customer_failures.values()]
    assert len(messages) == 100
    skipped = [message for message in messages if message.startswith("skipped: ")]
    assert 50 < len(skipped) < 100
    assert all("HTTP 503" in message for message in messages)
    await world.accounts.stop()


async def test_a_changed_account_keeps_its_customers_problems() -> None:
    api = FakeApi(portfolio(["x", "y"]) | {overview_path("y"): httpx.Response(500)})
    world = World(api)
    await world.apply(partner())
    await world.refresh()
    before = view_of(world, "protected_data")
    await world.apply(partner(requests={"concurrency": 2}))
    after = view_of(world, "protected_data")
    assert set(after.customer_failures) == {"y"}
    assert replace(after, status=before.status) == before
    await world.accounts.stop()
