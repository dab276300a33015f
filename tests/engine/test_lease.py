"""A process tries to get the lease. The result decides whether the process may send requests to AvePoint.

The tests need no clock and no database.
"""

import pytest

from exporter.engine.shared.lease import Grant, Lease, LeaseTimes

MINE = Grant("me", 7)


def lease(started: float = 0.0) -> Lease:
    return Lease(LeaseTimes(), started)


def test_a_holder_reads_for_15_seconds_from_before_it_sent_the_renewal() -> None:
    one = lease()
    assert not one.may_read(0)
    one.granted(MINE, sent=100)
    assert one.may_read(114.9)
    assert not one.may_read(115)
    one.granted(MINE, sent=105)
    assert one.may_read(119.9)


def test_a_refused_renewal_ends_reading_at_once() -> None:
    one = lease()
    one.granted(MINE, sent=100)
    one.refused(sent=101)
    assert not one.may_read(101)
    assert one.grant is None


def test_the_last_holder_reads_on_without_the_database() -> None:
    one = lease()
    one.granted(MINE, sent=100)
    for sent in range(105, 4000, 5):
        one.unreachable(sent, now=sent + 4)
        assert one.may_read(sent + 4)
    one.granted(MINE, sent=4000)
    assert one.may_read(4001)


def test_a_holder_that_was_stopped_does_not_trust_an_attempt_from_before() -> None:
    one = lease()
    one.granted(MINE, sent=100)
    one.unreachable(sent=105, now=200)  # the process sent this request before it was suspended
    assert not one.may_read(200)
    one.unreachable(sent=200, now=204)
    assert one.may_read(204), "the process may still be the last holder"


def test_a_standby_process_never_starts_without_the_database() -> None:
    one = lease()
    one.refused(sent=0)
    for sent in range(5, 4000, 5):
        one.unreachable(sent, now=sent + 4)
        assert not one.may_read(sent + 4)


def test_a_former_holder_is_a_standby_process() -> None:
    one = lease()
    one.granted(MINE, sent=0)
    one.refused(sent=5)
    one.unreachable(sent=100, now=104)
    assert not one.may_read(104)


def test_without_a_database_since_the_start_a_process_reads_after_a_minute() -> None:
    one = lease(started=1000)
    one.unreachable(sent=1000, now=1004)
    assert not one.may_read(1004)
    one.unreachable(sent=1055, now=1059.9)
    assert not one.may_read(1059.9)
    one.unreachable(sent=1056, now=1060)
    assert one.is_blind
    assert one.may_read(1060)
    one.refused(sent=1070)
    assert not one.may_read(1070)
    one.unreachable(sent=1075, now=1079)
    assert not one.may_read(1079)


@pytest.mark.parametrize(("after", "allowed"), [(0, False), (9.9, False), (10, True)])
def test_after_an_outage_the_last_holder_goes_first(after: float, allowed: bool) -> None:
    one = lease()
    one.refused(sent=0)
    assert one.may_take_over(1)
    one.unreachable(sent=5, now=9)
    assert not one.may_take_over(50)
    one.refused(sent=60)
    assert one.may_take_over(60 + after) is allowed
