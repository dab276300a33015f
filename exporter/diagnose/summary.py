"""A function that counts the customers, jobs, workloads and series in a collector's samples."""

from collections import Counter
from typing import Any, Final

from exporter.collectors.base import Collector, CustomerCollector
from exporter.collectors.jobs.families import JOBS, LAST_START
from exporter.diagnose.report import ReadSummary
from exporter.engine.snapshot import SnapshotView
from exporter.errors import Failure

_FAILURES_SHOWN: Final = 3


def summarize(collector: Collector[Any, Any], view: SnapshotView) -> ReadSummary:
    """Count the customers, jobs, workloads and exposed series in the samples of a collector.

    If the collector reads all jobs of a time window, the number of jobs includes all these jobs. Otherwise, the number
    includes only the last job of each workload and job type.
    """
    series: Counter[str] = Counter({family.name: 0 for family in collector.families if not family.internal})
    values: dict[str, set[str]] = {}
    jobs = 0.0
    for read in view.reads.values():
        for sample in read.samples:
            family = sample.family
            series[family.name] += not family.internal
            jobs += sample.value if family == JOBS else 0
            for name, value in zip(family.labels[1:], sample.labels, strict=True):
                if value and name in ("customer_id", "workload"):
                    values.setdefault(name, set()).add(value)
    labels = {name for family in collector.families for name in family.labels}
    if collector.account_type == "tenant":
        labels.discard("customer_id")
    counted = next((count for family, count in ((JOBS, int(jobs)), (LAST_START, series[LAST_START.name]))
                    if family in collector.families), None)  # fmt: skip
    customers = len(values.get("customer_id", ())) if "customer_id" in labels else None
    return ReadSummary(
        customers=len(view.customer_up) if isinstance(collector, CustomerCollector) else customers,
        customers_failed=sum(not up for up in view.customer_up.values()),
        customer_failures=_frequent_failures(view),
        jobs=counted,
        workloads=len(values.get("workload", ())) if "workload" in labels else None,
        series={name: count for name, count in series.items() if count},
    )


def _frequent_failures(view: SnapshotView) -> tuple[tuple[int, Failure], ...]:
    """Return the most frequent customer failures, each with the number of affected customers and one request id."""
    counts = Counter((failure.message, failure.hint) for failure in view.customer_failures.values())
    requests = {(failure.message, failure.hint): failure.request_id for failure in view.customer_failures.values()}
    return tuple((count, Failure(*text, requests[text])) for text, count in counts.most_common(_FAILURES_SHOWN))
