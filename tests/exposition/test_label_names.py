"""Label names do not conflict with target labels of Prometheus, Kubernetes or a hosted Prometheus."""

from typing import Final

import pytest
from prometheus_client import Histogram, Summary
from prometheus_client.metrics import MetricWrapperBase

from exporter.collectors.registry import families
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import STATUS_FAMILIES
from exporter.health.families import FAMILIES as VERDICT_FAMILIES

_TAKEN: Final = frozenset(
    (
        "job",
        "instance",
        "namespace",
        "pod",
        "service",
        "endpoint",
        "container",
        "node",
        "cluster",
        "location",
        "project_id",
    )
)
_OF_PARTS: Final = frozenset(("le", "quantile"))
FAMILIES: Final = {
    family.name: frozenset(family.labels) for family in (*families(), *VERDICT_FAMILIES, *STATUS_FAMILIES)
}


@pytest.mark.parametrize("name", FAMILIES)
def test_no_family_has_a_label_that_a_target_may_have(name: str) -> None:
    assert not FAMILIES[name] & (_TAKEN | _OF_PARTS)


def test_no_metric_of_the_exporter_has_a_label_that_a_target_may_have() -> None:
    own = OwnMetrics()
    metrics = [metric for metric in own._registry._collector_to_names if isinstance(metric, MetricWrapperBase)]
    declared = {metric._name: set(metric._labelnames) for metric in metrics}
    exposed = {metric.name: {*sample.labels} for metric in own._registry.collect() for sample in metric.samples}
    in_parts = {metric._name for metric in metrics if isinstance(metric, Histogram | Summary)}
    assert len(declared) > 10
    assert {"python_info", "process_start_time_seconds"} <= set(exposed)
    for name, labels in (*declared.items(), *exposed.items()):
        assert not labels & _TAKEN, name
        assert name in in_parts or not labels & _OF_PARTS, name
