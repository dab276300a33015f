"""promtool evaluates the rules in all scenarios."""

from pathlib import Path

import pytest

from tests.programs import Monitoring
from tests.prometheus.alert_scenarios import ALERT_SCENARIOS
from tests.prometheus.portfolio_scenarios import PORTFOLIO_SCENARIOS, SLOW_PORTFOLIO_SCENARIOS
from tests.prometheus.record_scenarios import RECORD_SCENARIOS
from tests.prometheus.scenario import Scenario, promtool_test


@pytest.mark.parametrize(
    ("scenarios", "interval"),
    [(RECORD_SCENARIOS, "1m"), (PORTFOLIO_SCENARIOS, "1m"), (SLOW_PORTFOLIO_SCENARIOS, "10m")],
    ids=["records", "portfolio", "slow portfolio"],
)
def test_records(scenarios: list[Scenario], interval: str, tmp_path: Path, monitoring: Monitoring) -> None:
    assert promtool_test(monitoring.program("promtool"), tmp_path, scenarios, interval, interval) == ""


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("subject", ALERT_SCENARIOS)
def test_alerts(subject: str, tmp_path: Path, monitoring: Monitoring, soak: bool) -> None:
    evaluation = "1m" if soak else "2m"
    scenarios = ALERT_SCENARIOS[subject]
    assert promtool_test(monitoring.program("promtool"), tmp_path, scenarios, evaluation=evaluation) == ""
