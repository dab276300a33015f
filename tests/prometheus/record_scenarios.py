"""Scenarios of the recording rules for the exporter and for problems. Each rule is tested with and without data."""

from typing import Final

from tests.prometheus.scenario import ALWAYS, Expected, Scenario, exporter, overdue, partner, problem, tenant

_GAP: Final = "1x20 stale _x20 1x40"
_NOT_WHOLE: Final = 'job:avepoint_incomplete:bool{job="a"}'
_HELD: Final = (
    'avepoint:problem:held{job="a", account="m", customer_id="c1", problem="backup_overdue", severity="critical", '
    'product="Microsoft 365", workload="Exchange Online"}'
)

_START: Final = (
    'avepoint_problem_start_timestamp_seconds{job="a", instance="i1", account="m", customer_id="c1", '
    'problem="backup_overdue", severity="critical", product="Microsoft 365", workload="Exchange Online"}'
)


def only_value(record: str, value: float, **labels: str) -> tuple[str, str, Expected]:
    """Return a check that a recorded metric has one series ten minutes after the start."""
    text = ", ".join(f'{name}="{value}"' for name, value in {"job": "a", "account": "m", **labels}.items())
    return "10m", record, {f"{record}{{{text}}}": value}


def gone(record: str) -> tuple[str, str, Expected]:
    return "90m", record, {}


_DURATION: Final = "avepoint_collector_duration_seconds"
_ATTEMPT: Final = "avepoint_collector_last_attempt_timestamp_seconds"
_SUCCESS: Final = "avepoint_collector_last_success_timestamp_seconds"

