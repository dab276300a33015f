"""The snapshot drops removed customers. Views that were created earlier do not change."""

from exporter.collectors.base import Family, Sample
from exporter.engine.snapshot import CollectorEntry, ReadResult, Snapshot
from exporter.errors import AnswerError, ForbiddenError

OF_CUSTOMERS = Family("avepoint_customer_info", "Names.", ("account", "customer_id"))
OF_ACCOUNT = Family("avepoint_license_purchased_seats", "Seats.", ("account",))
STRANGE = AnswerError("strange")


def known(*customers: str) -> ReadResult:
    return ReadResult(tuple(Sample(OF_CUSTOMERS, (customer,), 1.0) for customer in customers), 1.0, 2.0)


def test_customers_that_are_gone_are_forgotten_everywhere() -> None:
    whole = ReadResult((*known("a", "b", "").samples, Sample(OF_ACCOUNT, (), 1.0)), 1.0, 2.0)
    entry = CollectorEntry(
        "msp", "x", 60, reads={"": whole, "a": known("a"), "b": known("b")}, customer_up={"a": True, "b": False}
    )
    entry.keep_only(["a", "c"])
    assert set(entry.reads) == {"", "a"}
    assert [sample.labels for sample in entry.reads[""].samples] == [("a",), ("",), ()]
    assert (entry.reads[""].read_at, entry.reads[""].read_at_monotonic) == (1.0, 2.0)
    assert entry.customer_up == {"a": True}


def test_what_loses_nothing_stays_the_same_object() -> None:
    one = known("a")
    entry = CollectorEntry("msp", "x", 60, reads={"": one})
    entry.keep_only({"a"})
    assert entry.reads[""] is one


def test_a_view_does_not_change_with_what_it_shows() -> None:
    entry = CollectorEntry("msp", "x", 60, reads={"a": known("a")}, customer_up={"a": True})
    view = entry.view()
    entry.keep_only([])
    entry.update_status(up=False)
    assert (set(view.reads), dict(view.customer_up), view.status.up) == ({"a"}, {"a": True}, None)


def test_views_are_of_one_account_or_of_all_in_order() -> None:
    snapshot = Snapshot()
    snapshot.replace([CollectorEntry("b", "x", 1), CollectorEntry("a", "x", 1), CollectorEntry("b", "y", 1)])
    assert [(view.account, view.collector) for view in snapshot.views()] == [("b", "x"), ("a", "x"), ("b", "y")]
    assert [view.collector for view in snapshot.views("b")] == ["x", "y"]
    assert snapshot.views("c") == ()
    snapshot.replace([])
    assert snapshot.views() == ()


def test_a_view_does_not_change_with_a_refresh() -> None:
    entry = CollectorEntry("msp", "x", 60, reads={"a": known("a")}, customer_up={"a": True})
    view = entry.view()
    entry.record_read("b", known("b"))
    entry.record_customer_failure("a", STRANGE)
    assert (set(view.reads), view.customer_up, view.customer_failures) == ({"a"}, {"a": True}, {})


def test_a_customer_that_recovered_has_no_failure() -> None:
    entry = CollectorEntry("msp", "x", 60)
    entry.record_customer_failure("a", STRANGE)
    assert set(entry.customer_failures) == {"a"}
    entry.record_read("a", known("a"))
    assert (entry.customer_failures, entry.customer_up) == ({}, {"a": True})


def test_a_collector_that_fails_is_not_off_any_more() -> None:
    entry = CollectorEntry("msp", "x", 60)
    entry.update_status(up=None, off=True)
    entry.record_failure(STRANGE)
    assert (entry.status.up, entry.status.off) == (False, False)


def test_a_customer_with_data_keeps_its_data_if_a_request_is_refused() -> None:
    refused = ForbiddenError("forbidden", status=403)
    entry = CollectorEntry("msp", "x", 60, reads={"a": known("a")}, customer_up={"a": True, "b": False})
    assert not entry.drop_unlicensed("a", refused)
    assert not entry.drop_unlicensed("b", STRANGE)
    assert entry.drop_unlicensed("b", refused)
    assert entry.customer_up == {"a": True}
