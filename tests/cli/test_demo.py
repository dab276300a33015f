"""The demo refreshes every collector often, and simulates enough customers for each scenario."""

from avepoint_simulator import AppCredentials
from exporter.cli.demo import _configuration, default_customers
from tests.avepoint_simulator.test_scenarios import START, make, problems


def test_every_collector_refreshes_often_and_slow_ones_less_often() -> None:
    config = _configuration("http://127.0.0.1:1", AppCredentials(), 60.0, "typical")
    intervals = {name: options.interval for one in config.accounts for name, options in one.collectors.items()}
    assert (intervals["jobs"], intervals["protected_data"], intervals["customers"]) == (15, 30, 60)
    assert (intervals["scan_profiles"], intervals["users"]) == (180, 720)
    assert max(intervals.values()) == 720


def test_an_incident_affects_enough_customers_for_one_alert_on_all_of_them() -> None:
    customers = default_customers("incident")
    found = problems(make("incident", customers=customers), START + 600)
    overdue = sum("overdue" in wrong for wrong in found.values())
    assert overdue >= 10  # AvePointManyCustomersAffected fires at this number or above
    assert overdue / customers >= 0.2