RECORD_SCENARIOS: Final = [
    Scenario(
        "what an exporter with a tenant and a partner account reports",
        {
            **exporter("1x20 stale _x60"),
            **tenant("1x20 stale _x60"),
            **partner("1x20 stale _x60", customers=("c1", "c2")),
            'avepoint_customer_up{job="a", instance="i1", account="m", customer_id="c2", collector="customer_jobs"}': (
                "0x20 stale _x60"
            ),
            'avepoint_customer_info{job="a", instance="i2", account="m", customer_id="c1", organization="Other"}': (
                "1x20 stale _x60"
            ),
        },
        [
            ("10m", "job:avepoint_exporters:count", {'job:avepoint_exporters:count{job="a"}': 1}),
            ("50m", "job:avepoint_exporters:count", {}),
            ("50m", "job:avepoint_exporter:seen", {'job:avepoint_exporter:seen{job="a"}': 1}),
            ("0m", 'job:avepoint_exporter:seen{job="b"}', {}),
            (
                "10m",
                "customer:avepoint_read:bool",
                {
                    'customer:avepoint_read:bool{job="a", account="m", customer_id="c1"}': 1,
                    'customer:avepoint_read:bool{job="a", account="m", customer_id="c2"}': 1,
                    'customer:avepoint_read:bool{job="a", account="m"}': 1,
                    'customer:avepoint_read:bool{job="a", account="t"}': 1,
                },
            ),
            ("50m", "customer:avepoint_read:bool", {}),
            (
                "10m",
                "customer:avepoint_customer_unreadable:bool",
                {
                    'customer:avepoint_customer_unreadable:bool{job="a", account="m", customer_id="c2", '
                    'collector="customer_jobs"}': 1
                },
            ),
            ("50m", "customer:avepoint_customer_unreadable:bool", {}),
        ],
    ),
    Scenario(
        "a job is incomplete while its target is down",
        {**exporter(_GAP), **partner(_GAP), **overdue(_GAP)},
        [
            ("10m", "job:avepoint_incomplete:bool", {}),
            ("30m", "job:avepoint_incomplete:bool", {_NOT_WHOLE: 1}),
            ("45m", "job:avepoint_incomplete:bool", {}),
            ("10m", "avepoint:problem:held", {_HELD: 1}),
            ("40m", "avepoint:problem:held", {_HELD: 1}),
        ],
    ),
    Scenario(
        "a target of another program in the job is no exporter",
        {**exporter(), **tenant(), 'up{job="a", instance="x"}': ALWAYS, 'up{job="a", instance="y"}': "0x5000"},
        [("30m", "job:avepoint_incomplete:bool", {})],
    ),
    Scenario(
        "a job is incomplete while a shard is missing",
        {
            **exporter(),
            **partner(),
            'avepoint_exporter_total_shards{job="a", instance="i1"}': "2x5000",
            'up{job="a", instance="i2"}': "1x20 stale",
            'avepoint_exporter_build_info{job="a", instance="i2"}': "1x20 stale",
            'avepoint_exporter_shard{job="a", instance="i2"}': "1x20 stale",
        },
        [("10m", "job:avepoint_incomplete:bool", {}), ("30m", "job:avepoint_incomplete:bool", {_NOT_WHOLE: 1})],
    ),
    Scenario(
        "a job is incomplete if an account is gone together with its exporter, and in the first hour of an exporter",
        {
            **exporter(),
            **exporter("1x20 stale", instance="i2"),
            'up{job="a", instance="i2"}': "1x20 stale",
            **tenant(),
            **partner("1x20 stale", instance="i2"),
            **exporter(job="b"),
            **tenant(job="b"),
            'process_start_time_seconds{job="b", instance="i1"}': "0x5000",
        },
        [
            ("10m", 'job:avepoint_incomplete:bool{job="a"}', {}),
            ("40m", 'job:avepoint_incomplete:bool{job="a"}', {_NOT_WHOLE: 1}),
            ("59m", 'job:avepoint_incomplete:bool{job="b"}', {'job:avepoint_incomplete:bool{job="b"}': 1}),
            ("61m", 'job:avepoint_incomplete:bool{job="b"}', {}),
        ],
    ),
    Scenario(
        "problems, by name and by number of customers",
        {
            **exporter(),
            **partner(customers=("c1", "c2", "c3", "c4")),
            **overdue("1x20 stale"),
            **overdue("1x20 stale", instance="i2"),
            **overdue("1x20 stale", geo_location="EUR"),
            **problem(ALWAYS, "success_unknown", "info", customer_id="c3"),
            _START: "1700000000x20 stale",
            'avepoint_customer_up{job="a", instance="i1", account="m", customer_id="c4", collector="customer_jobs"}': (
                "0x20 stale"
            ),
            **tenant("0x20 stale"),
            **tenant("1x20 stale", account="u"),
        },
        [
            ("10m", 'avepoint:problem:held{problem="backup_overdue", geo_location=""}', {_HELD: 1}),
            ("30m", 'avepoint:problem:held{problem="backup_overdue"}', {}),
            (
                "10m",
                'avepoint:problem:named{problem="backup_overdue", geo_location=""}',
                {_HELD.replace("held{", 'named{organization="Org c1", '): 1},
            ),
            ("30m", 'avepoint:problem:named{problem="backup_overdue"}', {}),
            (
                "10m",
                'account:avepoint_problem_customers:count{problem="backup_overdue"}',
                {
                    'account:avepoint_problem_customers:count{job="a", account="m", problem="backup_overdue", '
                    'severity="critical"}': 1
                },
            ),
            ("30m", 'account:avepoint_problem_customers:count{problem="backup_overdue"}', {}),
            (
                "10m",
                "customer:avepoint_health:order",
                {
                    'customer:avepoint_health:order{job="a", account="m", customer_id="c1"}': 4e11 - 1_700_000_000,
                    'customer:avepoint_health:order{job="a", account="m", customer_id="c2"}': 0,
                    'customer:avepoint_health:order{job="a", account="m", customer_id="c3"}': 1e11,
                    'customer:avepoint_health:order{job="a", account="m", customer_id="c4"}': 1e10,
                    'customer:avepoint_health:order{job="a", account="t"}': 1e10,
                    'customer:avepoint_health:order{job="a", account="u"}': 0,
                },
            ),
            ("30m", 'customer:avepoint_health:order{account!="m"}', {}),
            (
                "10m",
                'account:avepoint_problem_customers:ratio{problem="backup_overdue"}',
                {
                    'account:avepoint_problem_customers:ratio{job="a", account="m", problem="backup_overdue", '
                    'severity="critical"}': 0.25
                },
            ),
            ("30m", 'account:avepoint_problem_customers:ratio{problem="backup_overdue"}', {}),
        ],
    ),
    Scenario(
        "collectors and customers of an account",
        {
            **partner("1x20 stale", customers=("c1", "c2")),
            'avepoint_customer_up{job="a", instance="i1", account="m", customer_id="c2", collector="customer_jobs"}': (
                "0x20 stale"
            ),
            'avepoint_up{job="a", instance="i2", account="m", collector="customer_jobs"}': "0x20 stale",
            f'{_SUCCESS}{{job="a", instance="i1", account="m", collector="customers"}}': "-400x20 stale",
            f'{_DURATION}{{job="a", instance="i1", account="m", collector="customers"}}': "1x20 stale",
            f'{_ATTEMPT}{{job="a", instance="i1", account="m", collector="hangs"}}': "60x20 stale",
            f'{_ATTEMPT}{{job="a", instance="i1", account="m", collector="off"}}': "60x20 stale",
            f'{_DURATION}{{job="a", instance="i1", account="m", collector="off"}}': "1x20 stale",
        },
        [
            (
                "10m",
                'account:avepoint_up:min{collector="customer_jobs"}',
                {'account:avepoint_up:min{job="a", account="m", collector="customer_jobs"}': 0},
            ),
            gone("account:avepoint_up:min"),
            (
                "10m",
                "account:avepoint_data_age_seconds:max",
                {
                    'account:avepoint_data_age_seconds:max{job="a", account="m", collector="customers"}': 1000,
                    'account:avepoint_data_age_seconds:max{job="a", account="m", collector="hangs"}': 540,
                },
            ),
            gone("account:avepoint_data_age_seconds:max"),
            (
                "10m",
                "account:avepoint_customers_unreadable:count",
                {
                    'account:avepoint_customers_unreadable:count{job="a", account="m", collector="customer_jobs"}': 1,
                    'account:avepoint_customers_unreadable:count{job="a", account="m", collector="customers"}': 0,
                },
            ),
            gone("account:avepoint_customers_unreadable:count"),
            (
                "10m",
                'customer:avepoint_customer_info:last{customer_id="c1"}',
                {
                    'customer:avepoint_customer_info:last{job="a", account="m", customer_id="c1", '
                    'organization="Org c1"}': 1
                },
            ),
            gone("customer:avepoint_customer_info:last"),
        ],
    ),
    Scenario(
        "the number of customers: of a list, of an empty list, without a list, of a tenant, of nothing",
        {
            **partner("1x20 stale", customers=("c1", "c2")),
            **partner("1x20 stale", customers=(), account="empty"),
            **tenant("1x20 stale"),
            'avepoint_up{job="a", instance="i1", account="down", collector="customers"}': "0x20 stale",
            'avepoint_customer_up{job="a", instance="i1", account="down", customer_id="x", collector="jobs"}': (
                "1x20 stale"
            ),
        },
        [
            (
                "10m",
                "account:avepoint_customers:count",
                {
                    'account:avepoint_customers:count{job="a", account="m"}': 2,
                    'account:avepoint_customers:count{job="a", account="empty"}': 0,
                    'account:avepoint_customers:count{job="a", account="down"}': 1,
                    'account:avepoint_customers:count{job="a", account="t"}': 1,
                },
            ),
            ("10m", 'account:avepoint_customers:count{account="other"}', {}),
        ],
    ),
]
