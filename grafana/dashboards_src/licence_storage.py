"""Licence and storage: what was bought, what is used, how it grows and when it is full."""

from typing import Final

from grafana_foundation_sdk.builders import bargauge, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import bars, lines, number
from grafana.dashboards_src.subscriptions import ending, first_end, subscriptions
from grafana.dashboards_src.tables import FILLED, GAUGE, Column, rows
from grafana.dashboards_src.thresholds import plain, rising, threshold
from grafana.dashboards_src.vocabulary import (
    NO_CUSTOMERS,
    NO_LICENCE,
    NO_SUBSCRIPTIONS,
    OVER,
    POLICY,
    TO_CUSTOMER,
    UNKNOWN,
)

STORAGE: Final = threshold("license_storage_ratio:threshold")
_MONTH: Final = 30 * 86_400
_USED: Final = "account:avepoint_license_protected_bytes:max"
_BOUGHT: Final = "account:avepoint_license_purchased_storage_bytes:max"
_SHORTER: Final = "No customers with data as old as the time range: choose a shorter one"


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-licence-storage",
        title="AvePoint / Licence and storage",
        description="What was bought, what is used, how it grows and when it is full.",
        names=variables.NAMES,
        since="now-7d",
    )
    return place(
        board,
        _facts(),
        (7, [(24, _licences())]),
        (9, [(14, _storage()), (10, _seats())]),
        "Subscriptions of customers",
        (13, [(24, subscriptions("Subscriptions"))]),
        (6, [(12, _seats_by_service()), (12, _storage_by_service())]),
        "Protected data of customers",
        (9, [(12, _by_storage()), (12, _by_workload())]),
        (10, [(12, _largest()), (12, _growing())]),
    )


def _facts() -> Line:
    growth = q.account_level("account:avepoint_license_protected_bytes:deriv7d")
    facts = (
        number(
            "Fullest storage",
            "Share of the purchased storage in use, of the account nearest to its limit. If orange or red: buy storage "
            "or shorten retention.",
            f"max({q.account_level('account:avepoint_license_storage:ratio')})",
            unit="percentunit", steps=rising(warning=STORAGE, critical=OVER), empty="No licence known", decimals=1,
        ),
        number(
            "First full in",
            "When the purchased storage of the first account is full at last week's growth. If short: buy storage "
            "before; the table says for whom.",
            f"min({q.account_level('account:avepoint_license_storage_full_seconds:forecast')})",
            unit="s", steps=plain(), empty="No forecast",
        ),
        number(
            "Policy",
            "Whether any licence is out of policy. If red: AvePointOutOfPolicy fires; AvePoint may stop backing up "
            "until it is in policy again.",
            f"max({q.raw('avepoint_license_out_of_policy', q.ACCOUNT)})",
            unit="short", steps=rising(critical=1), meanings={"0": ("In policy", "green"), "1": ("Out", "red")},
            empty=UNKNOWN,
        ),
        number(
            "Most used seats",
            "Share of the purchased seats that are assigned, of the account nearest to its limit. If red: "
            "AvePointSeatsOverPurchased fires; buy seats or take some back.",
            f"max({q.account_level('account:avepoint_license_seats:ratio')})",
            unit="percentunit", steps=rising(critical=OVER), empty="No licence known", decimals=1,
        ),
        number(
            "Storage in use",
            "Size of what all tenants' licences protect. It needs no action by itself.",
            f"sum({q.account_level(_USED)})",
            unit="bytes", steps=plain(), empty="No licence known",
        ),
        number(
            "Growth a day",
            "How much the storage in use grows a day, over the last week. If it jumps: see in the graph below when.",
            f"86400 * sum({growth})",
            unit="bytes", steps=plain(), empty="Not known", decimals=1,
        ),
    )  # fmt: skip
    return 4, [(3, panel) for panel in (*facts, ending(), first_end())]


def _licences() -> table.Panel:
    def bought(name: str) -> str:
        return f"max by (job, account) ({q.raw(name, q.ACCOUNT)})"

    used = q.recorded(_USED, q.ACCOUNT)
    predicted = q.scoped(f"clamp_min(predict_linear({used}[$__range], {_MONTH}), 0)")
    return rows(
        "Licences",
        "One row an account. If a bar is red: more is used than was bought. The forecast goes on as the chosen time "
        "range went; the last column as last week went.",
        [
            ("A", bought("avepoint_license_assigned_seats")),
            ("B", bought("avepoint_license_purchased_seats")),
            ("C", q.by_account(q.account_level("account:avepoint_license_seats:ratio"))),
            ("D", q.by_account(q.account_level(_USED))),
            ("E", q.by_account(q.account_level(_BOUGHT))),
            ("F", q.by_account(q.account_level("account:avepoint_license_storage:ratio"))),
            ("G", q.by_account(predicted)),
            ("H", q.by_account(q.account_level("account:avepoint_license_storage_full_seconds:forecast"))),
            ("I", bought("avepoint_license_out_of_policy")),
        ],
        [
            Column("account", "Account"),
            Column("I", "Policy", width=80, meanings=POLICY, cell=FILLED, align="center"),
            Column("A", "Seats used", width=110, unit="locale"),
            Column("B", "Seats bought", width=120, unit="locale"),
            Column(
                "C", "Seats", width=200, unit="percentunit", steps=rising(critical=OVER), cell=GAUGE, least=0, most=1,
                decimals=1,
            ),
            Column("D", "Storage used", width=130, unit="bytes"),
            Column("E", "Storage bought", width=140, unit="bytes"),
            Column(
                "F", "Storage", width=200, unit="percentunit", steps=rising(warning=STORAGE, critical=OVER), cell=GAUGE,
                least=0, most=1, decimals=1,
            ),
            Column("G", "Storage in 30 days", width=160, unit="bytes"),
            Column("H", "Full in", width=120, unit="s"),
        ],
        sort="Storage",
        empty=NO_LICENCE,
    )  # fmt: skip


