"""Scenarios of the recording rules for portfolios. Each rule is tested with and without data."""

from collections.abc import Mapping
from typing import Final

from tests.prometheus.record_scenarios import gone, only_value
from tests.prometheus.scenario import Scenario, Series

_SUMS: Final[Mapping[str, tuple[float, Mapping[str, str]]]] = {
    "account:avepoint_protected_data_bytes:sum": (7, {"storage": "byos"}),
    "account_workload:avepoint_protected_data_bytes:sum": (14, {"workload": "Teams", "storage": "byos"}),
    "account_workload:avepoint_scanned_objects:sum": (16, {"workload": "Teams"}),
    "account_workload:avepoint_protected_objects:sum": (12, {"workload": "Teams"}),
    "account:avepoint_license_protected_bytes:max": (30, {}),
}


def _both(name: str, first: int, second: int, **labels: str) -> Series:
    """Return the series of two customers. Two replicas export the first customer."""
    of = "".join(f', {key}="{value}"' for key, value in labels.items())
    text = f'{name}{{{{job="a", instance="{{}}", account="m", customer_id="{{}}"{of}}}}}'
    values = {("i1", "c1"): first, ("i2", "c1"): first, ("i1", "c2"): second}
    return {text.format(*key): f"{value}x20 stale" for key, value in values.items()}


PORTFOLIO_SCENARIOS: Final = [
    Scenario(
        "sums of a portfolio: replicas count once",
        {
            **_both("avepoint_customer_protected_data_bytes", 3, 4, storage="byos"),
            **_both("avepoint_protected_data_bytes", 6, 8, workload="Teams", storage="byos", tenant_id="x"),
            **_both("avepoint_scanned_objects", 7, 9, workload="Teams", tenant_id="x"),
            **_both("avepoint_protected_objects", 5, 7, workload="Teams", tenant_id="x"),
            'avepoint_license_protected_bytes{job="a", instance="i1", account="m"}': "30x20 stale",
        },
        [
            *(only_value(name, value, **labels) for name, (value, labels) in _SUMS.items()),
            *(gone(name) for name in _SUMS),
        ],
    ),
]

_BACKUPS: Final = (
    'avepoint_customer_backups_completed_total{{job="a", instance="{}", account="m", customer_id="{}", result="{}"}}'
)
_DELTA: Final = 'account:avepoint_backups_completed:delta10m{{job="a", account="m", result="{}"}}'

SLOW_PORTFOLIO_SCENARIOS: Final = [
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
