"""All scenarios for promtool, keyed by alert."""

from typing import Final

from tests.prometheus.exporter_scenarios import EXPORTER_SCENARIOS
from tests.prometheus.operation_scenarios import OPERATION_SCENARIOS
from tests.prometheus.problem_scenarios import PORTFOLIO_SCENARIOS, PROBLEM_SCENARIOS
from tests.prometheus.reading_scenarios import READING_SCENARIOS

ALERT_SCENARIOS: Final = {
    "problems": PROBLEM_SCENARIOS,
    "portfolio": PORTFOLIO_SCENARIOS,
    "reading": READING_SCENARIOS,
    "exporters": EXPORTER_SCENARIOS,
    "operation": OPERATION_SCENARIOS,
}
