"""Metric families for verdicts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from exporter.collectors.base import Family, Sample
from exporter.config.expectations import ProblemName
from exporter.health.judge import CustomerVerdict
from exporter.health.registry import PROBLEMS

_SOURCE: Final = "determined by the exporter from the expectations and the collected data"
_LABELS: Final = (
    "account", "customer_id", "problem", "severity", "product", "workload", "job_type", "geo_location", "service_type",
)  # fmt: skip

PROBLEM = Family(
    "avepoint_problem",
    f"1 for each current problem of a customer or tenant account; absent if there is no problem; {_SOURCE}.",
    _LABELS,
    query='count by (account) (group by (account, customer_id) (avepoint_problem{severity="critical"}))',
)
PROBLEM_START = Family(
    "avepoint_problem_start_timestamp_seconds",
    f"Start time of each problem, as Unix time; {_SOURCE}.",
    _LABELS,
    query="topk(10, time() - avepoint_problem_start_timestamp_seconds)",
)
DUE = Family(
    "avepoint_backup_due_timestamp_seconds",
    f"Time by which the next backup must succeed, as Unix time; {_SOURCE}.",
    ("account", "customer_id", "product", "workload", "geo_location"),
    query="avepoint_backup_due_timestamp_seconds - time() < 3600",
)
CUSTOMERS = Family(
    "avepoint_verdict_customers",
    f"Number of customers (or 1 for a tenant account) for each problem and verdict: wrong, fine or unknown; {_SOURCE}.",
    ("account", "problem", "verdict"),
    query='avepoint_verdict_customers{verdict="wrong"} / on (account, problem) sum by (account, problem) '
    "(avepoint_verdict_customers)",
)
FAMILIES: Final = (PROBLEM, PROBLEM_START, DUE, CUSTOMERS)
VERDICTS: Final = ("wrong", "fine", "unknown")

_SEVERITIES: Final = {problem.name: problem.severity for problem in PROBLEMS}


def customer_samples(customer_id: str, verdict: CustomerVerdict) -> Iterator[Sample]:
    """Return samples for a customer's problems, followed by samples for the due times of backups."""
    for held in sorted(verdict.problems, key=lambda one: one.key):
        problem, subject = held.key
        labels = (customer_id, problem, _SEVERITIES[problem], *subject)
        yield Sample(PROBLEM, labels, 1.0)
        yield Sample(PROBLEM_START, labels, held.start)
    for subject, due in sorted(verdict.due):
        yield Sample(DUE, (customer_id, subject.product, subject.workload, subject.geo_location), due)


def count_samples(applicable: Iterable[ProblemName], counts: Mapping[tuple[ProblemName, str], int]) -> Iterator[Sample]:
    """Return samples with the number of customers for each problem and verdict, including zeros."""
    for problem in applicable:
        for verdict in VERDICTS:
            yield Sample(CUSTOMERS, (problem, verdict), float(counts.get((problem, verdict), 0)))
