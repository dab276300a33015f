"""The PromQL example of each metric is valid, and selects only exposed metrics and labels."""

import promql_parser as promql
import pytest

from exporter.collectors.base import Family
from exporter.collectors.registry import families
from exporter.exposition.page import STATUS_FAMILIES
from exporter.health.families import FAMILIES as VERDICT_FAMILIES
from tests.prometheus.expressions import Walk, exposed


@pytest.mark.parametrize("family", [*families(), *VERDICT_FAMILIES, *STATUS_FAMILIES], ids=lambda family: family.name)
def test_every_family_has_an_example_that_asks_for_it(family: Family) -> None:
    assert family.name in family.query
    walk = Walk(exposed())
    walk.labels(promql.parse(family.query))
    assert walk.findings == []
