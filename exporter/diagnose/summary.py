"""How much a collector saw, told from its samples alone, whatever it collects."""

from collections import Counter
from typing import Any, Final

from exporter.collectors.base import Collector, CustomerCollector
from exporter.collectors.jobs.families import JOBS, LAST_START
from exporter.diagnose.report import ReadSummary, ReportedError
from exporter.engine.snapshot import SnapshotView

_MOST_TROUBLES: Final = 3


def seen_by(collector: Collector[Any, Any], view: SnapshotView) -> ReadSummary:
    """Count customers, jobs, workloads and series; jobs are those of the window, else the newest of each kind."""
    series: Counter[str] = Counter({family.name: 0 for family in collector.families})
    labels: dict[str, set[str]] = {}
    jobs = 0.0
    for known in view.reads.values():
        for sample in known.samples:
            family = sample.family
            series[family.name] += 1
            jobs += sample.value if family == JOBS else 0
            for name, value in zip(family.labels[1:], sample.labels, strict=True):
                if value and name in ("customer_id", "workload"):
                    labels.setdefault(name, set()).add(value)
    is_by_customer = isinstance(collector, CustomerCollector)
    has = {name for family in collector.families for name in family.labels}
    if collector.account_type == "tenant":
        has.discard("customer_id")
    counted = next((count for family, count in ((JOBS, int(jobs)), (LAST_START, series[LAST_START.name]))
                    if family in collector.families), None)  # fmt: skip
    return ReadSummary(
        customers=len(view.customer_up) if is_by_customer else _count(labels, "customer_id", has),
        customers_failed=sum(not up for up in view.customer_up.values()),
        customer_troubles=_troubles(view),
        jobs=counted,
        workloads=_count(labels, "workload", has),
        series={name: count for name, count in series.items() if count},
    )


def _troubles(view: SnapshotView) -> tuple[tuple[int, ReportedError], ...]:
    """Give the error_cards that most customers have; of the requests with each, one is named."""
    told = Counter((one.message, one.hint) for one in view.customer_failures.values())
    requests = {(one.message, one.hint): one.request_id for one in view.customer_failures.values()}
    return tuple((count, ReportedError(*words, requests[words])) for words, count in told.most_common(_MOST_TROUBLES))


def _count(labels: dict[str, set[str]], name: str, has: set[str]) -> int | None:
    return len(labels.get(name, ())) if name in has else None
