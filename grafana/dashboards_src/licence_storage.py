"""The License dashboard: purchased and used seats, storage, growth, and the time until the storage is full."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables, verdict
from grafana.dashboards_src.facts import fact
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import lines, number
from grafana.dashboards_src.problems import what_is_wrong
from grafana.dashboards_src.subscriptions import PURCHASED, SEATS, SEATS_USED, licenses
from grafana.dashboards_src.tables import GAUGE, Column, rows
from grafana.dashboards_src.thresholds import plain
from grafana.dashboards_src.vocabulary import NO_RULES, TO_CUSTOMER

_DAY: Final = 86_400
_MONTH: Final = 30 * _DAY
_LARGEST: Final = 20
_FEW_POINTS: Final = 50
_SHORTER: Final = "Prometheus has no data from the start of the time range; choose a shorter time range"


def build() -> Dashboard:
    """Build the dashboard."""
    board = frame(
        uid="avepoint-licence-storage",
        title="AvePoint / License and storage",
        description="Purchased and used seats and storage, their growth, and the time until the storage is full.",
        names=variables.NAMES[:4],
        since="now-7d",
    )
    return place(
        board,
        _facts(),
        (7, [(24, what_is_wrong(verdict.any_of(verdict.RUNNING_OUT), of=q.OF_CUSTOMER, title="Running out"))]),
        (12, [(24, licenses())]),
        (9, [(12, _storage()), (12, _seats())]),
        (9, [(8, _by_place()), (8, _largest()), (8, _growing())]),
    )


def _facts() -> Line:
    titles = ("Storage", "Seats", "Expiring", "Policy")
    return 4, [*((4, fact(title, of=q.OF_CUSTOMER)) for title in titles), (8, _growth())]


def _used() -> str:
    """Return the size of the protected data per account. For tenant accounts, use the license."""
    customers = q.recorded("account:avepoint_protected_data_bytes:sum", q.ACCOUNT)
    tenants = q.recorded("account:avepoint_license_protected_bytes:max", q.ACCOUNT)
    return f"sum by (job, account) ({customers}) or sum by (job, account) ({tenants})"


def _growth_rate() -> str:
    """Return the growth rate of each account's protected data over the last week, in bytes per second."""
    customers = q.recorded("account:avepoint_protected_data_bytes:sum", q.ACCOUNT)
    tenants = q.recorded("account:avepoint_license_protected_bytes:max", q.ACCOUNT)
    return f"sum by (job, account) (deriv({customers}[7d])) or sum by (job, account) (deriv({tenants}[7d]))"


def _growth() -> stat.Panel:
    return number(
        "Growth per day",
        "Average daily growth of the chosen accounts' protected data over the last week, and the current size of the "
        "data. If the growth rises suddenly, see the graph below.",
        f"{_DAY} * sum({q.scoped(_growth_rate())})",
        of=f"sum({q.scoped(_used())})",
        unit="bytes", of_unit="bytes", steps=plain(), empty="Unknown", decimals=1,
    )  # fmt: skip


def _storage() -> timeseries.Panel:
    expected = f"clamp_min(({_used()}) + {_MONTH} * ({_growth_rate()}), 0)"
    return lines(
        "Storage: used, purchased, and expected in 30 days",
        "The dashed line shows the expected use 30 days after each point. It assumes the growth rate of the week "
        "before the point. If the expected use exceeds the purchased storage of a tenant, purchase more storage within "
        "30 days.",
        [
            (q.scoped(_used()), "{{account}} used"),
            (q.scoped(PURCHASED), "{{account}} purchased"),
            (q.scoped(expected), "{{account}} in 30 days"),
        ],
        unit="bytes", empty=NO_RULES, dashed=["/ in 30 days$/"],
    ).max_data_points(_FEW_POINTS)  # fmt: skip


def _seats() -> timeseries.Panel:
    return lines(
        "Seats: assigned and purchased",
        "Assigned and purchased seats of each account. For partner accounts, the graph shows the sums of all "
        "customers. If more seats are assigned than purchased, purchase more seats or unassign some.",
        [(SEATS_USED, "{{account}} assigned"), (SEATS, "{{account}} purchased")],
        unit="locale", empty="The number of seats is unknown", dashed=["/ purchased$/"],
    ).decimals(0).max_data_points(_FEW_POINTS)  # fmt: skip


def _by_place() -> timeseries.Panel:
    customers = q.account_level("account:avepoint_protected_data_bytes:sum")
    tenants = q.account_level("account:avepoint_license_protected_bytes:max")
    return lines(
        "Protected data by storage",
        "Size of the protected data, per account. For partner accounts, the graph separates AvePoint's storage from "
        "the customers' own storage (byos). If a size falls suddenly, check who deleted data.",
        [
            (f"sum by (account, storage) ({customers})", "{{account}} {{storage}}"),
            (f"sum by (account) ({tenants})", "{{account}}"),
        ],
        unit="bytes", empty=NO_RULES, stacked=True,
    ).max_data_points(_FEW_POINTS)  # fmt: skip


def _data() -> str:
    """Return the size of the protected data of each customer and tenant."""
    by = verdict.CUSTOMER
    customers = q.raw("avepoint_customer_protected_data_bytes", *q.OF_CUSTOMER)
    tenants = q.raw("avepoint_license_protected_bytes", q.ACCOUNT)
    return f"sum by ({by}) (max by ({by}, storage) ({customers})) or max by (job, account) ({tenants})"


def _largest() -> table.Panel:
    return rows(
        "Largest customers",
        f"The {_LARGEST} customers with the most protected data. If the price of storage changes, these customers are "
        "affected most.",
        [("A", q.named(f"topk({_LARGEST}, {_data()})"))],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=90),
            Column("A", "Protected data", width=200, unit="bytes", steps=plain(), cell=GAUGE, least=0),
            Column("customer_id"),
        ],
        sort="Protected data",
        empty="The size is unknown",
    )


def _growing() -> table.Panel:
    before = _data().replace("})", "} offset $__range)")
    return rows(
        "Growth in the time range",
        f"The {_LARGEST} customers whose protected data grew most within the time range. If the data of a customer "
        "grows unexpectedly, find the cause, such as a migration.",
        [("A", q.named(f"topk({_LARGEST}, ({_data()}) - ({before}))"))],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=90),
            Column("A", "Growth", width=130, unit="bytes"),
            Column("customer_id"),
        ],
        sort="Growth",
        empty=_SHORTER,
    )
