"""PromQL that all dashboards share.

Recorded series (prometheus/rules) have no label `instance`. With this label, sums would count customers twice, after a
restart or with replicas. The function `scoped` limits recorded series to the accounts that the chosen instances read.
`$customer|` and `$workload|` also match series without the label, such as series of tenant accounts and of unknown
workloads.
"""

from typing import Final

JOB: Final = 'job=~"$job"'
INSTANCE: Final = 'instance=~"$instance"'
ACCOUNT: Final = 'account=~"$account"'
CUSTOMER: Final = 'customer_id=~"$customer|"'
WORKLOAD: Final = 'workload=~"$workload|"'

OF_CUSTOMER: Final = (ACCOUNT, CUSTOMER)
OF_WORKLOAD: Final = (ACCOUNT, CUSTOMER, WORKLOAD)

_BY_CUSTOMER: Final = "on (job, account, customer_id)"


def raw(name: str, *matchers: str) -> str:
    """Select a metric of the exporter."""
    return f"{name}{{{', '.join((JOB, INSTANCE, *matchers))}}}"


def recorded(name: str, *matchers: str) -> str:
    """Select a recorded series."""
    return f"{name}{{{', '.join((JOB, *matchers))}}}"


def scoped(expr: str) -> str:
    """Keep only accounts that the chosen instances read. If an instance is down, keep its accounts for one hour."""
    return f"({expr}) and on (job, account) last_over_time({raw('avepoint_up', ACCOUNT)}[1h])"


def account_level(name: str, *matchers: str) -> str:
    """Select a recorded metric about accounts. Keep only accounts that the chosen instances read."""
    return scoped(recorded(name, ACCOUNT, *matchers))


def customer_level(name: str, *matchers: str) -> str:
    """Select a recorded metric about customers and tenants. Keep only accounts that the chosen instances read."""
    return scoped(recorded(name, *OF_CUSTOMER, *matchers))


def by_account(expr: str) -> str:
    """Keep only the labels that tables use to merge rows.

    If rows differ in another label, such as a name, tables do not merge these rows.
    """
    return f"max by (job, account) ({expr})"


def min_by_account(name: str) -> str:
    """Return the smallest value of a metric per account."""
    return f"min by (job, account) ({raw(name, ACCOUNT)})"


def by_customer(expr: str) -> str:
    """Return one value per customer or tenant."""
    return f"max by (job, account, customer_id) ({expr})"


def or_none(expr: str) -> str:
    """Return the expression. If the expression has no series, return 0. Without rules or exporters, return nothing."""
    return f"{expr} or 0 * sum({account_level('account:avepoint_customers:count')})"


def with_name(expr: str) -> str:
    """Add the label `name`.

    The name is the first of these labels that exists: organization, customer id, account.
    """
    for label in ("account", "customer_id", "organization"):
        expr = f'label_replace({expr}, "name", "$1", "{label}", "(.+)")'
    return expr


def named(expr: str) -> str:
    """Add the label `name`. Also add the label `organization` if the organization is known."""
    info = recorded("customer:avepoint_customer_info:last", *OF_CUSTOMER)
    nameless = recorded("customer:avepoint_read:bool", *OF_CUSTOMER)
    return with_name(f"{expr} * {_BY_CUSTOMER} group_left (organization) ({info} or {_BY_CUSTOMER} {nameless})")


def rate(name: str, *matchers: str) -> str:
    """Return the rate of a counter."""
    return f"rate({raw(name, ACCOUNT, *matchers)}[$__rate_interval])"
