"""Protection: signs of an attack, how long backups are kept, and whether restores were tried."""

from typing import Final

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src import variables
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import lines, number
from grafana.dashboards_src.tables import COLORED, FILLED, Column, rows
from grafana.dashboards_src.thresholds import falling, plain, rising, threshold
from grafana.dashboards_src.vocabulary import NOTHING, TO_CUSTOMER, TO_JOBS, UNKNOWN

_KEPT: Final = threshold("retention_seconds:threshold")
_RESTORED: Final = threshold("restore_age_seconds:threshold")
_ONE: Final = "job, account, workload, geo_location"
_RESTORES: Final = "job, account, customer_id, workload, geo_location"
_DEFAULT: Final = "Default"
_UNLIMITED: Final = {"Infinity": ("Unlimited", "green")}
_NO_SIGNS: Final = "Nothing suspected, or signs are not read"
_NO_RETENTION: Final = "No retention known"
_NO_RESTORE: Final = "No successful restore known"


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-protection",
        title="AvePoint / Protection",
        description="Is a backup worth having: signs of an attack, how long it is kept, whether it was restored.",
        names=variables.NAMES,
        since="now-7d",
    )
    return place(
        board,
        _facts(),
        (9, [(14, _signs_over_time()), (10, _signs())]),
        (13, [(14, _retention()), (10, _restores())]),
    )


def _of_each(name: str, *matchers: str) -> str:
    return f"max by ({_ONE}) ({q.raw(name, q.ACCOUNT, q.WORKLOAD, *matchers)})"


def _recorded(name: str) -> str:
    return f"max by ({_ONE}) ({q.scoped(q.recorded(name, q.ACCOUNT, q.WORKLOAD))})"


def _kept() -> str:
    """Return how long any part of the backups is kept at least, by workload, and by default."""
    return _recorded("workload:avepoint_retention_seconds:min")


def _restore_age() -> str:
    success = q.raw("avepoint_last_success_timestamp_seconds", *q.OF_WORKLOAD, 'job_type="restore"')
    return f"time() - max by ({_RESTORES}) ({success})"


def ransomware() -> stat.Panel:
    """Return how many sites may be under attack."""
    return _sites(
        "Ransomware",
        "Sites that AvePoint suspects to be under a ransomware attack, within the window of the collector, a week by "
        "default. If red: AvePointRansomwareSignal fires; treat it as an incident. The Protection dashboard says "
        "where; let no older backup expire.",
        "workload:avepoint_potential_ransomware_sites:max",
        critical=1,
    )  # fmt: skip


def _sites(title: str, about: str, name: str, *, critical: int | None) -> stat.Panel:
    read = q.raw("avepoint_unusual_activity_window_seconds", q.ACCOUNT)
    return number(
        title, about, f"sum({_recorded(name)}) or 0 * count({read})",
        unit="locale", steps=plain() if critical is None else rising(critical=critical), meanings=NOTHING,
        empty=UNKNOWN,
    )  # fmt: skip


def _facts() -> Line:
    facts = (
        ransomware(),
        _sites(
            "Unusual activity",
            "Sites whose data changed unusually within the window, ransomware or not. If it jumps: ask who deleted or "
            "encrypted so much.",
            "workload:avepoint_unusual_activity_sites:max",
            critical=None,
        ),
        number(
            "Shortest retention",
            "How long the backups are kept that are kept least. If orange: AvePointRetentionTooShort fires; the table "
            "below says of which workload.",
            f"min({_kept()})",
            unit="dtdurations", steps=falling(warning=_KEPT), meanings=_UNLIMITED, empty=UNKNOWN,
        ),
        number(
            "Kept too short",
            f"Workloads, or defaults, that keep any part of their backups less than {_KEPT / 86_400:.0f} days. If "
            "orange: see the table below, then AvePoint's retention policy.",
            f"count({_kept()} < {_KEPT:.0f}) or 0 * count({_kept()})",
            unit="short", steps=rising(warning=1), meanings=NOTHING, empty=UNKNOWN,
        ),
        number(
            "Own policies",
            "Tenants whose workloads have retention policies of their own. If there are any: the table below says what "
            "each keeps.",
            f"sum(max by (job, account, geo_location) ({q.raw('avepoint_custom_retention', q.ACCOUNT)}))",
            unit="short", steps=plain(), meanings={"0": ("None", "blue")}, empty=UNKNOWN,
        ),
        number(
            "Last restore",
            "Age of the last successful restore, of the tenant that has gone longest without one. If orange: restore "
            "something, so that you know that you can.",
            f"max(min by (job, account, customer_id) ({_restore_age()}))",
            unit="s", steps=rising(warning=_RESTORED), empty="None known",
        ),
    )  # fmt: skip
    return 4, [(4, panel) for panel in facts]


