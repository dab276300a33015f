"""Rows that contradict each other, and rows of another customer, are dropped and counted."""

from collections.abc import Callable

import pytest

from exporter.avepoint.observer import ValueIssues
from exporter.avepoint.reading.rows import Row
from exporter.collectors.distinct import RowOwners, distinct
from tests.fakes import Log, RecordingObserver
from tests.helpers import FakeClock

GUID = "caf94a75-2cc6-43aa-b04b-794cb9af5ea3"
OTHER = "f1626c49-2cc6-43aa-b04b-794cb9af5ea3"


def unlisted(_: str) -> bool:
    return False


def listed(*ids: str) -> Callable[[str], bool]:
    return ids.__contains__


def make(**raw: object) -> tuple[Row, RecordingObserver]:
    observer = RecordingObserver()
    return Row(raw, "/x", ValueIssues(observer, Log().bound, FakeClock())), observer


def test_rows_that_contradict_each_other_are_dropped_and_counted() -> None:
    row, observer = make()
    entries = [("a", 1, row), ("b", 2, row), ("a", 1, row), ("b", 3, row), ("b", 2, row), ("c", 4, row)]
    found = distinct(entries, "module")
    assert found.records == {"a": 1, "c": 4}
    assert str(found.error) == "/x: rows with the same module contradict each other: 1"
    assert observer.unread == {("/x", "module"): 1}


def test_equal_rows_that_may_be_two_things_are_dropped() -> None:
    row, observer = make()
    found = distinct(
        [("a", 1, row), ("a", 1, row), ("b", 0, row), ("b", 0, row)], "module", may_repeat=lambda one: not one
    )
    assert found.records == {"b": 0}
    assert found.error is not None
    assert observer.unread == {("/x", "module"): 1}
    assert distinct([("a", 1, row)], "module", may_repeat=lambda _: False).error is None


@pytest.mark.parametrize(
    ("requested", "stated", "is_own"),
    [
        (GUID, GUID, True), (GUID, GUID.upper(), True), (GUID, f"{{{GUID}}}", True),
        (GUID, GUID.replace("-", ""), True),
        (GUID, OTHER, False), (GUID, OTHER.replace("-", ""), False),
        (GUID, "f1626c49-****-****-****-97db****fc15", True), (GUID, "N/A", True), (GUID, "", True), (GUID, None, True),
        (GUID, 7, True), (GUID, {"id": OTHER}, True), (GUID, "customer-0001", True),
        ("customer-0002", "customer-0001", False),
        ("customer-0001", "customer-0001", True), ("c-1", "c-2", True), ("customer-0001", "masked", True),
    ],
)  # fmt: skip
def test_rows_of_another_customer_among_own_rows_are_refused(requested: str, stated: object, *, is_own: bool) -> None:
    (row, observer), (mine, _) = make(customerId=stated), make(customerId=requested)
    own, error = RowOwners(unlisted).own_rows([mine, row], requested)
    assert (own == [mine, row]) is is_own
    assert (error is None) is is_own
    assert observer.unread == ({} if is_own else {("/x", "customerId"): 1})
    if error is not None:
        assert str(error) == "/x: rows of another customer: 1"


@pytest.mark.parametrize("identifier", ["c-2", "10002", 10002, OTHER, "beta-customer"])
def test_a_row_of_another_listed_customer_is_refused_whatever_its_id(identifier: object) -> None:
    owners = RowOwners(listed(str(identifier)))
    for _ in range(5):
        row, observer = make(customerId=identifier)
        own, error = owners.own_rows([row], "c-1")
        assert own == []
        assert error is not None
        assert observer.unread == {("/x", "customerId"): 1}


def test_rows_of_an_unlisted_customer_are_refused_if_rows_have_contained_requested_ids() -> None:
    owners = RowOwners(listed(GUID))
    assert owners.own_rows([make(customerId=GUID)[0]], GUID)[1] is None
    for _ in range(10):
        assert owners.own_rows([make(customerId=OTHER)[0], make(customerId=OTHER)[0]], GUID)[0] == []


def test_rows_of_an_unlisted_customer_are_refused_until_all_customers_are_known() -> None:
    lists: list[bool | None] = [None]
    owners = RowOwners(lambda _: lists[-1])
    for _ in range(10):
        assert owners.own_rows([make(customerId=OTHER)[0]], GUID)[0] == []
    lists.append(False)
    assert owners.own_rows([make(customerId=OTHER)[0]], GUID)[1] is None


def test_ids_of_another_meaning_are_accepted_if_no_row_has_contained_a_requested_id() -> None:
    owners = RowOwners(listed(GUID))
    rows = [make(customerId=OTHER)[0], make(customerId=OTHER)[0]]
    assert [owners.own_rows(rows, GUID)[1] is None for _ in range(4)] == [False, False, False, True]
    masked = [make(customerId="f1626c49-****-****-****-97db****fc15")[0]]
    assert RowOwners(listed(GUID)).own_rows(masked, GUID) == (masked, None)


def test_accepted_ids_of_another_meaning_are_counted_and_logged_once() -> None:
    log, observer = Log(), RecordingObserver()
    issues, owners = ValueIssues(observer, log.bound, FakeClock()), RowOwners(listed(GUID))
    for number in range(1, 7):
        owners.own_rows([Row({"customerId": OTHER}, "/x", issues)], GUID)
        assert observer.unread == {("/x", "customerId"): number}
        assert str(log.lines).count("the row is accepted") == (number > 3)
