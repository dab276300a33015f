"""PromQL for the exporter's verdicts: customers with problems, all customers, and customers with unknown verdicts.

All dashboards use these functions. Therefore, their numbers agree. A tenant account counts as one customer.
"""

from collections.abc import Iterable
from typing import Final

from grafana.dashboards_src import queries as q

PROBLEM: Final = "job, account, customer_id, problem, severity, product, workload, job_type, geo_location, service_type"
"""The labels that identify a problem."""
CUSTOMER: Final = "job, account, customer_id"
CRITICAL: Final = 'severity="critical"'
WARNING: Final = 'severity="warning"'
UNPROTECTED: Final = ("objects_unprotected", "users_unprotected")
RUNNING_OUT: Final = (
    "seats_exceeded", "storage_nearly_full", "storage_full", "license_out_of_policy", "subscription_expiring",
    "subscription_expired",
)  # fmt: skip
RANKS: Final = {"critical": 3, "warning": 2, "info": 1}
UNIT: Final = 100_000_000_000
"""The weight of one rank. This weight is larger than every Unix time. Therefore, problems sort by rank first, and then
by start time.

An unreadable customer has a tenth of this weight.
"""
_SHARDS: Final = 'count_values by (job, instance) ("shard", {})'


def any_of(problems: Iterable[str]) -> str:
    """Return a matcher that selects several problems."""
    return f'problem=~"{"|".join(problems)}"'


def problems(*matchers: str, of: tuple[str, ...] = (q.ACCOUNT,)) -> str:
    """Return one series per problem. Each series has the value 1, the problem's labels and the organization."""
    return q.scoped(q.recorded("avepoint:problem:named", *of, *matchers))


def customers(of: tuple[str, ...] = (q.ACCOUNT,)) -> str:
    """Return the number of customers. Count each tenant account as one customer."""
    if of == (q.ACCOUNT,):
        return f"sum({q.account_level('account:avepoint_customers:count')})"
    return f"count({everyone()})"


def everyone() -> str:
    """For each chosen customer and each tenant account, return one series with the value 1."""
    info = q.recorded("customer:avepoint_customer_info:last", *q.OF_CUSTOMER)
    up = q.recorded("account:avepoint_up:min", q.ACCOUNT)
    partners = q.recorded("account:avepoint_up:min", q.ACCOUNT, 'collector="customers"')
    return q.scoped(f"{info} or group by (job, account) ({up}) unless on (job, account) {partners}")


def affected(*matchers: str, of: tuple[str, ...] = (q.ACCOUNT,)) -> str:
    """Return the number of customers with at least one of these problems.

    Without rules or exporters, return no series.
    """
    return q.or_none(f"count(group by ({CUSTOMER}) ({problems(*matchers, of=of)}))")


def verdicts(by: str, *matchers: str) -> str:
    """Return the number of customers per verdict.

    Add the results of all shards. For each shard, use the largest result among its replicas.
    """
    verdict = q.raw("avepoint_verdict_customers", q.ACCOUNT, *matchers)
    shard = _SHARDS.format(q.raw("avepoint_exporter_shard"))
    of_each = f"{verdict} * on (job, instance) group_left (shard) {shard} or on (job, instance) {verdict}"
    return f"sum by ({by}) (max by (job, account, problem, verdict, shard) ({of_each}))"


def order(*matchers: str, of: tuple[str, ...] = (q.ACCOUNT,)) -> str:
    """Return a sort key for each problem. The key sorts a table by severity and then by age.

    For each customer, the recording rule `customer:avepoint_health:order` records the largest key.
    """
    ranked = " or ".join(
        f"{rank * UNIT:.0f} * {q.recorded('avepoint:problem:named', *of, *matchers, _severity(severity))}"
        for severity, rank in RANKS.items()
    )
    start = f"max by ({PROBLEM}) ({q.raw('avepoint_problem_start_timestamp_seconds', *of, *matchers)})"
    by_start = f"({ranked}) + on ({PROBLEM}) group_left () ({UNIT} - {start})"
    return q.scoped(f"{by_start} or on ({PROBLEM}) ({ranked})")


def health() -> str:
    """For each customer, return the `order` of the worst problem.

    For a customer without problems, return UNIT / 10 if the customer is unreadable, otherwise 0.
    """
    return q.scoped(q.recorded("customer:avepoint_health:order", *q.OF_CUSTOMER))


def _severity(severity: str) -> str:
    return f'severity="{severity}"'
