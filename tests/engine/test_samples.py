"""Compaction does not change samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from exporter.collectors.base import Family, Sample
from exporter.engine.samples import SharedSeries, number_text

FAMILIES = (
    Family("avepoint_a", "A.", ("account", "customer_id", "workload")),
    Family("avepoint_b", "B.", ("account", "customer_id")),
    Family("avepoint_c", "C.", ("account", "workload")),
    Family("avepoint_d", "D.", ("account",)),
)
LABEL = st.sampled_from(["", "c1", "c2", "Teams"])
SAMPLE = st.sampled_from(FAMILIES).flatmap(
    lambda family: st.builds(
        Sample, st.just(family), st.tuples(*[LABEL] * (len(family.labels) - 1)), st.floats(allow_nan=False)
    )
)


@given(st.lists(SAMPLE, max_size=8), st.sampled_from(["c1", "c2", ""]))
def test_the_same_samples_come_out(samples: list[Sample], customer_id: str) -> None:
    packed = SharedSeries().samples(customer_id, samples)
    assert list(packed) == samples
    assert list(packed) == samples, "a second iteration returns the same samples"
    assert len(packed) == len(samples)
    assert all(sample in packed for sample in samples)
    assert Sample(FAMILIES[3], (), 1.5) not in SharedSeries().samples(customer_id, [])


def test_customers_share_what_they_have_in_common() -> None:
    shared = SharedSeries()
    one, other = (shared.samples(name, [Sample(FAMILIES[0], (name, "Teams"), 1.0)]) for name in ("c1", "c2"))
    assert one._series[0] is other._series[0]
    for number in range(10_001):
        shared.samples("c1", [Sample(FAMILIES[0], ("c1", f"w{number}"), 1.0)])
    assert len(shared._series) <= 10_001, "unused series are dropped"
    assert [sample.labels for sample in one] == [("c1", "Teams")]


@pytest.mark.parametrize("value", [0.0, -0.0, 999_999.5, 1e6, 1e-7, -1e7, 9.9e15, 1e16, 1.35e16, float("nan")])
def test_numbers_are_written_as_by_the_official_client(value: float) -> None:
    assert number_text(value) == floatToGoString(value)  # type: ignore[no-untyped-call] # it has no type hints


@given(st.floats() | st.integers(0, 2**60).map(float) | st.floats(0, 2**60))
def test_all_numbers_are_written_as_by_the_official_client(value: float) -> None:
    assert number_text(value) == floatToGoString(value)  # type: ignore[no-untyped-call] # it has no type hints
