"""Subscriptions of customers: what ends when, and how much of it is used."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.panels import number
from grafana.dashboards_src.tables import COLORED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import GREY, falling, plain, rising, threshold
from grafana.dashboards_src.vocabulary import NO_SUBSCRIPTIONS, NOTHING, TO_CUSTOMER

_SOON: Final = threshold("subscription_left_seconds:threshold")
LEFT: Final = falling(warning=_SOON, critical=threshold("subscription_left_seconds:threshold_critical"))
_HISTORY: Final = threshold("subscription_expired_seconds:threshold")
_ONE: Final = "job, account, customer_id, service_type, subscription"
_WORDS: Final = "package, model, storage_type, retention"
_NEVER: Final = 10**11
_MOST: Final = 100  # rows


def left() -> str:
    """Return seconds until each customer's service expires, by its last subscription; omit expired ones of the past."""
    return f"({q.customer_level('service_type:avepoint_subscription_left_seconds:max')}) > -{_HISTORY:.0f}"


def ending() -> stat.Panel:
    """Return how many services end soon."""
    return number(
        "Ending soon",
        f"Customers' services that end within {_SOON / 86_400:.0f} days or ended lately, without a later subscription. "
        "If orange: AvePointSubscriptionExpiresSoon or AvePointSubscriptionExpired fires; the Licence and storage "
        "dashboard lists them, soonest first.",
        f"count(({left()}) < {_SOON:.0f}) or 0 * count({left()})",
        unit="short", steps=rising(warning=1), meanings=NOTHING, empty=NO_SUBSCRIPTIONS,
    )  # fmt: skip


def first_end() -> stat.Panel:
    """Return when the first one that has not ended yet ends."""
    return number(
        "Next end in",
        "Time until the next customer's service ends, without a later subscription. If orange or red: renew it; the "
        "table of subscriptions says whose.",
        f"min(({left()}) > 0)",
        unit="s", steps=LEFT, empty=NO_SUBSCRIPTIONS,
    )  # fmt: skip


def _of_each(name: str) -> str:
    return f"max by ({_ONE}) ({q.raw(f'avepoint_subscription_{name}', *q.OF_CUSTOMER)})"


def subscriptions(title: str) -> table.Panel:
    """Return one row a subscription, that which ends first at the top; those without an end last."""
    until = f"{_of_each('expiry_timestamp_seconds')} - time()"
    shown = f"bottomk({_MOST}, {until} or {_NEVER} * {_of_each('info')})"
    info = f"max by ({_ONE}, {_WORDS}) ({q.raw('avepoint_subscription_info', *q.OF_CUSTOMER)})"

    def of_shown(expr: str) -> str:
        return f"({expr}) and on ({_ONE}) ({shown})"

    used = f"{_of_each('protected_capacity_bytes')} / ({_of_each('purchased_capacity_bytes')} > 0)"
    return rows(
        title,
        f"One row a subscription, that which ends first at the top, at most {_MOST}. If the time left is orange or "
        "red: renew it, unless another row of the same service lasts longer.",
        [
            ("A", q.named(of_shown(info))),
            ("B", shown),
            ("C", f"1000 * ({of_shown(_of_each('contract_end_timestamp_seconds'))})"),
            ("D", of_shown(_of_each("purchased_seats"))),
            ("E", of_shown(_of_each("microsoft_licenses_assigned"))),
            ("F", of_shown(used)),
            ("G", of_shown(_of_each("consumed_storage_bytes"))),
        ],
        [
            Column("name", "Customer", link=TO_CUSTOMER),
            Column("account", "Account", width=90),
            Column("service_type", "Service", width=300),
            Column("package", "Package", width=100),
            Column("retention", "Kept", width=100),
            Column(
                "B", "Ends in", width=105, unit="s", steps=LEFT, cell=COLORED, decimals=1,
                meanings={str(_NEVER): ("No end", GREY)},
            ),
            Column("C", "Contract ends", width=130, unit="dateTimeFromNow"),
            Column("D", "Seats", width=80, unit="locale"),
            Column("E", "Microsoft licences", width=150, unit="locale"),
            Column(
                "F", "Capacity used", width=140, unit="percentunit", steps=plain(), cell=GAUGE, least=0, most=1,
                decimals=0,
            ),
            Column("G", "Storage", width=100, unit="bytes"),
            Column("customer_id"),
        ],
        sort="Ends in",
        empty=NO_SUBSCRIPTIONS,
        descending=False,
    )  # fmt: skip
