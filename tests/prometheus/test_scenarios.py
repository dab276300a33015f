"""The rules over time, evaluated by promtool."""

from pathlib import Path

import pytest

from tests.programs import Monitoring
from tests.prometheus.record_scenarios import RECORD_SCENARIOS, SLOW_RECORD_SCENARIOS
from tests.prometheus.scenario import Scenario, promtool_test


@pytest.mark.parametrize(
    ("scenarios", "interval"),
    [(RECORD_SCENARIOS, "1m"), (SLOW_RECORD_SCENARIOS, "10m")],
    ids=["records", "slow records"],
)
def test_scenarios(scenarios: list[Scenario], interval: str, tmp_path: Path, monitoring: Monitoring) -> None:
    assert promtool_test(monitoring.program("promtool"), tmp_path, scenarios, interval) == ""
