"""Test the records that the status page displays."""

import pytest

from exporter.avepoint.throttle import LimitUsage
from exporter.collectors.base import Family, Sample
from exporter.engine.snapshot import ReadResult, RefreshOutcome, RefreshStatus, SnapshotView
from exporter.errors import Failure
from exporter.exposition.exporter_metrics import Usage
from exporter.web.status.collectors import AccountUsage
from exporter.web.status.formatting import count, moment, precise_time, rate, rounded_time, safe_text
from exporter.web.status.model import Headline, model
from exporter.web.status.page import StatusPage
from exporter.web.status.plot import HEIGHT, plot
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import ConfigStatus
from tests.helpers import NOW
from tests.web.status_data import MONOTONIC, names, problem, status_data, view

FAILURE = problem(request_id="the-id")
DOWN = RefreshStatus(up=False, failure=FAILURE, failures=(FAILURE,))
UP = RefreshStatus(up=True, last_attempt=NOW - 60, next_attempt=NOW + 90, last_success=NOW - 42, duration=0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_rounded_times(seconds: float, text: str) -> None:
    assert rounded_time(seconds) == text


def test_numbers_and_times_for_people() -> None:
    assert [precise_time(one) for one in (0, 0.0001, 0.012, 0.5, 9.94, 61, 7200)] == [
        "0 s", "1 ms", "12 ms", "0.5 s", "9.9 s", "61 s", "2 h",
    ]  # fmt: skip
    assert [count(0, "customer"), count(1, "customer"), count(1204, "refresh", "refreshes")] == [
        "0 customers", "1 customer", "1,204 refreshes",
    ]  # fmt: skip
    assert [rate(10), rate(2.5), rate(0.05)] == ["10", "2.5", "0.05"]
    assert (moment(NOW - 60, NOW).text, moment(NOW, NOW).iso) == ("60 s ago", "2026-11-18T11:06:40Z")
    assert moment(1e18, NOW).exact == "1970-01-01 00:00:00 UTC", "an impossible time does not break the page"
    assert safe_text("client_secret=abc \x1b") == "client_secret=<secret> \N{REPLACEMENT CHARACTER}"


def test_the_headline_names_the_worst_first() -> None:
    partly = view("msp", "protected_data", status=UP, customers={"x": True, "y": False})
    mistakes = ConfigStatus(NOW, errors=("accounts[0]: is missing",))
    assert model(status_data(view(status=UP), view("b", status=UP)), StatusQuery()).headline == Headline(
        "good", "2 collectors up"
    )
    assert model(
        status_data(view(status=UP), view(status=RefreshStatus(off=True))), StatusQuery()
    ).headline == Headline("good", "1 collector up, 1 off")
    assert model(status_data(view(status=UP), view()), StatusQuery()).headline == Headline(
        "waiting", "Not ready: first refresh incomplete for 1 of 2 collectors"
    )
    assert model(status_data(), StatusQuery()).headline == Headline("waiting", "No account is configured")
    assert model(status_data(is_loading=True), StatusQuery()).headline == Headline(
        "waiting", "Not ready: the persistent state is being loaded"
    )
    assert model(status_data(view(status=DOWN), partly, configured=mistakes), StatusQuery()).headline == Headline(
        "bad", "1 of 2 collectors down · 1 of 2 customers failed · the changed configuration is invalid"
    )
    assert model(status_data(partly), StatusQuery()).headline.text == "1 of 2 customers failed"


def test_a_customer_of_several_collectors_counts_once() -> None:
    views = [view("msp", name, status=UP, customers={"x": True, "y": False}) for name in ("one", "two")]
    assert model(status_data(*views), StatusQuery()).headline.text == "1 of 2 customers failed"


def test_collectors_have_state_ages_and_next_refresh() -> None:
    old = {"": ReadResult((), NOW - 7200, MONOTONIC - 7200)}
    shown = model(
        status_data(
            view("waits"),
            view("works", status=UP, customers={"x": True, "y": False, "z": True}),
            view("runs", status=RefreshStatus(up=True, last_attempt=NOW, last_success=NOW - 7200), known=old),
            view("late", status=RefreshStatus(up=True, next_attempt=NOW - 5)),
            view("off", status=RefreshStatus(off=True, failure=Failure("HTTP 403", "grant it"))),
        ),
        StatusQuery(),
    )
    rows = {row.account: row for row in shown.collectors.items}
    assert [row.state for row in rows.values()] == ["waiting", "up", "up", "up", "off"]
    assert [row.next_run for row in rows.values()] == ["", "in 90 s", "running", "due now", ""]
    assert rows["waits"].success is None
    assert (rows["works"].read, rows["works"].failed) == (2, 1)
    assert rows["works"].failed_link == "?account=works&state=failed#customers"
    assert (rows["runs"].stale_after, rows["works"].stale_after) == ("60 min", "")
    assert (rows["off"].reason, rows["off"].hint) == ("HTTP 403", "grant it")
    assert (rows["works"].reason, rows["works"].duration) == ("", "0.5 s")


def test_long_lists_of_errors_are_cut_with_the_number_of_the_rest() -> None:
    views = [view(f"a{number}", status=DOWN) for number in range(130)]
    configured = ConfigStatus(None, errors=tuple(f"mistake {number}" for number in range(30)))
    shown = model(status_data(*views, configured=configured), StatusQuery(part=3))
    assert (len(shown.error_cards), shown.more_error_cards) == (12, 118)
    assert (len(shown.config_errors), shown.more_config_errors, shown.configured) == (10, 20, None)
    assert (shown.collectors.first, shown.collectors.last, shown.collectors.total) == (101, 130, 130)
    assert [one.account for one in shown.account_usage] == [f"a{number}" for number in range(100, 130)]


def test_usage_has_requests_by_status() -> None:
    limits = {"a": LimitUsage(3, 8, 2.5, 10, 43, 0.4)}
    tokens = {"success": 3, "invalid_client": 28}
    usage = {"a": Usage({"429": 2, "200": 1204, "timeout": 2}, 12.34, tokens)}
    shown = model(status_data(view("a"), view("gone"), limits=limits, usage=usage), StatusQuery())
    codes = (("200", 1204), ("429", 2), ("timeout", 2))
    assert shown.account_usage == (
        AccountUsage(
            "a",
            "probe?account=a",
            3,
            8,
            "0.4",
            "10",
            "paused for 43 s, then at most 2.5 per second",
            2,
            "12 s",
            codes,
            (("invalid_client", 28), ("success", 3)),
        ),
    )


def test_an_idle_account_is_not_throttled() -> None:
    shown = model(status_data(view("a", status=UP)), StatusQuery())
    assert shown.account_usage == (AccountUsage("a", "probe?account=a", 0, 8, "0", "10", "", 0, "0 s", ()),)
    assert shown.headline.text == "1 collector up"


def test_an_account_that_backs_off_is_shown() -> None:
    limits = {"a": LimitUsage(0, 8, 5, 10, 0), "b": LimitUsage(0, 8, 10, 10, 0)}
    shown = model(status_data(view("a", status=UP), view("b", status=UP), limits=limits), StatusQuery())
    assert [one.backing_off for one in shown.account_usage] == ["at most 5 per second", ""]
    assert shown.headline == Headline("good", "2 collectors up · the exporter backs off for 1 account")


def portfolio() -> tuple[SnapshotView, ...]:
    organizations = {"c1": "Bakery", "c2": "Dairy", "c3": "Brewery"}
    return (
        view("msp", "customers", status=UP, known=names(organizations)),
        view(
            "msp", "protected_data", status=UP, customers={"c1": True, "c2": False, "c3": True, "c4": False},
            problems={"c2": problem(request_id="id", age=300)}, known={"c1": ReadResult((), NOW - 5, MONOTONIC - 5)},
        ),
        view("other", "protected_data", status=UP, customers={"c1": True}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (StatusQuery(), ["c4", "c2", "c1", "c3", "c1"]),
        (StatusQuery(state="failed"), ["c4", "c2"]),
        (StatusQuery(state="ok"), ["c1", "c3", "c1"]),
        (StatusQuery(text="bak"), ["c1"]),
        (StatusQuery(text="C1"), ["c1", "c1"]),
        (StatusQuery(account="other"), ["c1"]),
        (StatusQuery(account="nobody"), ["c4", "c2", "c1", "c3", "c1"]),
        (StatusQuery(account="msp", text="rewer", state="failed"), []),
        (StatusQuery(page=99), ["c4", "c2", "c1", "c3", "c1"]),
    ],
)
def test_customers_are_filtered_and_failed_ones_come_first(query: StatusQuery, expected: list[str]) -> None:
    shown = model(status_data(*portfolio()), query)
    found = [one.id for one in shown.customers.items]
    assert sorted(found) == sorted(expected)
    failed = [one.up == one.collectors for one in shown.customers.items]
    assert failed == sorted(failed)
    assert shown.customers_total == 5
    assert shown.accounts == ("msp", "other")


def test_a_customer_has_its_last_success_and_its_error() -> None:
    rows = {(one.account, one.id): one for one in model(status_data(*portfolio()), StatusQuery()).customers.items}
    failed, read = rows["msp", "c2"], rows["msp", "c1"]
    (error,) = failed.errors
    assert (failed.organization, error.collectors, error.error, error.hint) == (
        "Dairy",
        "protected_data",
        "HTTP 403",
        "grant it",
    )
    assert error.since is not None
    assert (error.request_id, error.since.text, failed.read_at) == ("id", "5 min ago", None)
    assert read.read_at is not None
    assert (read.read_at.text, read.errors, read.stale_after) == ("5 s ago", (), "")
    assert rows["other", "c1"].organization == "", "a name belongs to one account"


def test_a_customer_of_several_collectors_has_one_row() -> None:
    shared = problem("HTTP 500")
    read = {"c1": ReadResult((), NOW - 5, MONOTONIC - 5), "c2": ReadResult((), NOW - 5, MONOTONIC - 5)}
    older = {"c1": ReadResult((), NOW - 7200, MONOTONIC - 7200)}
    views = [
        view("msp", "one", customers={"c1": True, "c2": True}, known=read),
        view("msp", "two", customers={"c1": True, "c2": False}, known=older, problems={"c2": shared}),
        view("msp", "three", customers={"c2": False}, problems={"c2": shared}),
    ]
    failed, read_row = model(status_data(*views), StatusQuery()).customers.items
    assert (failed.id, failed.up, failed.collectors, failed.read_at) == ("c2", 1, 3, None)
    assert [error.collectors for error in failed.errors] == ["two, three"]
    assert read_row.read_at is not None
    assert (read_row.up, read_row.collectors, read_row.read_at.text) == (2, 2, "2 h ago"), "the oldest success"
    assert read_row.stale_after == "60 min"


def test_names_that_the_metrics_do_not_show_are_not_shown() -> None:
    other = Family("avepoint_customer_status", "Status.", ("account", "customer_id", "status"))
    status = {"": ReadResult((Sample(other, ("c1", "finished"), 1.0),), NOW, MONOTONIC)}
    customers = view(
        "msp", "protected_data", customers={"c1": True}, known={"c1": ReadResult((), 0.0, MONOTONIC - 3601)}
    )
    for known in (names({"c1": ""}), names({"c1": "Bakery"}, age=3601), status):
        shown = model(status_data(view("msp", "customers", known=known), customers), StatusQuery())
        (row,) = shown.customers.items
        assert (row.organization, row.stale_after) == ("", "60 min")


def test_a_plot_shows_each_refresh_and_has_a_description() -> None:
    drawn = plot([RefreshOutcome(1.0, up=True), RefreshOutcome(2.0, up=False), RefreshOutcome(0.001, up=None)])
    assert drawn is not None
    assert drawn.text == "Last 3 refreshes: 1 ms to 2.0 s, 1 failed"
    assert [bar.failed for bar in drawn.bars] == [False, True, False]
    for bar in drawn.bars:
        assert bar.y >= 0
        assert bar.y + bar.height <= HEIGHT
        assert bar.x + bar.width <= drawn.width
    assert drawn.bars[0].height == pytest.approx(HEIGHT / 2)
    alone = plot([RefreshOutcome(0.0, up=True)])
    assert alone is not None
    assert alone.text == "Last 1 refresh: 0 s, none failed"
    assert plot([]) is None


def crowd(size: int) -> tuple[SnapshotView, ...]:
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(size)]
    failed = {one: Failure("HTTP 500", "wait", f"request-{one}", NOW, NOW) for one in ids[::2]}
    known = {one: ReadResult((), NOW, MONOTONIC) for one in ids}
    return (
        view("msp", "customers", status=UP, known=names({one: f"Organization {one}" for one in ids})),
        view("msp", "protected_data", status=UP, known=known, problems=failed,
             customers={one: one not in failed for one in ids}),
    )  # fmt: skip


@pytest.mark.parametrize(
    "query", [StatusQuery(), StatusQuery(text="organization", state="failed", page=50), StatusQuery(text="0000f")]
)
def test_five_thousand_customers_make_a_small_page(query: StatusQuery) -> None:
    assert len(StatusPage().html(status_data(*crowd(5000)), query)) < 64_000
