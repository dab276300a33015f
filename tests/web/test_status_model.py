"""What the status page says, before any HTML."""

import time

import pytest

from exporter.avepoint.throttle import LimitUsage
from exporter.collectors.base import Family, Sample
from exporter.engine.snapshot import ReadResult, RefreshOutcome, RefreshStatus, SnapshotView
from exporter.errors import Failure
from exporter.exposition.exporter_metrics import Usage
from exporter.web.facts import Configured
from exporter.web.status.collectors import Spent
from exporter.web.status.formatting import count, moment, plain, rate, span, took
from exporter.web.status.model import Headline, model
from exporter.web.status.page import StatusPage
from exporter.web.status.plot import HEIGHT, plot
from exporter.web.status.query import StatusQuery
from tests.helpers import NOW
from tests.web.status_facts import MONOTONIC, facts, names, problem, view

FAILURE = problem(request_id="the-id")
DOWN = RefreshStatus(up=False, failure=FAILURE, failures=(FAILURE,))
UP = RefreshStatus(up=True, last_attempt=NOW - 60, next_attempt=NOW + 90, last_success=NOW - 42, duration=0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_words() -> None:
    assert [took(one) for one in (0, 0.0001, 0.012, 0.5, 9.94, 61, 7200)] == [
        "0 s", "1 ms", "12 ms", "0.5 s", "9.9 s", "61 s", "2 h",
    ]  # fmt: skip
    assert [count(0, "customer"), count(1, "customer"), count(1204, "refresh", "refreshes")] == [
        "0 customers", "1 customer", "1,204 refreshes",
    ]  # fmt: skip
    assert [rate(10), rate(2.5), rate(0.05)] == ["10", "2.5", "0.05"]
    assert (moment(NOW - 60, NOW).text, moment(NOW, NOW).iso) == ("60 s ago", "2026-11-18T11:06:40Z")
    assert moment(1e18, NOW).exact == "1970-01-01 00:00:00 UTC", "a clock gone mad costs no page"
    assert plain("client_secret=abc \x1b") == "client_secret=<secret> \N{REPLACEMENT CHARACTER}"


def test_the_verdict_says_the_worst_first() -> None:
    partly = view("msp", "protected_data", status=UP, customers={"x": True, "y": False})
    mistakes = Configured(NOW, errors=("accounts[0]: is missing",))
    assert model(facts(view(status=UP), view("b", status=UP)), StatusQuery()).verdict == Headline(
        "good", "2 collectors up; nothing is wrong"
    )
    assert model(facts(view(status=UP), view(status=RefreshStatus(off=True))), StatusQuery()).verdict == Headline(
        "good", "1 collector up, 1 off; nothing is wrong"
    )
    assert model(facts(view(status=UP), view()), StatusQuery()).verdict == Headline(
        "waiting", "Not ready: 1 of 2 collectors in a first refresh"
    )
    assert model(facts(), StatusQuery()).verdict == Headline("waiting", "No collector runs here")
    assert model(facts(view(status=DOWN), partly, configured=mistakes), StatusQuery()).verdict == Headline(
        "bad", "1 of 2 collectors down; 1 customer of 2 not read; the changed configuration has mistakes"
    )
    assert model(facts(partly), StatusQuery()).verdict.text == "1 customer of 2 not read"


def test_a_customer_of_several_collectors_counts_once() -> None:
    views = [view("msp", name, status=UP, customers={"x": True, "y": False}) for name in ("one", "two")]
    assert model(facts(*views), StatusQuery()).verdict.text == "1 customer of 2 not read"


def test_collectors_say_state_ages_and_next_run() -> None:
    old = {"": ReadResult((), NOW - 7200, MONOTONIC - 7200)}
    shown = model(
        facts(
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
    assert [row.next_run for row in rows.values()] == ["", "in 90 s", "under way", "due now", ""]
    assert rows["waits"].success is None
    assert (rows["works"].read, rows["works"].failed) == (2, 1)
    assert rows["works"].failed_link == "?account=works&state=failed#customers"
    assert (rows["runs"].too_old, rows["works"].too_old) == ("60 min", "")
    assert (rows["off"].reason, rows["off"].hint) == ("HTTP 403", "grant it")
    assert (rows["works"].reason, rows["works"].took) == ("", "0.5 s")


def test_the_same_error_of_many_customers_is_one_trouble() -> None:
    problems = {f"c{number}": problem("HTTP 500", request_id=f"id{number}", age=100 - number) for number in range(9)}
    problems["other"] = problem("no answer")
    customers = dict.fromkeys([*problems, "fine"], False) | {"fine": True}
    shown = model(
        facts(view("msp", "protected_data", status=UP, customers=customers, problems=problems)), StatusQuery()
    )
    first, second = shown.error_cards
    assert (first.what, first.error, first.request_id) == ("could not read 9 customers of 11", "HTTP 500", "id8")
    assert first.link == "?account=msp&state=failed#customers"
    assert first.since is not None
    assert first.at is not None
    assert (first.since.text, first.at.text) == ("100 s ago", "92 s ago")
    assert (second.what, second.error) == ("could not read 1 customer of 11", "no answer")


def test_a_collector_that_is_down_is_not_said_again_for_each_of_its_customers() -> None:
    problems = {"a": problem("HTTP 403"), "b": problem("not asked for: HTTP 403"), "c": problem("HTTP 500")}
    customers = dict.fromkeys(problems, False)
    shown = model(facts(view("msp", status=DOWN, customers=customers, problems=problems)), StatusQuery())
    assert [(one.what, one.error, one.request_id) for one in shown.error_cards] == [
        ("is down", "HTTP 403", "the-id"), ("could not read 1 customer of 3", "HTTP 500", ""),
    ]  # fmt: skip


def test_a_collector_that_is_down_without_a_kept_problem_still_says_why() -> None:
    (trouble,) = model(
        facts(view(status=RefreshStatus(up=False, failure=Failure("no answer", "look")))), StatusQuery()
    ).error_cards
    assert (trouble.error, trouble.hint, trouble.since, trouble.at) == ("no answer", "look", None, None)


def test_lists_of_what_is_wrong_are_cut_and_say_so() -> None:
    views = [view(f"a{number}", status=DOWN) for number in range(130)]
    configured = Configured(None, errors=tuple(f"mistake {number}" for number in range(30)))
    shown = model(facts(*views, configured=configured), StatusQuery(part=3))
    assert (len(shown.error_cards), shown.more_error_cards) == (12, 118)
    assert (len(shown.mistakes), shown.more_mistakes, shown.configured) == (10, 20, None)
    assert (shown.collectors.first, shown.collectors.last, shown.collectors.total) == (101, 130, 130)
    assert [one.account for one in shown.spent] == [f"a{number}" for number in range(100, 130)]


def test_earlier_errors_are_those_that_are_over_newest_first() -> None:
    down = RefreshStatus(up=False, failures=(problem("old", age=900), problem("lasts", age=5)))
    up = RefreshStatus(up=True, failures=(problem("older", age=1000), problem("newest", age=1)))
    shown = model(facts(view("a", status=down), view("b", status=up)), StatusQuery())
    assert [(one.account, one.error) for one in shown.earlier] == [("b", "newest"), ("a", "old"), ("b", "older")]


def test_budgets_are_said_with_calls_by_code() -> None:
    budgets = {"a": LimitUsage(3, 8, 2.5, 10, 43)}
    usage = {"a": Usage({"429": 2, "200": 1204, "timeout": 2}, 12.34)}
    shown = model(facts(view("a"), view("gone"), budgets=budgets, usage=usage), StatusQuery())
    codes = (("200", 1204), ("429", 2), ("timeout", 2))
    assert shown.spent == (Spent("a", "probe?account=a", 3, 8, "2.5", "10", True, "43 s", "12 s", codes),)


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
def test_customers_are_chosen_by_account_text_and_state_and_failed_ones_come_first(
    query: StatusQuery, expected: list[str]
) -> None:
    shown = model(facts(*portfolio()), query)
    found = [one.id for one in shown.customers.items]
    assert sorted(found) == sorted(expected)
    failed = [one.is_read for one in shown.customers.items]
    assert failed == sorted(failed)
    assert shown.customers_total == 5
    assert shown.accounts == ("msp", "other")


def test_a_customer_says_when_it_was_read_and_why_not() -> None:
    rows = {(one.account, one.id): one for one in model(facts(*portfolio()), StatusQuery()).customers.items}
    failed, read = rows["msp", "c2"], rows["msp", "c1"]
    assert (failed.organization, failed.error, failed.hint) == ("Dairy", "HTTP 403", "grant it")
    assert failed.since is not None
    assert (failed.request_id, failed.since.text, failed.read_at) == ("id", "5 min ago", None)
    assert read.read_at is not None
    assert (read.read_at.text, read.error, read.too_old) == ("5 s ago", "", "")
    assert rows["other", "c1"].organization == "", "a name is of its own account"


def test_names_that_the_metrics_do_not_show_are_not_shown() -> None:
    other = Family("avepoint_customer_status", "Status.", ("account", "customer_id", "status"))
    status = {"": ReadResult((Sample(other, ("c1", "finished"), 1.0),), NOW, MONOTONIC)}
    customers = view(
        "msp", "protected_data", customers={"c1": True}, known={"c1": ReadResult((), 0.0, MONOTONIC - 3601)}
    )
    for known in (names({"c1": ""}), names({"c1": "Bakery"}, age=3601), status):
        shown = model(facts(view("msp", "customers", known=known), customers), StatusQuery())
        (row,) = shown.customers.items
        assert (row.organization, row.too_old) == ("", "60 min")


def test_a_plot_shows_each_refresh_and_says_the_same_in_words() -> None:
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
def test_five_thousand_customers_make_a_small_page_quickly(query: StatusQuery) -> None:
    given, page = facts(*crowd(5000)), StatusPage()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        assert len(page.html(given, query)) < 64_000
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.05
