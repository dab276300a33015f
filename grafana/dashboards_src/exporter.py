"""The Exporter dashboard: access to AvePoint, age of the data, and health of the exporter."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.dashboards_src import queries as q
from grafana.dashboards_src.facts import unreadable
from grafana.dashboards_src.layout import Line, frame, place
from grafana.dashboards_src.panels import lines, number
from grafana.dashboards_src.process import UNREAD, cpu, instances, memory, targets
from grafana.dashboards_src.tables import COLORED, FILLED, Column, rows
from grafana.dashboards_src.thresholds import ORANGE, alert_threshold, falling, plain, rising, stale_after
from grafana.dashboards_src.vocabulary import NO_RULES, NOTHING, READABLE, UNKNOWN

THROTTLED: Final = alert_threshold("AvePointThrottled")
TOKENS: Final = alert_threshold("AvePointTokenRequestsFailing")
CERTIFICATE: Final = alert_threshold("AvePointCertificateExpiresSoon")
CERTIFICATE_LAST: Final = alert_threshold("AvePointCertificateExpiresVerySoon")
_FAILED: Final = 'result!="success"'
_END_OF_PATH: Final = "/(?:partner/external/v3/[a-z]+/|backup/)?(?:customers/[{][^/]+/)?(?:tenants/[{][^/]+/)?(.+)"
"""The part of a path that identifies an endpoint. Whole paths would leave no space for the graph."""
_NO_SUCCESS: Final = 'code!~"200|202|204"'


def build() -> Dashboard:
    """Build it."""
    board = frame(
        uid="avepoint-exporter",
        title="AvePoint / Exporter",
        description="The exporter's access to AvePoint, the age of its data, and its own health.",
        names=("job", "instance", "account"),
        since="now-6h",
    )
    return place(
        board,
        _facts(),
        (8, [(14, _collectors()), (10, _data_age())]),
        "Requests to AvePoint",
        (10, [(12, _requests()), (12, _latency())]),
        (8, [(8, _waiting()), (8, _errors()), (8, _tokens())]),
        "Accounts and responses",
        (7, [(12, _accounts()), (12, _not_understood())]),
        "Process",
        (7, [(8, memory()), (8, cpu()), (8, instances())]),
    )


def _facts() -> Line:
    reload = q.raw("avepoint_exporter_config_last_reload_successful")
    ages = q.account_level("account:avepoint_data_age_seconds:max")
    others = (
        number(
            "Exporters down",
            "Number of exporters that Prometheus cannot scrape, out of all exporters. If the number is red, "
            "AvePointExporterDown fires, and the customers are not monitored.",
            f"count({targets()} == 0) or 0 * count({targets()})",
            of=f"count({targets()})",
            unit="short", steps=rising(critical=1), meanings=NOTHING, empty="None scraped",
        ),
        number(
            "Stale",
            "Number of collectors with stale data, out of all collectors. If the number is orange, AvePointDataStale "
            "fires. The table below shows the stale collectors.",
            f"count({_stale()}) or 0 * count({ages})",
            of=f"count({ages})",
            unit="short", steps=rising(warning=1), meanings=NOTHING, empty=UNKNOWN,
        ),
        number(
            "Failed requests",
            "Share of failed requests among all requests within the time range. If the share stays high, see the "
            "status codes below.",
            f"sum({_failing('$__range')}) / (sum({_calls('$__range')}) > 0)",
            unit="percentunit", steps=plain(), empty="No recent requests", decimals=1,
        ),
        number(
            "Waiting",
            "Share of the last hour during which requests waited because of the rate limit or AvePoint's throttling. "
            "The panel shows the account that waited longest. If the share is orange, AvePointThrottled fires. "
            "Lengthen the intervals of the collectors or read fewer customers.",
            f"max({_throttled()})",
            unit="percentunit", steps=rising(warning=THROTTLED), empty=UNKNOWN, decimals=1,
        ),
        number(
            "Configuration",
            "Number of exporters whose last reload of the configuration failed, out of all exporters. If the number is "
            "orange, these exporters use the previous configuration, and a restart would fail. To see the errors, run "
            "avepoint-exporter check.",
            f"count({reload} == 0) or 0 * count({reload})",
            of=f"count({reload})",
            unit="short", steps=rising(warning=1), meanings={"0": ("In force", "green")}, empty=UNKNOWN,
        ),
    )  # fmt: skip
    return 4, [(4, panel) for panel in (unreadable(), *others)]


def _stale() -> str:
    """Return the data ages above the thresholds of AvePointDataStale."""
    ages = "account:avepoint_data_age_seconds:max"
    limited = (f"({q.account_level(ages, *filter(None, [of]))}) > {seconds:.0f}" for of, seconds in stale_after())
    return f"({' or '.join(limited)})"


def _calls(window: str, *matchers: str) -> str:
    return f"increase({q.raw('avepoint_api_requests_total', q.ACCOUNT, *matchers)}[{window}])"


def _failing(window: str) -> str:
    """Return the number of failed requests per account. The number is 0 if no request of the account failed."""
    return f"{_calls(window, _NO_SUCCESS)} or 0 * {_calls(window)}"


def _throttled() -> str:
    return f"max by (job, account) (rate({q.raw('avepoint_api_throttled_seconds_total', q.ACCOUNT)}[1h]))"


def _collectors() -> table.Panel:
    by = "job, account, collector"
    duration = q.raw("avepoint_collector_duration_seconds", q.ACCOUNT)
    return rows(
        "Collectors",
        "One row per account and collector. If the column *Readable* shows *No*, the metrics keep the last values, and "
        "the exporter's status page shows the reason.",
        [
            ("A", f"min by ({by}) ({q.account_level('account:avepoint_up:min')})"),
            ("B", f"max by ({by}) ({q.account_level('account:avepoint_data_age_seconds:max')})"),
            ("C", f"max by ({by}) ({duration})"),
            ("D", f"max by ({by}) ({q.account_level('account:avepoint_customers_unreadable:count')})"),
            ("E", f"group by ({by}) ({_stale()})"),
        ],
        [
            Column("account", "Account"),
            Column("collector", "Collector", width=150),
            Column("A", "Readable", width=100, meanings=READABLE, cell=FILLED, align="center"),
            Column("B", "Data age", width=110, unit="s"),
            Column("E", "Verdict", width=80, meanings={"1": ("Stale", ORANGE)}, cell=COLORED),
            Column("C", "Refresh took", width=120, unit="s", decimals=2),
            Column("D", "Unreadable customers", width=180, steps=rising(critical=1), cell=COLORED),
        ],
        sort="Readable",
        then="Data age",
        descending=False,
        empty=NO_RULES,
    )


def _data_age() -> timeseries.Panel:
    return lines(
        "Age of the data",
        "Time since the last successful refresh of each collector. If a line rises above 3 hours (18 hours or 3 days "
        "for collectors with long intervals), AvePointDataStale fires.",
        [(q.account_level("account:avepoint_data_age_seconds:max"), "{{account}} {{collector}}")],
        unit="s", empty=NO_RULES,
    )  # fmt: skip


def _requests() -> timeseries.Panel:
    return lines(
        "Requests by status",
        "Requests per second by result. The result is an HTTP status. For other errors, it is timeout, connect or "
        "parse. If the result is often 401 or 403, check the secret and the permissions. If the result is often 429, "
        "AvePoint throttles the account. If the result is often 5xx, timeout or connect, check AvePoint's status and "
        "the network.",
        [(f"sum by (account, code) ({q.rate('avepoint_api_requests_total')})", "{{account}} {{code}}")],
        unit="reqps", empty="No requests in the time range",
    )  # fmt: skip


def _latency() -> timeseries.Panel:
    buckets = q.rate("avepoint_api_request_duration_seconds_bucket")
    quantile = f"histogram_quantile(0.95, sum by (path, le) ({buckets})) >= 0"
    return lines(
        "Response time, 95th percentile",
        "95 % of the requests took at most this time. The legend shows the end of each path. If the response time "
        "approaches the timeout (30 s by default), raise the timeout or lower the page size.",
        [(f'label_replace({quantile}, "end", "$1", "path", "{_END_OF_PATH}")', "{{end}}")],
        unit="s", empty="No requests in the time range",
    )  # fmt: skip


def _waiting() -> timeseries.Panel:
    return lines(
        "Waiting for the rate limit",
        "Share of time during which requests waited because of the rate limit or AvePoint's throttling. If a line "
        "stays above the threshold, AvePointThrottled fires. Lengthen the intervals of the collectors.",
        [(f"sum by (account) ({q.rate('avepoint_api_throttled_seconds_total')})", "{{account}}")],
        unit="percentunit", empty=UNREAD, steps=rising(warning=THROTTLED),
    )  # fmt: skip


def _errors() -> timeseries.Panel:
    window = "$__rate_interval"
    failing, calls = (f"sum by (account) ({one})" for one in (_failing(window), _calls(window)))
    return lines(
        "Share of failed requests",
        "Share of failed requests among all requests over time. If the share stays high, the status codes above show "
        "the reason.",
        [(f"{failing} / ({calls} > 0)", "{{account}}")],
        unit="percentunit", empty=UNREAD,
    ).axis_soft_max(0.05)  # fmt: skip


def _tokens() -> timeseries.Panel:
    return lines(
        "Token requests",
        "Token requests per second, by result. If the graph shows results other than success, check client_id and the "
        "secret or the certificate.",
        [(f"sum by (account, result) ({q.rate('avepoint_token_requests_total')})", "{{account}} {{result}}")],
        unit="reqps", empty=UNREAD,
    ).axis_soft_max(0.1)  # fmt: skip


def _not_understood() -> table.Panel:
    def counted(name: str) -> str:
        counter = q.raw(name, q.ACCOUNT)
        new = f"(sum by (account, field) ({counter}) > 0) unless sum by (account, field) ({counter} offset 6h)"
        nothing = f"0 * max by (account) ({q.raw('avepoint_up', q.ACCOUNT)})"
        grown = f"sum by (account, field) (increase({counter}[6h])) > 0"
        return f"{grown} or ({new}) or on (account) {nothing}"

    return rows(
        "Unreadable or unknown values, last six hours",
        "Values in AvePoint's responses that the exporter could not parse or does not support. If a number is red, "
        "AvePointValuesNotUnderstood fires, and AvePoint may have changed its API. Install a newer version of the "
        "exporter, or report the name of the field to the project.",
        [("A", counted("avepoint_parse_errors_total")), ("B", counted("avepoint_unknown_values_total"))],
        [
            Column("account", "Account"),
            Column("field", "Field"),
            Column("A", "Unreadable", width=130, decimals=0, steps=rising(critical=0.5), cell=COLORED),
            Column("B", "Unknown", width=130, decimals=0, steps=rising(critical=0.5), cell=COLORED),
        ],
        sort="Unreadable",
        empty=UNREAD,
    )


def _accounts() -> table.Panel:
    ratio = "percentunit"
    return rows(
        "Tokens and certificates",
        "The token requests and the certificate of each account. If the number of token failures is red, check "
        "client_id and the secret or the certificate. If the time until the certificate expires is orange or red, "
        "renew the certificate in Entra ID and replace the file.",
        [
            ("A", f"count by (job, account) ({q.account_level('account:avepoint_up:min')})"),
            ("B", _token_failures()),
            ("C", _throttled()),
            ("D", f"{q.min_by_account('avepoint_certificate_expiry_timestamp_seconds')} - time()"),
        ],
        [
            Column("account", "Account"),
            Column("A", "Collectors", width=100),
            Column(
                "B", "Token failures, 1 h", width=155, unit=ratio, decimals=1, steps=rising(warning=TOKENS),
                cell=COLORED,
            ),
            Column(
                "C", "Waiting, 1 h", width=120, unit=ratio, decimals=1, steps=rising(warning=THROTTLED), cell=COLORED
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


def _token_failures() -> str:
    def requests(*matchers: str) -> str:
        counter = q.raw("avepoint_token_requests_total", q.ACCOUNT, *matchers)
        return f"sum by (job, account) (increase({counter}[1h]))"

    return f"({requests(_FAILED)} or 0 * {requests()}) / ({requests()} > 0)"