def _storage() -> timeseries.Panel:
    growth = q.recorded("account:avepoint_license_protected_bytes:deriv7d", q.ACCOUNT)
    in_a_month = q.scoped(f"clamp_min({q.recorded(_USED, q.ACCOUNT)} + {_MONTH} * {growth}, 0)")
    return lines(
        "Storage: used, bought, and expected in 30 days",
        "The dashed line is what the licence would protect 30 days later at the growth of the week before. If it "
        "crosses what was bought: buy storage within the month.",
        [
            (q.account_level(_USED), "{{account}} used"),
            (q.account_level(_BOUGHT), "{{account}} bought"),
            (in_a_month, "{{account}} in 30 days"),
        ],
        unit="bytes", empty=NO_LICENCE, dashed=["/ in 30 days$/"],
    )  # fmt: skip


def _seats() -> timeseries.Panel:
    def seats(name: str) -> str:
        return f"max by (job, account) ({q.raw(name, q.ACCOUNT)})"

    return lines(
        "Seats: assigned and bought",
        "User seats. If assigned crosses bought: buy seats or take some back.",
        [
            (seats("avepoint_license_assigned_seats"), "{{account}} assigned"),
            (seats("avepoint_license_purchased_seats"), "{{account}} bought"),
        ],
        unit="locale", empty=NO_LICENCE, dashed=["/ bought$/"],
    ).decimals(0)  # fmt: skip


def _by_service(name: str) -> str:
    of_each = f"max by (job, account, customer_id, service_type, subscription) ({q.raw(name, *q.OF_CUSTOMER)})"
    return f"sort_desc(sum by (service_type) ({of_each}) > 0)"


def _seats_by_service() -> bargauge.Panel:
    return bars(
        "Seats by service",
        "Seats that customers bought of each of AvePoint's services, ended subscriptions too. It needs no action; it "
        "says what the portfolio is made of.",
        _by_service("avepoint_subscription_purchased_seats"),
        legend="{{service_type}}", unit="locale", steps=plain(), empty=NO_SUBSCRIPTIONS,
    )  # fmt: skip


def _storage_by_service() -> bargauge.Panel:
    return bars(
        "Storage by service",
        "Storage that customers use of each of AvePoint's services. If it grows too large: the table of subscriptions "
        "says whose.",
        _by_service("avepoint_subscription_consumed_storage_bytes"),
        legend="{{service_type}}", unit="bytes", steps=plain(), empty=NO_SUBSCRIPTIONS,
    )  # fmt: skip


def _by_storage() -> timeseries.Panel:
    data = q.scoped(q.recorded("account_workload:avepoint_protected_data_bytes:sum", q.ACCOUNT, q.WORKLOAD))
    return lines(
        "Protected data by place",
        "Backed-up data of all customers of the account, in AvePoint's storage and in the customers' own (byos). A "
        "sudden fall deserves a look: who deleted what.",
        [(f"sum by (account, storage) ({data})", "{{account}} {{storage}}")],
        unit="bytes", empty=NO_CUSTOMERS, stacked=True,
    )  # fmt: skip


def _by_workload() -> bargauge.Panel:
    data = q.scoped(q.recorded("account_workload:avepoint_protected_data_bytes:sum", q.ACCOUNT, q.WORKLOAD))
    return bars(
        "Protected data by workload",
        "Backed-up data of all customers of the account. If it grows too large: shorten "
        "retention where the bar is longest.",
        f"sort_desc(sum by (workload) ({data}))",
        legend="{{workload}}", unit="bytes", steps=plain(), empty="No customers",
    )  # fmt: skip


def _largest() -> table.Panel:
    largest = q.largest_customers("customer:avepoint_protected_data_bytes:sum")
    return rows(
        "Largest customers",
        "The twenty customers with most backed-up data. It needs no action; it says whom a change of price concerns.",
        [("A", q.named(largest))],
        [
            Column("name", "Customer", link=TO_CUSTOMER),
            Column("account", "Account", width=120),
            Column("A", "Protected data", width=260, unit="bytes", steps=plain(), cell=GAUGE, least=0),
            Column("customer_id"),
        ],
        sort="Protected data",
        empty=NO_CUSTOMERS,
    )


def _growing() -> table.Panel:
    data = q.recorded("customer:avepoint_protected_data_bytes:sum", *q.OF_CUSTOMER)
    of_each = q.scoped(f"topk by (job, account) (20, {data} - {data} offset $__range)")
    leaders = f"topk(20, {of_each})"
    share = f"({leaders}) / ({data} offset $__range > 0)"
    return rows(
        "Growth in the time range",
        "The twenty customers whose backed-up data grew most within the chosen time range. If one grows out of "
        "proportion: ask what it began to store; a restore loop or a migration shows here first.",
        [("A", q.named(leaders)), ("B", q.by_customer(share))],
        [
            Column("name", "Customer", link=TO_CUSTOMER),
            Column("account", "Account", width=120),
            Column("A", "Growth", width=130, unit="bytes"),
            Column("B", "Relative", width=110, unit="percentunit", decimals=1),
            Column("customer_id"),
        ],
        sort="Growth",
        empty=_SHORTER,
    )
