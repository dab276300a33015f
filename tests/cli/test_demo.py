"""The configuration of the demo refreshes every collector often."""

from avepoint_simulator import AppCredentials
from exporter.cli.demo import _configuration


def test_every_collector_refreshes_often_and_slow_ones_less_often() -> None:
    config = _configuration("http://127.0.0.1:1", AppCredentials(), 60.0, "typical")
    intervals = {name: options.interval for one in config.accounts for name, options in one.collectors.items()}
    assert (intervals["jobs"], intervals["protected_data"], intervals["customers"]) == (15, 30, 60)
    assert (intervals["scan_profiles"], intervals["users"]) == (180, 720)
    assert max(intervals.values()) == 720
