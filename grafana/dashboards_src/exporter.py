"""Exporter: can it read AvePoint, how old is what it shows, and how is it itself."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import lines, number
from grafana.dashboards_src.tables import COLORED, FILLED, Column, rows
from grafana.dashboards_src.thresholds import falling, plain, rising, threshold
from grafana.dashboards_src.vocabulary import NO_RULES, NOTHING, READABLE, UNKNOWN

DATA_AGE: Final = threshold("data_age_seconds:threshold")
THROTTLED: Final = threshold("api_throttled_ratio:threshold")
TOKENS: Final = threshold("token_failures_ratio:threshold")
CERTIFICATE: Final = threshold("certificate_left_seconds:threshold")
CERTIFICATE_LAST: Final = threshold("certificate_left_seconds:threshold_critical")
_UNREAD: Final = "No data: is the exporter scraped?"


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-exporter",
        title="AvePoint / Exporter",
        description="Whether the exporter can read AvePoint, how old its data is, and how it is itself.",
        names=("job", "instance", "account"),
        since="now-6h",
    )
    return place(
        board,
        _facts(),
        (8, [(14, _collectors()), (10, _data_age())]),
        "Calls to AvePoint",
        (10, [(12, _requests()), (12, _latency())]),
        (8, [(8, _waiting()), (8, _errors()), (8, _tokens())]),
        "Access and answers",
        (7, [(12, _accounts()), (12, _not_understood())]),
        "Process",
        (7, [(8, _memory()), (8, _cpu()), (8, _instances())]),
    )


def _facts() -> Line:
    up = q.raw("up")
    reload = q.raw("avepoint_exporter_config_last_reload_successful")
    facts = (
        number(
            "Unreadable accounts",
            "Accounts of which at least one collector failed at its last refresh. If red: the table below says which; "
            "the exporter's status page and log say why. Often a secret has expired.",
            q.or_zero(f"count(count by (job, account) ({q.account_level('account:avepoint_up:min')} == 0))"),
            unit="short", steps=rising(critical=1), meanings=NOTHING, empty=UNKNOWN,
        ),
        number(
            "Oldest data",
            "Age of the oldest last successful refresh. If red: AvePointDataStale fires; see which collector it is "
            "below.",
            f"max({q.account_level('account:avepoint_data_age_seconds:max')})",
            unit="s", steps=rising(critical=DATA_AGE), empty=UNKNOWN,
        ),
        number(
            "Exporters down",
            "Targets that Prometheus cannot scrape. If red: AvePointExporterDown fires; nothing is watched meanwhile.",
            f"count({up} == 0) or 0 * count({up})",
            unit="short", steps=rising(critical=1), meanings=NOTHING, empty="None scraped",
        ),
        number(
            "Failing calls",
            "Share of the calls of the last 15 minutes that AvePoint did not answer with success, of the worst "
            "account. If it stays up: see the codes below.",
            f"max({q.account_level('account:avepoint_api_errors:ratio_rate15m')})",
            unit="percentunit", steps=plain(), empty="No calls lately", decimals=1,
        ),
        number(
            "Waiting",
            "Share of the last hour in which calls waited for the rate limit or for AvePoint's Retry-After, of the "
            "worst account. If red: AvePointThrottled fires; refresh less often or read fewer customers per exporter.",
            f"max({q.account_level('account:avepoint_api_throttled_seconds:rate1h')})",
            unit="percentunit", steps=rising(critical=THROTTLED), empty=UNKNOWN, decimals=1,
        ),
        number(
            "Configuration",
            "Whether the last attempt to read the configuration succeeded. If red: the one from before is in force and "
            "a restart would fail; run avepoint-exporter --config.check.",
            f"min({reload})",
            unit="short", steps=falling(critical=1), meanings={"0": ("Refused", "red"), "1": ("In force", "green")},
            empty=UNKNOWN,
        ),
    )  # fmt: skip
    return 4, [(4, panel) for panel in facts]


def _collectors() -> table.Panel:
    by = "job, account, collector"
    duration = q.raw("avepoint_collector_duration_seconds", q.ACCOUNT)
    return rows(
        "Collectors",
        "One row an account and collector. If not readable: the exporter's status page says why; what is shown is the "
        "last that could be read.",
        [
            ("A", f"min by ({by}) ({q.account_level('account:avepoint_up:min')})"),
            ("B", f"max by ({by}) ({q.account_level('account:avepoint_data_age_seconds:max')})"),
            ("C", f"max by ({by}) ({duration})"),
            ("D", f"max by ({by}) ({q.account_level('account:avepoint_customers_unreadable:count')})"),
        ],
        [
            Column("account", "Account"),
            Column("collector", "Collector", width=150),
            Column("A", "Readable", width=100, meanings=READABLE, cell=FILLED, align="center"),
            Column("B", "Data age", width=120, unit="s", steps=rising(critical=DATA_AGE), cell=COLORED),
            Column("C", "Refresh took", width=120, unit="s", decimals=2),
            Column("D", "Unreadable customers", width=180, steps=rising(critical=1), cell=COLORED),
        ],
        sort="Data age",
        empty=NO_RULES,
    )


def _data_age() -> timeseries.Panel:
    return lines(
        "Age of the data",
        "Time since the last successful refresh: a saw whose teeth are the interval. If a line climbs over the dashes: "
        "AvePointDataStale fires.",
        [(q.account_level("account:avepoint_data_age_seconds:max"), "{{account}} {{collector}}")],
        unit="s", empty=NO_RULES, steps=rising(critical=DATA_AGE),
    )  # fmt: skip


def _requests() -> timeseries.Panel:
    return lines(
        "Calls by answer",
        "Calls a second by HTTP status, or timeout, connect, parse. If 401 or 403: a secret or a permission; 429: too "
        "many calls; 5xx, timeout and connect: AvePoint or the network.",
        [(f"sum by (account, code) ({q.rate('avepoint_api_requests_total')})", "{{account}} {{code}}")],
        unit="reqps", empty="No calls in the time range",
    )  # fmt: skip


def _latency() -> timeseries.Panel:
    buckets = q.rate("avepoint_api_request_duration_seconds_bucket")
    return lines(
        "Time to answer, 95th percentile",
        "How long 95 of 100 calls take at most, by path. If it nears the timeout (30 s by default): raise the "
        "timeout or lower the page size.",
        [(f"histogram_quantile(0.95, sum by (path, le) ({buckets}))", "{{path}}")],
        unit="s", empty="No calls in the time range", below=True,
    )  # fmt: skip


def _waiting() -> timeseries.Panel:
    return lines(
        "Waiting for the rate limit",
        "Share of the time in which calls wait. If it is above the line: AvePointThrottled fires; refresh less often.",
        [(f"sum by (account) ({q.rate('avepoint_api_throttled_seconds_total')})", "{{account}}")],
        unit="percentunit", empty=_UNREAD, steps=rising(critical=THROTTLED),
    )  # fmt: skip


def _errors() -> timeseries.Panel:
    return lines(
        "Share of failing calls",
        "Calls of 15 minutes that were not answered with success. If it stays up: the codes above say why.",
        [(q.account_level("account:avepoint_api_errors:ratio_rate15m"), "{{account}}")],
        unit="percentunit", empty=NO_RULES,
    ).axis_soft_max(0.05)  # fmt: skip


def _tokens() -> timeseries.Panel:
    return lines(
        "Token requests",
        "Requests for access tokens a second, by result. If another result than success appears: check client_id, "
        "the secret or the certificate.",
        [(f"sum by (account, result) ({q.rate('avepoint_token_requests_total')})", "{{account}} {{result}}")],
        unit="reqps", empty=_UNREAD,
    ).axis_soft_max(0.1)  # fmt: skip


def _not_understood() -> table.Panel:
    def counted(name: str) -> str:
        nothing = f"0 * max by (account) ({q.raw('avepoint_up', q.ACCOUNT)})"
        return f"sum by (account, field) ({q.account_level(name)}) or on (account) {nothing}"

    return rows(
        "Values not understood, last six hours",
        "Values in AvePoint's responses that the exporter could not read, or that are unknown. If red: AvePoint has "
        "changed its API; AvePointValuesNotUnderstood fires; look for a newer exporter or report the field.",
        [
            ("A", counted("account:avepoint_parse_errors:increase6h")),
            ("B", counted("account:avepoint_unknown_values:increase6h")),
        ],
        [
            Column("account", "Account"),
            Column("field", "Field"),
            Column("A", "Unreadable", width=130, decimals=0, steps=rising(critical=0.5), cell=COLORED),
            Column("B", "Unknown", width=130, decimals=0, steps=rising(critical=0.5), cell=COLORED),
        ],
        sort="Unreadable",
        empty=NO_RULES,
    )


def _accounts() -> table.Panel:
    ratio = "percentunit"
    return rows(
        "Accounts",
        "How each account's access fares. Token failures in red: check client_id, the secret or the certificate. "
        "Certificate: time left, for accounts that use one; in orange or red, renew it in Entra ID and put the new "
        "file in place.",
        [
            ("A", f"count by (job, account) ({q.account_level('account:avepoint_up:min')})"),
            ("B", q.by_account(q.account_level("account:avepoint_token_failures:ratio_increase1h"))),
            ("C", q.by_account(q.account_level("account:avepoint_api_throttled_seconds:rate1h"))),
            ("D", q.by_account(q.account_level("account:avepoint_certificate_left_seconds:min"))),
        ],
        [
            Column("account", "Account"),
            Column("A", "Collectors", width=100),
            Column(
                "B", "Token failures, 1 h", width=155, unit=ratio, decimals=1, steps=rising(critical=TOKENS),
                cell=COLORED,
            ),
            Column(
                "C", "Waiting, 1 h", width=120, unit=ratio, decimals=1, steps=rising(critical=THROTTLED), cell=COLORED
            ),
            Column(
                "D", "Certificate", width=120, unit="s", cell=COLORED,
                steps=falling(warning=CERTIFICATE, critical=CERTIFICATE_LAST),
            ),
        ],
        sort="Account",
        descending=False,
        empty=NO_RULES,
    )  # fmt: skip


def _memory() -> timeseries.Panel:
    return lines(
        "Memory",
        "Resident memory. If it grows without end: report it, with the number of customers.",
        [(q.raw("process_resident_memory_bytes"), "{{instance}}")],
        unit="bytes", empty=_UNREAD,
    )  # fmt: skip


def _cpu() -> timeseries.Panel:
    return lines(
        "Processor",
        "Processor seconds a second. If it stays near 1: scrape less often or shard the accounts.",
        [(f"rate({q.raw('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}")],
        unit="percentunit", empty=_UNREAD,
    )  # fmt: skip


def _instances() -> table.Panel:
    start = q.raw("process_start_time_seconds")
    return rows(
        "Running exporters",
        "Versions and when each started. If one started just now and again: see its log.",
        [
            ("A", f"max by (job, instance, version) ({q.raw('avepoint_exporter_build_info')})"),
            ("B", f"1000 * max by (job, instance) ({start})"),
        ],
        [
            Column("instance", "Instance"),
            Column("version", "Version", width=100),
            Column("B", "Started", width=150, unit="dateTimeFromNow"),
        ],
        sort="Started",
        empty=_UNREAD,
    )
