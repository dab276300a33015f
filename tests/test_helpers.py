"""The tests' fast parser returns the same samples as the parser of prometheus_client."""

import math
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from avepoint_simulator.application import Simulator
from tests.helpers import parsed
from tests.truth.oracle import NOW, random_portfolio
from tests.truth.world import world

ODD = r"""# HELP odd_total A family; with "quotes" \\ and \n escapes.
# TYPE odd_total counter
odd_total{name="a \"b\" \\ {c} d\ne, f=\"g\" # 1",empty="",other="x y"} 1.7e+09
odd_total{name="ünï \u2028 }"} -2.5
# TYPE numbers gauge
numbers +Inf
numbers{a="1"} -Inf
numbers{a="2"} 1e-05
# TYPE seconds histogram
seconds_bucket{le="+Inf"} 3
seconds_sum 0.25
seconds_count 3
"""


def slowly(page: str) -> Iterator[tuple[tuple[str, frozenset[tuple[str, str]]], float]]:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield (sample.name, frozenset(sample.labels.items())), sample.value


@pytest.mark.parametrize("seed", range(3))
async def test_every_series_of_a_page_has_the_same_labels_and_value(seed: int) -> None:
    async with world(Simulator(random_portfolio(seed, jobs=40, customers=5), now=lambda: NOW)) as seen:
        await seen.refresh()
        page = seen.text()
    assert len(parsed(page)) > 100
    assert parsed(page) == dict(slowly(page))


def test_odd_labels_and_numbers_are_the_same() -> None:
    assert parsed(ODD) == dict(slowly(ODD))
    assert math.isnan(parsed("absent NaN\n")["absent", frozenset()])


@pytest.mark.parametrize("page", ['a{b="c"} 1\na{b="c"} 2\n', 'a{b="c",d="e"} 1\na{d="e",b="c"} 1\n'])
def test_a_series_that_occurs_twice_is_an_error(page: str) -> None:
    with pytest.raises(AssertionError):
        parsed(page)


@pytest.mark.parametrize("page", ["a\n", 'a{b="c" 1\n', "a one\n", 'a{b="c"}\n'])
def test_a_line_without_a_series_and_a_number_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(page)
