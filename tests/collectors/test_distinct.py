"""Rows that contradict each other, and rows of another customer, are dropped and counted."""

import pytest

from exporter.avepoint.rows import Row, ValueIssues
from exporter.avepoint.values import Ticks, iso_time, ticks_at
from exporter.collectors.distinct import distinct, own_rows
from exporter.collectors.times import TOLERANCE, past_time
from tests.fakes import Log, RecordingObserver
from tests.helpers import NOW

GUID = "caf94a75-2cc6-43aa-b04b-794cb9af5ea3"
OTHER = "f1626c49-2cc6-43aa-b04b-794cb9af5ea3"


def make(**raw: object) -> tuple[Row, RecordingObserver]:
    observer = RecordingObserver()
    return Row(raw, "/x", ValueIssues(observer, Log().bound)), observer


def test_rows_that_contradict_each_other_are_dropped_and_counted() -> None:
    row, observer = make()
    entries = [("a", 1, row), ("b", 2, row), ("a", 1, row), ("b", 3, row), ("b", 2, row), ("c", 4, row)]
    found = distinct(entries, "module")
    assert found.records == {"a": 1, "c": 4}
    assert str(found.error) == "/x: rows contradict each other: 1 by module"
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
    ("requested", "listed", "is_own"),
    [
        (GUID, GUID, True), (GUID, GUID.upper(), True), (GUID, f"{{{GUID}}}", True),
        (GUID, GUID.replace("-", ""), True),
        (GUID, OTHER, False), (GUID, OTHER.replace("-", ""), False),
        (GUID, "f1626c49-****-****-****-97db****fc15", True), (GUID, "N/A", True), (GUID, "", True), (GUID, None, True),
        (GUID, 7, True), (GUID, "customer-0001", True), ("customer-0002", "customer-0001", False),
        ("customer-0001", "customer-0001", True), ("c-1", "c-2", True), ("customer-0001", "masked", True),
    ],
)  # fmt: skip
def test_rows_of_another_customer_are_refused(requested: str, listed: object, *, is_own: bool) -> None:
    row, observer = make(customerId=listed)
    own, error = own_rows([row], requested)
    assert (own == [row]) is is_own
    assert (error is None) is is_own
    assert observer.unread == ({} if is_own else {("/x", "customerId"): 1})
    if error is not None:
        assert str(error) == "/x: rows of another customer: 1"


@pytest.mark.parametrize(("offset", "is_believed"), [(-1e6, True), (0, True), (3600, True), (3601, False)])
def test_a_past_event_does_not_lie_in_the_future(offset: float, *, is_believed: bool) -> None:
    now = ticks_at(NOW)
    row, observer = make(finish=iso_time(ticks_at(NOW + offset)))
    assert (past_time(row, "finish", now) is not None) is is_believed
    assert observer.unread == ({} if is_believed else {("/x", "finish"): 1})


def test_an_event_does_not_lie_before_its_beginning() -> None:
    now = ticks_at(NOW)
    row, observer = make(finish=iso_time(now), none="N/A")
    assert past_time(row, "finish", now, not_before=now) == now
    assert past_time(row, "finish", now, not_before=Ticks(now + 1)) is None
    assert past_time(row, "none", now, not_before=now) is None
    assert observer.unread == {("/x", "finish"): 1}
    assert TOLERANCE > 0
