"""Test scenarios for the alerts that fire if the exporter cannot read an account or a customer."""

from typing import Final

from tests.prometheus.scenario import (
    ALWAYS,
    CUSTOMERS,
    Scenario,
    Series,
    exporter,
    firing,
    partner,
    tenant,
    world,
)


def _flapping(hours: int) -> str:
    return " ".join(["1x59 0x59"] * hours)


def _up(values: str, collector: str = "license", account: str = "t") -> Series:
    return {f'avepoint_up{{job="a", instance="i1", account="{account}", collector="{collector}"}}': values}


def _customer_up(values: str, *customers: str) -> Series:
    of = 'avepoint_customer_up{{job="a", instance="i1", account="m", customer_id="{}", collector="protected_data"}}'
    return {of.format(customer): values for customer in customers} | _up(ALWAYS, "protected_data", "m")


_UNREADABLE: Final = "AvePointAccountUnreadable"
READING_SCENARIOS: Final = [
    Scenario(
        "a collector that fails every other hour",
        {**world(), **tenant(), **_up(_flapping(8)), **_customer_up(_flapping(8), "c1")},
        [firing(f"{minute}m", "AvePoint.*Unreadable", 0) for minute in range(5, 900, 25)],
    ),
    Scenario(
        "account unreadable: one failed refresh, then a failure of hours; resolved",
        {**world(), **tenant(), **_up("1x60 0x59 1x60 0x300 1x200")},
        [
            firing("100m", _UNREADABLE, 0),
            firing("220m", _UNREADABLE, 0),
            firing("290m", _UNREADABLE, collector="license", severity="critical"),
            firing("480m", _UNREADABLE),
            firing("580m", _UNREADABLE, 0),
        ],
    ),
    Scenario(
        "account unreadable: never worked since the start, or since the account was added",
        {**world(), **tenant(), **_up("0x300"), **_up("_x60 0x300", account="new")},
        [
            firing("8m", _UNREADABLE, 0),
            firing("12m", _UNREADABLE, collector="license"),
            firing("68m", _UNREADABLE, 0, account="new"),
            firing("73m", _UNREADABLE, account="new"),
        ],
    ),
    Scenario(
        "account unreadable: jobs, after half an hour; data missing and a restart do not fire",
        {**exporter(), **tenant("1x60 0x100 1x60 stale _x10 1x60 stale")},
        [
            firing("85m", _UNREADABLE, 0),
            firing("95m", _UNREADABLE, collector="jobs"),
            firing("225m", _UNREADABLE),
            firing("240m", _UNREADABLE, 0),
            firing("400m", _UNREADABLE, 0),
        ],
    ),
    Scenario(
        "many accounts unreadable",
        {**exporter()}
        | {
            name: values
            for number in range(4)
            for name, values in tenant("1x60 0x60 1x100" if number else ALWAYS, account=f"t{number}").items()
        },
        [
            firing("65m", "AvePointManyAccountsUnreadable", 0),
            firing("75m", "AvePointManyAccountsUnreadable"),
            firing("75m", _UNREADABLE, 0),
            firing("195m", "AvePointManyAccountsUnreadable", 0),
        ],
    ),
    Scenario(
        "many accounts unreadable: data missing",
        {**exporter("1x30 stale"), **tenant("0x30 stale", account="t1"), **tenant("1x30 stale", account="t2")},
        [firing("120m", "AvePointManyAccountsUnreadable", 0)],
    ),
    Scenario(
        "customer unreadable",
        {**exporter(), **partner(customers=["c1", "c2"]), **_customer_up("1x60 0x300 1x200", "c1")},
        [
            firing("180m", "AvePointCustomerUnreadable", 0),
            firing("195m", "AvePointCustomerUnreadable", organization="Org c1", severity="warning"),
            firing("400m", "AvePointCustomerUnreadable"),
            firing("490m", "AvePointCustomerUnreadable", 0),
        ],
    ),
    Scenario(
        "customer unreadable: data missing, or the account itself is unreadable",
        {
            **exporter(),
            **partner(),
            **_customer_up("0x60 stale", "c1"),
            **_customer_up("0x300", "c2"),
            **_up("0x300", "protected_data", "m"),
        },
        [firing("250m", "AvePointCustomerUnreadable", 0)],
    ),
    Scenario(
        "many customers unreadable: begins with a fifth, stays until below 5 %",
        {
            **exporter(),
            **partner(customers=CUSTOMERS),
            **_customer_up(ALWAYS, *CUSTOMERS[12:]),
            **_customer_up("1x60 0x100 1x300", *CUSTOMERS[2:12]),
            **_customer_up("1x60 0x300 1x300", *CUSTOMERS[:2]),
        },
        [
            firing("130m", "AvePointManyCustomersUnreadable", 0),
            firing("140m", "AvePointManyCustomersUnreadable", collector="protected_data", severity="critical"),
            firing("300m", "AvePointManyCustomersUnreadable"),
            firing("490m", "AvePointManyCustomersUnreadable", 0),
        ],
    ),
    Scenario(
        "many customers unreadable: data missing",
        {**exporter(), **partner(), **_customer_up("0x60 stale", *CUSTOMERS)},
        [firing("200m", "AvePointManyCustomersUnreadable", 0)],
    ),
]
