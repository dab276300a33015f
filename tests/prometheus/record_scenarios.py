"""Scenarios of the recording rules: each with data and without."""

from typing import Final

from tests.prometheus.scenario import ALWAYS, Scenario, exporter, overdue, partner, problem, tenant

_GAP: Final = "1x20 stale _x20 1x40"
_NOT_WHOLE: Final = 'job:avepoint_incomplete:bool{job="a"}'
_HELD: Final = (
    'avepoint:problem:held{job="a", account="m", customer_id="c1", problem="backup_overdue", severity="critical", '
    'product="Microsoft 365", workload="Exchange Online"}'
)

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
            (
                "10m",
                "account:avepoint_customers_read:count",
                {'account:avepoint_customers_read:count{job="a", account="m", collector="customer_jobs"}': 2},
            ),
            ("50m", "account:avepoint_customers_read:count", {}),
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
                'account:avepoint_problem_customers:ratio{problem="backup_overdue"}',
                {
                    'account:avepoint_problem_customers:ratio{job="a", account="m", problem="backup_overdue", '
                    'severity="critical"}': 0.25
                },
            ),
            ("30m", 'account:avepoint_problem_customers:ratio{problem="backup_overdue"}', {}),
            (
                "10m",
                "account:avepoint_affected_customers:count",
                {
                    f'account:avepoint_affected_customers:count{{job="a", account="m", severity="{severity}"}}': number
                    for severity, number in (("critical", 1), ("warning", 0), ("info", 0))
                },
            ),
            ("30m", 'account:avepoint_affected_customers:count{account="t"}', {}),
        ],
    ),
]

_BACKUPS: Final = (
    'avepoint_customer_backups_completed_total{{job="a", instance="{}", account="m", customer_id="{}", result="{}"}}'
)
_DELTA: Final = 'account:avepoint_backups_completed:delta10m{{job="a", account="m", result="{}"}}'

SLOW_RECORD_SCENARIOS: Final = [
    Scenario(
        "completed backups are counted once, over replicas, a gap and a restart from zero",
        {
            _BACKUPS.format("i1", "c1", "success"): "10+1x6 stale _x2 20+0x6 2+0x6",
            _BACKUPS.format("i2", "c1", "success"): "10+1x6 stale _x2 20+0x6 2+0x6",
            _BACKUPS.format("i1", "c2", "success"): "0+0x24",
            _BACKUPS.format("i1", "c1", "failure"): "0+1x3 3x20",
        },
        [
            (
                "30m",
                'customer:avepoint_backups_completed:max{customer_id="c2"}',
                {
                    'customer:avepoint_backups_completed:max{job="a", account="m", customer_id="c2", '
                    'result="success"}': 0
                },
            ),
            ("6h", "customer:avepoint_backups_completed:max", {}),
            ("0m", "account:avepoint_backups_completed:delta10m", {}),
            (
                "10m",
                "account:avepoint_backups_completed:delta10m",
                {_DELTA.format("success"): 1, _DELTA.format("failure"): 1},
            ),
            (
                "4h",
                "sum by (result) (sum_over_time(account:avepoint_backups_completed:delta10m[4h]))",
                {'{result="success"}': 12, '{result="failure"}': 3},
            ),
        ],
    ),
]
