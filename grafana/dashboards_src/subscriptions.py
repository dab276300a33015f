"""The table of tenants' licenses and customers' subscriptions, with expiry and usage."""

from typing import Final

from grafana_foundation_sdk.builders import table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import verdict
from grafana.dashboards_src.problems import MOST
from grafana.dashboards_src.tables import COLORED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import GREY, plain
from grafana.dashboards_src.vocabulary import NO_LICENCE, POLICY, TO_CUSTOMER

_ONE: Final = "job, account, customer_id, service_type, subscription"
_NEVER: Final = 10**11


def _of_each(name: str) -> str:
    return f"max by ({_ONE}) ({_subscription(name)})"


def _subscription(name: str) -> str:
    return q.raw(f"avepoint_subscription_{name}", *q.OF_CUSTOMER)


def _license(name: str) -> str:
    return f"max by (job, account) ({q.raw(f'avepoint_license_{name}', q.ACCOUNT)})"


def _sum(subscriptions: str, license_: str) -> str:
    return f"(sum by (job, account) ({_of_each(subscriptions)}) or {_license(license_)})"


_MICROSOFT: Final = (
    f"max by (job, account, customer_id, tenant_id) ({q.raw('avepoint_microsoft_assigned_seats', *q.OF_CUSTOMER)})"
)
PURCHASED: Final = _license("purchased_storage_bytes")
"""The purchased storage of each tenant. Customers of partners purchase storage per service, or use their own
storage."""
SEATS: Final = _sum("purchased_seats", "purchased_seats")
SEATS_USED: Final = _sum("microsoft_licenses_assigned", "assigned_seats")


def licenses() -> table.Panel:
    """Return a table of tenants' licenses and customers' subscriptions, sorted by expiry."""
    tenants = f"{_NEVER} * ({_license('out_of_policy')} >= bool 0)"
    first = f"bottomk({MOST}, {_of_each('expiry_timestamp_seconds')})"
    bought_of_tenants = _license("purchased_storage_bytes")
    microsoft = f"sum by ({verdict.CUSTOMER}) ({_MICROSOFT})"

    def shown(name: str) -> str:
        return f"max by ({_ONE}) ({_subscription(name)} and on ({_ONE}) {first})"

    share = f"{shown('protected_capacity_bytes')} / ({shown('purchased_capacity_bytes')} > 0)"

    return rows(
        "Licenses and subscriptions",
        "One row per license of a tenant account and per subscription of a customer, sorted by expiry, at most "
        f"{MOST} rows. If a subscription expires soon and no other subscription of the service expires later, renew "
        "the subscription.",
        [
            ("A", q.named(f"({first} - time() or {tenants})")),
            ("B", f"{shown('purchased_seats')} or {_license('purchased_seats')}"),
            ("C", f"{shown('microsoft_licenses_assigned')} or {_license('assigned_seats')}"),
            ("D", f"{shown('purchased_capacity_bytes')} or {bought_of_tenants}"),
            ("E", f"{share} or {_license('protected_bytes')} / ({bought_of_tenants} > 0)"),
            ("F", shown("consumed_storage_bytes")),
            ("G", _license("out_of_policy")),
            ("H", f"0 * {first} + on ({verdict.CUSTOMER}) group_left () {microsoft}"),
        ],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=90),
            Column("service_type", "Service", width=285),
            Column(
                "A", "Ends in", width=120, unit="dtdurations", meanings={str(_NEVER): ("No end", GREY)}, cell=COLORED
            ),
            Column("G", "Policy", width=80, meanings=POLICY, cell=COLORED, align="center"),
            Column("C", "Seats assigned", width=120, unit="locale"),
            Column("B", "Seats purchased", width=130, unit="locale"),
            Column("H", "Microsoft seats", width=120, unit="locale"),
            Column(
                "E", "Capacity used", width=130, unit="percentunit", steps=plain(), cell=GAUGE, least=0, most=1,
                decimals=0,
            ),
            Column("D", "Capacity purchased", width=155, unit="bytes"),
            Column("F", "Storage", width=100, unit="bytes"),
            Column("customer_id"),
        ],
        sort="Ends in",
        empty=NO_LICENCE,
        descending=False,
    )  # fmt: skip
