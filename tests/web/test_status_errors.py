"""Test the errors that the status page shows."""

from exporter.engine.snapshot import RefreshStatus, SnapshotView
from exporter.errors import Failure
from exporter.web.status.model import model
from exporter.web.status.query import StatusQuery
from tests.helpers import NOW
from tests.web.status_data import problem, status_data, view

FAILURE = problem(request_id="the-id")
DOWN = RefreshStatus(up=False, failure=FAILURE, failures=(FAILURE,))
UP = RefreshStatus(up=True)


def test_the_same_error_of_many_customers_is_one_card() -> None:
    problems = {f"c{number}": problem("HTTP 500", request_id=f"id{number}", age=100 - number) for number in range(9)}
    problems["other"] = problem("no answer")
    customers = dict.fromkeys([*problems, "fine"], False) | {"fine": True}
    shown = model(
        status_data(view("msp", "protected_data", status=UP, customers=customers, problems=problems)), StatusQuery()
    )
    first, second = shown.error_cards
    assert (first.summary, first.error, first.request_id) == ("refresh failed for 9 of 11 customers", "HTTP 500", "id8")
    assert first.link == "?account=msp&state=failed#customers"
    assert first.since is not None
    assert first.at is not None
    assert (first.since.text, first.at.text) == ("100 s ago", "92 s ago")
    assert (second.summary, second.error) == ("refresh failed for 1 of 11 customers", "no answer")


def test_the_error_of_a_collector_is_not_repeated_for_its_customers() -> None:
    problems = {"a": problem("HTTP 403"), "b": problem("skipped: HTTP 403"), "c": problem("HTTP 500")}
    customers = dict.fromkeys(problems, False)
    shown = model(status_data(view("msp", status=DOWN, customers=customers, problems=problems)), StatusQuery())
    assert [(one.summary, one.error, one.request_id) for one in shown.error_cards] == [
        ("is down", "HTTP 403", "the-id"), ("refresh failed for 1 of 3 customers", "HTTP 500", ""),
    ]  # fmt: skip


def test_a_collector_that_is_down_shows_its_error_without_earlier_errors() -> None:
    (trouble,) = model(
        status_data(view(status=RefreshStatus(up=False, failure=Failure("no answer", "look")))), StatusQuery()
    ).error_cards
    assert (trouble.error, trouble.hint, trouble.since, trouble.at) == ("no answer", "look", None, None)


def test_a_wrong_secret_is_one_card() -> None:
    def denied(permission: str, age: float, start: str = "") -> Failure:
        return Failure(
            f"{start}no token for {permission}: invalid_client", "check the secret", "", NOW - age, NOW - age
        )

    def down(account: str, collector: str, age: float, permission: str) -> SnapshotView:
        failed = {"c1": denied("skipped", age, "skipped: ")}
        status = RefreshStatus(up=False, failure=denied(permission, age))
        return view(account, collector, status=status, customers={"c1": False}, problems=failed)

    views = [down("a", "jobs", 90, "x"), down("a", "license", 30, "y"), down("b", "jobs", 60, "x")]
    first, second = model(status_data(*views), StatusQuery()).error_cards
    assert (first.account, first.collectors, first.summary) == ("a", "jobs, license", "are down")
    assert first.error == "no token for y: invalid_client"
    assert first.since is not None
    assert (first.since.text, second.account, second.summary) == ("90 s ago", "b", "is down")


def test_different_causes_with_the_same_hint_are_different_cards() -> None:
    views = [
        view("a", name, status=RefreshStatus(up=False, failure=Failure(f"/{name}: HTTP {code}", "wait")))
        for name, code in (("one", 500), ("two", 500), ("three", 502))
    ]
    cards = model(status_data(*views), StatusQuery()).error_cards
    assert [card.collectors for card in cards] == ["one, two", "three"]


def test_customers_of_several_collectors_share_a_card() -> None:
    failed = {"c1": problem("HTTP 500"), "c2": problem("HTTP 500")}
    customers = {"c1": False, "c2": False, "c3": True}
    views = [view("msp", name, status=UP, customers=customers, problems=failed) for name in ("one", "two")]
    (card,) = model(status_data(*views), StatusQuery()).error_cards
    assert (card.collectors, card.summary) == ("one, two", "refresh failed for 2 of 3 customers")


def test_earlier_errors_are_resolved_ones_newest_first() -> None:
    down = RefreshStatus(up=False, failures=(problem("old", age=900), problem("lasts", age=5)))
    up = RefreshStatus(up=True, failures=(problem("older", age=1000), problem("newest", age=1)))
    shown = model(status_data(view("a", status=down), view("b", status=up)), StatusQuery())
    assert [(one.account, one.error) for one in shown.earlier] == [("b", "newest"), ("a", "old"), ("b", "older")]
