"""The Protection dashboard: unprotected users, signs of an attack, scans, consent, retention and restores."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables, verdict
from grafana.dashboards_src.facts import fact
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import ALL_CUSTOMERS, lines, renamed, with_all_customers
from grafana.dashboards_src.problems import MOST, severity_words, what_is_wrong
from grafana.dashboards_src.tables import COLORED, FILLED, Column, rows
from grafana.dashboards_src.thresholds import GREY, rising
from grafana.dashboards_src.vocabulary import NO_RULES, PROBLEMS, TO_CUSTOMER

_PROBLEMS: Final = (
    "ransomware_suspected", "unusual_activity", "consent_missing", "objects_unprotected", "users_unprotected",
    "scan_failed", "retention_too_short", "restore_not_tested",
)  # fmt: skip
_COLORS: Final = ("red", "light-red", "purple", "orange", "yellow", "dark-yellow", "blue", "light-blue")
_TENANT: Final = "job, account, customer_id, tenant_id"
_KEPT: Final = "job, account, customer_id, workload, geo_location"
_FAILED: Final = 'status=~"failed|failed_to_start"'
_DEFAULT: Final = "Default"
_UNLIMITED: Final = {"Infinity": ("Unlimited", "text")}
_CONSENT: Final = {"0": ("Missing", "red"), "1": ("Given", "green")}


def build() -> Dashboard:
    """Build the dashboard."""
    board = frame(
        uid="avepoint-protection",
        title="AvePoint / Protection",
        description="Unprotected users, signs of an attack, scans, consent, retention and restores.",
        names=variables.NAMES,
        since="now-7d",
    )
    return place(
        board,
        _facts(),
        (10, [(24, what_is_wrong(verdict.any_of(_PROBLEMS), of=q.OF_WORKLOAD, title="Problems with protection"))]),
        (12, [(24, _tenants())]),
        (10, [(12, _retention()), (12, _over_time())]),
    )


def _facts() -> Line:
    titles = ("Attack signs", "Unprotected", "Scan failed", "No consent", "Retention", "No restore")
    return 4, [(4, fact(title, of=q.OF_WORKLOAD)) for title in titles]


def _of_customers(name: str, *matchers: str) -> str:
    return q.raw(name, *q.OF_CUSTOMER, *matchers)


def _tenants() -> table.Panel:
    info, by = _of_customers("avepoint_customer_tenant_info"), f"on ({verdict.CUSTOMER})"
    worst = f"topk({MOST}, {verdict.health()})"
    # Select the customers with the worst problems. If a customer has tenants, select the tenants instead.
    of_tenants = f"max by ({_TENANT}, tenant) ({info} * {by} group_left () {worst})"
    first = f"{of_tenants} or ({worst} unless {by} {info})"

    def shown(name: str, *matchers: str) -> str:
        return f"{_of_customers(name, *matchers)} and {by} {worst}"

    def profiles(*matchers: str) -> str:
        status = shown("avepoint_scan_profile_status", *matchers)
        return f"count by ({_TENANT}) (group by ({_TENANT}, profile) ({status}))"

    unprotected, users = shown("avepoint_users", 'state="unprotected"'), shown("avepoint_users")
    sites = shown("avepoint_potential_ransomware_sites")
    return rows(
        "Microsoft 365 tenants",
        f"One row per tenant, for at most {MOST} customers. The customers with the worst problems come first. If a "
        "cell is red, click the customer to see its problems. A dash means that a value is unknown or does not apply.",
        [
            ("A", q.named(f"({first})")),
            ("B", f"min by ({_TENANT}) ({shown('avepoint_app_consent')})"),
            ("C", f"sum by ({_TENANT}) (max by ({_TENANT}, workload) ({unprotected}))"),
            ("D", f"sum by ({_TENANT}) (max by ({_TENANT}, workload, state) ({users}))"),
            ("E", f"{profiles(_FAILED)} or 0 * {profiles()}"),
            ("F", profiles()),
            ("G", f"1000 * min by ({_TENANT}) ({shown('avepoint_scan_profile_update_timestamp_seconds')})"),
            ("H", f"sum by ({_TENANT}) (max by ({_TENANT}, workload, geo_location) ({sites}))"),
        ],
        [
            Column("A", "Health", width=95, mappings=severity_words("Well"), cell=FILLED, align="center"),
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("tenant", "Tenant", width=225),
            Column("account", "Account", width=90),
            Column("B", "Consent", width=90, meanings=_CONSENT, cell=COLORED),
            Column("C", "Users without backup", width=165, unit="locale"),
            Column("D", "Of users", width=85, unit="locale"),
            Column("E", "Failed scans", width=105, unit="locale", steps=rising(warning=1), cell=COLORED),
            Column("F", "Of profiles", width=95, unit="locale"),
            Column("G", "Oldest scan", width=130, unit="dateTimeFromNow"),
            Column("H", "Ransomware sites", width=145, unit="locale", steps=rising(critical=1), cell=COLORED),
            Column("customer_id"),
        ],
        sort="Health",
        empty=NO_RULES,
    )


def _retention() -> table.Panel:
    restored = q.raw("avepoint_last_success_timestamp_seconds", *q.OF_WORKLOAD, 'job_type="restore"')
    kept = q.raw("avepoint_retention_seconds", q.ACCOUNT, q.WORKLOAD)
    shortest = q.raw("avepoint_retention_shortest_seconds", q.ACCOUNT, q.WORKLOAD)

    def default(expr: str) -> str:
        return f'label_replace({expr}, "workload", "{_DEFAULT}", "workload", "")'

    by = "job, account, workload, geo_location"
    first = q.named(f"bottomk({MOST}, max by ({_KEPT}) ({restored}))")
    none = f"0 * {q.by_account(q.account_level('account:avepoint_customers:count'))}"
    return rows(
        "Retention and restores",
        "The table shows the retention periods of tenant accounts, and the last successful restore of each workload. "
        f"The table has at most {MOST} rows. If no restore has succeeded for a long time, test a restore.",
        [
            ("A", default(q.with_name(f"bottomk({MOST}, max by ({by}) ({kept}))"))),
            ("B", default(q.with_name(f"bottomk({MOST}, min by ({by}) ({shortest}))"))),
            ("C", f"1000 * {first} or on (account) {q.with_name(none)}"),
        ],
        [
            Column("name", "Customer or tenant"),
            Column("account", "Account", width=90),
            Column("workload", "Workload", width=170),
            Column("A", "Kept", width=90, unit="dtdurations", meanings=_UNLIMITED),
            Column("B", "Any part", width=90, unit="dtdurations", meanings=_UNLIMITED),
            Column("C", "Last restore", width=130, unit="dateTimeFromNow", meanings={"0": ("None known", GREY)}),
        ],
        sort="Last restore",
        empty="Retention periods and restores are unknown",
        descending=False,
    )


def _over_time() -> timeseries.Panel:
    affected = q.account_level("account:avepoint_problem_customers:count", verdict.any_of(_PROBLEMS))
    panel = lines(
        "Customers by problem",
        "Number of customers with a protection problem in the chosen accounts, by problem. If ransomware is "
        "suspected, follow your incident procedure, and do not let older backups expire.",
        [(f"sum by (problem) ({affected})", "{{problem}}"), (verdict.customers(), ALL_CUSTOMERS)],
        unit="locale", empty=NO_RULES,
    )  # fmt: skip
    texts = {name: (PROBLEMS[name][0], color) for name, color in zip(_PROBLEMS, _COLORS, strict=True)}
    return renamed(with_all_customers(panel), texts).decimals(0).max_data_points(100)
