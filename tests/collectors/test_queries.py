"""Each PromQL example of a metric is valid, and selects only exposed metrics and labels."""

from typing import Final

import promql_parser as promql
import pytest

from exporter.collectors.base import Family
from exporter.collectors.registry import families
from exporter.exposition.page import STATUS_FAMILIES
from exporter.health.families import FAMILIES as VERDICT_FAMILIES
from tests.prometheus.expressions import Walk, exposed

_WITH_QUERY: Final = [one for one in (*families(), *VERDICT_FAMILIES, *STATUS_FAMILIES) if one.query]


@pytest.mark.parametrize("family", _WITH_QUERY, ids=lambda family: family.name)
def test_an_example_selects_its_metric(family: Family) -> None:
    assert family.name in family.query
    walk = Walk(exposed())
    walk.labels(promql.parse(family.query))
    assert walk.findings == []