def _signs_over_time() -> timeseries.Panel:
    def signs(name: str) -> str:
        return f"sum by (account) ({_recorded(name)})"

    return lines(
        "Signs of an attack over time",
        "Sites within the window of the collector, so that a sign stays for days. If ransomware rises: treat it as an "
        "incident; AvePoint's anomaly report names the sites.",
        [
            (signs("workload:avepoint_potential_ransomware_sites:max"), "{{account}} ransomware"),
            (signs("workload:avepoint_unusual_activity_sites:max"), "{{account}} unusual"),
        ],
        unit="locale", empty=_NO_SIGNS, dashed=["/ unusual$/"],
    ).decimals(0)  # fmt: skip


def _signs() -> table.Panel:
    return rows(
        "Signs of an attack by workload",
        "Sites within the window of the collector, worst first. If ransomware is red: treat it as an incident; "
        "AvePoint's anomaly report names the sites.",
        [
            ("A", _recorded("workload:avepoint_potential_ransomware_sites:max")),
            ("B", _recorded("workload:avepoint_unusual_activity_sites:max")),
        ],
        [
            Column("account", "Account", link=TO_JOBS),
            Column("geo_location", "Geo location", width=100),
            Column("workload", "Workload", width=180),
            Column(
                "A", "Ransomware", width=120, unit="locale", steps=rising(critical=1), meanings=NOTHING, cell=COLORED
            ),
            Column("B", "Unusual", width=100, unit="locale"),
        ],
        sort="Ransomware",
        empty=_NO_SIGNS,
    )


def _retention() -> table.Panel:
    def named(expr: str) -> str:
        return f'label_replace({expr}, "workload", "{_DEFAULT}", "workload", "")'

    return rows(
        "Retention",
        "How long backups are kept, shortest first; the default holds for workloads without a row. If orange: some "
        "part is kept for less than the alert asks; see AvePoint's retention policy.",
        [("A", named(_of_each("avepoint_retention_seconds"))), ("B", named(_kept()))],
        [
            Column("account", "Account", link=TO_JOBS),
            Column("geo_location", "Geo location", width=100),
            Column("workload", "Workload", width=220),
            Column("A", "Kept", width=150, unit="dtdurations", meanings=_UNLIMITED),
            Column(
                "B", "Any part at least", width=170, unit="dtdurations", steps=falling(warning=_KEPT),
                meanings=_UNLIMITED, cell=FILLED, align="center",
            ),
        ],
        sort="Any part at least",
        empty=_NO_RETENTION,
        descending=False,
    )  # fmt: skip


def _restores() -> table.Panel:
    return rows(
        "Last successful restores",
        "Age of the last successful restore by workload, longest ago first. If orange: restore something of it, so "
        "that you know that you can. A workload without a row: no restore is known.",
        [("A", q.named(_restore_age()))],
        [
            Column("name", "Customer or tenant", link=TO_CUSTOMER),
            Column("account", "Account", width=110),
            Column("geo_location", "Geo location", width=100),
            Column("workload", "Workload", width=200),
            Column("A", "Restored", width=120, unit="dtdurations", steps=rising(warning=_RESTORED), cell=COLORED),
            Column("customer_id"),
        ],
        sort="Restored",
        empty=_NO_RESTORE,
    )
