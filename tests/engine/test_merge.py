"""The merge of two states keeps the larger counters, the later times, and all job ids without duplicates."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.jobs.counter import JobCounter
from exporter.collectors.jobs.customer_history import JobHistory
from exporter.engine.shared.merge import merge

SUBJECT = ["Microsoft 365", "Teams", "backup", "", ""]
KIND = ["Microsoft 365", "Exchange Online", "backup"]


def counter(*ids: str, finished: int, base: int = 5) -> dict[str, Any]:
    tally = [*KIND, 3, dict.fromkeys(ids, 4), {}, {"finished": finished}]
    return {"base": base, "since": 3, "kinds": [tally]}


@pytest.mark.parametrize(
    ("own", "stored", "merged"),
    [
        (3, 5, 5),
        (5.5, 3, 5.5),
        (None, 3, 3),
        (3, None, 3),
        ("own", "stored", "stored"),
        (True, False, False),
        ({"a": 1, "b": 2}, {"b": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}),
        ([[*KIND, 7]], [[*KIND, 9], ["Other", "Teams", "backup", 2]], [[*KIND, 9], ["Other", "Teams", "backup", 2]]),
        (["backup"], ["backup", "restore"], ["backup", "restore"]),
        ([["job_failed", SUBJECT, 3.0, 4.0, "jobs", "x"]], [["job_failed", SUBJECT, 5.0, 2.0, "jobs", "y"]],
         [["job_failed", SUBJECT, 5.0, 4.0, "jobs", "y"]]),
    ],
)  # fmt: skip
def test_values_are_merged_by_kind(own: object, stored: object, merged: object) -> None:
    assert merge(own, stored) == merged


def test_a_job_that_both_have_counted_counts_once() -> None:
    merged = merge(counter("a", "b", finished=12), counter("b", "c", finished=11))
    restored = JobCounter()
    restored.load_state(merged)
    ((kind, totals),) = restored.totals().items()
    assert (list(kind), totals["finished"]) == (KIND, 12)
    ((*_, completed, _, _),) = merged["kinds"]
    assert completed.keys() == {"a", "b", "c"}


def test_compressed_histories_are_merged() -> None:
    mine, theirs = JobHistory(), JobHistory()
    mine.counter.load_state(counter("a", finished=2))
    theirs.counter.load_state(counter("b", finished=1))
    merged = merge(*(b64encode(one.packed()).decode() for one in (mine, theirs)))
    assert merge(merged, b64encode(theirs.packed()).decode()) == merged
    assert merge("eJbroken", merged) == merged


def values() -> st.SearchStrategy[Any]:
    names = st.text(max_size=3)
    return st.recursive(
        st.integers(0) | names, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    )


@given(values())
def test_a_value_merged_with_nothing_stays(value: object) -> None:
    assert merge(value, None) == value
    assert merge(None, value) == value


@given(st.dictionaries(st.text(max_size=3), st.integers(0)), st.dictionaries(st.text(max_size=3), st.integers(0)))
def test_no_number_falls_and_the_order_does_not_matter(own: dict[str, int], stored: dict[str, int]) -> None:
    merged = merge(own, stored)
    assert merged == merge(stored, own)
    assert all(merged[key] >= max(own.get(key, 0), stored.get(key, 0)) for key in merged)
