"""Create scenarios for promtool. A scenario contains series over time, and expected values of expressions."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

RULES: Final = Path(__file__).parents[2] / "prometheus" / "rules" / "avepoint.rules.yaml"
ALWAYS: Final = "1x5000"
Series = dict[str, str]
Expected = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promtool test. `series` maps each series to its values, one value per interval, in promtool's notation."""

    name: str
    series: Series
    checks: list[tuple[str, str, Expected]]
    alerts: list[tuple[str, str, Mapping[str, str], Mapping[str, str]]] = field(default_factory=list)

    def document(self, interval: str) -> dict[str, Any]:
        """Return the test in promtool's format."""
        return {
            "name": self.name,
            "interval": interval,
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": expression,
                    "eval_time": time,
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
                for time, expression, expected in self.checks
            ],
            "alert_rule_test": [
                {
                    "eval_time": time,
                    "alertname": alert,
                    "exp_alerts": [{"exp_labels": dict(labels), "exp_annotations": dict(annotations)}],
                }
                for time, alert, labels, annotations in self.alerts
            ],
        }


def promtool_test(
    program: str, folder: Path, scenarios: Iterable[Scenario], interval: str = "1m", evaluation: str = "2m"
) -> str:
    """Run promtool on scenarios. Return the errors of promtool. If all scenarios succeed, return "".

    Series have one value per `interval`. Rules are evaluated once per `evaluation`, which determines the duration.
    """
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": evaluation,
        "group_eval_order": [group["name"] for group in groups],
        "tests": [scenario.document(interval) for scenario in scenarios],
    }
    file = folder / "scenarios.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    environment = {**os.environ, "GOGC": "400"}  # Go collects garbage less often, which saves a quarter of the time
    command = [program, "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def firing(time: str, alert: str, number: int = 1, **labels: str) -> tuple[str, str, Expected]:
    """Return a check that `number` alerts match `alert` and fire at `time`."""
    matchers = "".join(f', {name}="{value}"' for name, value in labels.items())
    expression = f'count(ALERTS{{alertname=~"{alert}", alertstate="firing"{matchers}}}) or vector(0)'
    return time, expression, {"{}": float(number)}


def exporter(values: str = ALWAYS, **labels: str) -> Series:
    """Return the series of an unsharded exporter: `up`, and the metrics about the exporter itself."""
    target = _text({"job": "a", "instance": "i1", **labels})
    own = {
        f"avepoint_exporter_build_info{{{target}}}": values,
        f"avepoint_exporter_shard{{{target}}}": values.replace("1x", "0x"),
        f"avepoint_exporter_total_shards{{{target}}}": values,
        f"process_start_time_seconds{{{target}}}": values.replace("1x", "-9999x"),
    }
    return {f"up{{{target}}}": up_of(values), **own}


def up_of(values: str) -> str:
    """Return the values of `up` for an exporter with these sample values. If a value is missing, `up` is 0."""
    return values.replace("stale _x", "0 0x")


def tenant(values: str = ALWAYS, **labels: str) -> Series:
    """Return the series of a tenant account."""
    text = _text({"job": "a", "instance": "i1", "account": "t", **labels})
    return {f'avepoint_up{{{text}, collector="jobs"}}': values}


def partner(values: str = ALWAYS, *, customers: Iterable[str] = ("c1",), **labels: str) -> Series:
    """Return the series of a partner account and of its customers."""
    text = _text({"job": "a", "instance": "i1", "account": "m", **labels})
    series = {f'avepoint_up{{{text}, collector="{name}"}}': values for name in ("customers", "customer_jobs")}
    for customer in customers:
        of = f'{text}, customer_id="{customer}"'
        series[f'avepoint_customer_info{{{of}, organization="Org {customer}"}}'] = values
        series[f'avepoint_customer_up{{{of}, collector="customer_jobs"}}'] = values
    return series


def problem(values: str, name: str, severity: str, **labels: str) -> Series:
    """For a customer of the partner account, return the series of one problem."""
    of = {"job": "a", "instance": "i1", "account": "m", "customer_id": "c1", "problem": name, "severity": severity}
    return {f"avepoint_problem{{{_text({**of, **labels})}}}": values}


def world(values: str = ALWAYS) -> Series:
    """Return the series of an exporter with a partner account of one customer."""
    return {**exporter(values), **partner(values)}


CUSTOMERS: Final = [f"c{number}" for number in range(1, 41)]
EXCHANGE: Final = {"product": "Microsoft 365", "workload": "Exchange Online"}


def overdue(values: str, **labels: str) -> Series:
    """Return the series of the problem `backup_overdue` for Exchange Online."""
    return problem(values, "backup_overdue", "critical", **EXCHANGE, **labels)


def names_of(scenarios: Iterable[Scenario]) -> Iterator[tuple[str, bool]]:
    """Yield each check's expression, and whether the check expects a result."""
    for scenario in scenarios:
        for _, expression, expected in scenario.checks:
            yield expression, bool(expected)


def _text(labels: Mapping[str, str]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in labels.items() if value)
