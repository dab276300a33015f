"""Test the parsers of fields in AvePoint's rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.avepoint.observer import ValueIssues
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import iso_time, ticks_at
from tests.fakes import Log, RecordingObserver, payload
from tests.helpers import NOW, FakeClock


def make(raw: dict[str, object]) -> tuple[Row, RecordingObserver, Log]:
    observer, log = RecordingObserver(), Log()
    return Row(raw, "/x", ValueIssues(observer, log.bound, FakeClock())), observer, log


def test_the_documented_job_in_both_cases() -> None:
    row, observer, _ = make(payload("jobs-legacy")["Jobs"][0])
    assert row.time("startTime") == 638645575921780695 - 621_355_968_000_000_000
    assert row.duration("duration") == 516606001
    assert row.job_state("state") == "finished"
    details = row.nested("backupDetails")
    assert [details.count(f"{name}Count") for name in ("total", "failed", "successful", "skipped")] == [9, 1, 6, 2]
    modern, _, _ = make(payload("jobs-modern")["data"][0])
    assert modern.time("StartTime") == row.time("StartTime")
    assert modern.job_state("State") == "finished_with_exception"
    assert modern.nested("backupdetails").count("successfulCount", "successfulNumber") == 6
    assert not observer.unread


def test_the_documented_overview() -> None:
    row, observer, _ = make(payload("overview-bare")[1])
    assert row.workload("serviceModule") == "Microsoft 365 Groups"
    assert row.count("totalScannedObjects") == 7
    assert row.size("dataSizeStoredInAvePoint") == 0
    assert row.size("dataSizeStoredInBYOS") is None
    assert row.label("customer") is None, "an e-mail address"
    assert observer.unread == {("/x", "customer"): 1}


def test_what_cannot_be_read_is_counted_always_and_logged_once() -> None:
    row, observer, log = make({"a": "a lot", "state": "Asleep"})
    for _ in range(3):
        assert row.count("a") is None
        assert row.job_state("state") == "asleep"
    assert observer.unread == {("/x", "a"): 3}
    assert observer.unknowns == {"state": 3}
    assert len(log.lines) == 2


def test_what_is_remembered_of_logged_values_is_bounded() -> None:
    observer, log = RecordingObserver(), Log()
    value_issues = ValueIssues(observer, log.bound, FakeClock())
    for number in range(2001):
        value_issues.unknown("/x", "f", str(number))
    value_issues.unknown("/x", "f", "2000")
    value_issues.unknown("/x", "f", "0")
    assert len(log.lines) == 2002


def test_keys_whatever_their_case_and_spelling() -> None:
    row, observer, _ = make({"PurchasedStorageSize": 1, "zero": 0, "none": None, "status": 4, "n/a": "N/A"})
    assert row.gigabytes("purchasedstoragesize") == 1024**3
    assert row.count("none", "ZERO") == 0
    assert row.has("NONE")
    assert not row.has("other")
    assert row.raw("other") is None
    assert row.customer_status("status") == "multiple_issues_found"
    assert row.customer_status("n/a") is None
    assert row.customer_status("other") is None
    assert not observer.unread


def test_a_missing_key_is_noted_once_and_an_unreadable_one_too() -> None:
    row, observer, log = make({"id": ["x"]})
    assert row.key("id") is None
    assert row.key("name") is None
    assert row.workload("module") is None
    assert observer.unread == {("/x", "id"): 1, ("/x", "name"): 1, ("/x", "module"): 1}
    assert "the field is missing" in log


@pytest.mark.parametrize("number", [-3, "-3", "+3", "3.0", "0.3", "3,0", " - 3 "])
def test_a_signed_or_fractional_number_is_the_number_of_no_value(number: object) -> None:
    row, observer, _ = make({"x": number})
    read = (
        row.workload,
        row.service_type,
        row.job_service,
        row.module,
        row.job_state,
        row.job_status,
        row.customer_status,
    )
    assert [one("x") for one in read] == [None] * len(read)
    assert observer.unread == {("/x", "x"): len(read)}
    assert make({"x": " 3 "})[0].job_state("x") == "failed"


def test_a_row_lists_the_fields_that_cannot_be_read() -> None:
    row, _, _ = make({"never": 0, "null": None, "bad": "soon", "past": "2024-10-12", "future": "2199-01-01"})
    for name in ("never", "null", "past", "bad", "absent", "future"):
        row.past_time(name)
    assert row.needed_count("absent") is None
    assert row.unreadable == ("bad", "future", "absent")


@pytest.mark.parametrize(
    ("finish", "is_believed"),
    [
        (NOW - 60, True),
        (NOW + 299, True),
        (NOW + 301, False),
        (NOW + 10**9, False),
        (NOW - 100, True),
        (NOW - 101, False),
    ],
)
def test_a_time_of_the_past_lies_neither_in_the_future_nor_before_its_start(finish: float, is_believed: bool) -> None:
    start = ticks_at(NOW - 100)
    row, observer, log = make({"finishTime": iso_time(ticks_at(finish))})
    assert row.past_time("finishTime", since=start) == (ticks_at(finish) if is_believed else None)
    assert observer.unread == ({} if is_believed else {("/x", "finishTime"): 1})
    assert is_believed or "in the future" in log or "before its start" in log


@pytest.mark.parametrize("value", [0, "N/A", "9999-12-31T23:59:59Z", None])
def test_never_is_no_time_of_the_past(value: object) -> None:
    row, observer, _ = make({"finishTime": value})
    assert row.past_time("finishTime") is None
    assert not observer.unread


def test_nested_that_is_no_object() -> None:
    row, observer, _ = make({"a": [1], "b": None})
    assert row.nested("a").raw("x") is None
    assert row.nested("b").raw("x") is None
    assert observer.unread == {("/x", "a"): 1}


def test_lists_item_by_item() -> None:
    row, observer, _ = make({"times": ["2026-11-18", "soon", None, 0], "one": "2026-11-18", "rows": [{"A": 1}, 7],
                             "some": [None, "2026-11-18", 0, "N/A"], "object": {"a": 2}, "null": None})  # fmt: skip
    assert row.times("times") is None
    assert row.times("one") == row.times("some") == (row.time("one"),)
    assert row.times("null") == row.times("absent") == ()
    assert row.each("absent") == row.each("null") == ()
    assert [one.count("a") for one in row.each("rows")] == [1, None]
    assert [one.count("a") for one in row.each("object")] == [2]
    assert observer.unread == {("/x", "times"): 1, ("/x", "rows"): 1}


def test_a_needed_count_is_missed_and_a_switch_is_not() -> None:
    row, observer, _ = make({"zero": 0, "na": "N/A", "many": "many", "on": "True", "off": False, "odd": 2})
    assert [row.needed_count(name) for name in ("zero", "na", "many", "absent")] == [0, None, None, None]
    assert [row.flag(name) for name in ("on", "off", "odd", "absent")] == [True, False, None, None]
    assert observer.unread == {("/x", "many"): 1, ("/x", "absent"): 1, ("/x", "odd"): 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["Id", "id", "state", "startTime", "x"]), JSON))
def test_any_row_can_be_read(raw: dict[str, object]) -> None:
    row, _, log = make(raw)
    for name in ("id", "state", "startTime", "x"):
        for read in (
            row.count,
            row.size,
            row.gigabytes,
            row.time,
            row.duration,
            row.label,
            row.word,
            row.key,
            row.workload,
        ):
            read(name)
        row.job_state(name)
        row.customer_status(name)
        row.nested(name)
        row.whole_list(name)
        row.each(name)
        row.times(name)
        row.flag(name)
    assert not [line for line in log.lines if "@example" in line]


@pytest.mark.parametrize("value", ["owner@example.com", "x" * 55 + "@example.com"])
def test_no_address_is_logged(value: str) -> None:
    row, _, log = make({"organization": value})
    assert row.label("organization") is None
    assert log.lines
    assert "example" not in log
