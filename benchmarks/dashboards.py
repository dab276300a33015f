"""Measure the CPU time of the dashboards' queries: `python -m benchmarks.dashboards --customers 5000 --incident`.

Prometheus evaluates the rules, and scrapes a page with twelve workloads per customer. The benchmark opens each panel
three times and uses the lowest CPU time. Range queries cover only the few minutes of collected data, but have as many
points as in Grafana.
"""

import argparse
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.portfolio import SERVICE, WORKLOADS
from benchmarks.rules import WRONG, Prometheus, page, run_prometheus, serve

_DASHBOARDS: Final = sorted((Path(__file__).parent.parent / "grafana" / "dashboards").glob("*.json"))
_POINTS: Final = 720
_ROUNDS: Final = 3


def _more(customers: int) -> Iterator[str]:
    """Yield the series of partner accounts, except jobs and protected data."""
    for number in range(customers):
        of = f'account="msp",customer_id="{number:036}"'
        tenant = f'{of},tenant_id="{number}"'
        yield f'avepoint_customer_status{{{of},status="working"}} 1'
        yield f'avepoint_customer_tenant_info{{{tenant},tenant="t{number}"}} 1'
        yield f"avepoint_app_consent{{{tenant}}} 1"
        yield f'avepoint_scan_profile_status{{{tenant},profile="Default",status="finished"}} 1'
        yield f'avepoint_scan_profile_update_timestamp_seconds{{{tenant},profile="Default"}} 7'
        yield f"avepoint_microsoft_assigned_seats{{{tenant}}} 7"
        for workload in WORKLOADS[:2]:
            yield from (
                f'avepoint_users{{{tenant},workload="{workload}",state="{one}"}} 7'
                for one in ("protected", "unprotected")
            )
            yield f'avepoint_potential_ransomware_sites{{{tenant},workload="{workload}"}} 0'
            yield f'avepoint_unusual_activity_sites{{{tenant},workload="{workload}"}} 0'
        service = f'{of},service_type="{SERVICE}",subscription="1"'
        yield f'avepoint_subscription_info{{{service},package="Basic",retention="1 year"}} 1'
        yield f"avepoint_subscription_expiry_timestamp_seconds{{{service}}} {2_000_000_000 + number}"
        yield from (
            f"avepoint_subscription_{name}{{{service}}} 7"
            for name in (
                "purchased_seats",
                "purchased_capacity_bytes",
                "protected_capacity_bytes",
                "consumed_storage_bytes",
            )
        )


def _all_chosen(expr: str) -> str:
    expr = re.sub(r"\$__(rate_interval|range|interval)\b", "5m", expr)
    return re.sub(r"\$(job|instance|account|customer|workload)\b", ".+", expr)


def _ask(server: Prometheus, target: dict[str, Any], points: int) -> None:
    expr, now = _all_chosen(target["expr"]), time.time()
    if target.get("instant"):
        path = f"query?{urlencode({'query': expr})}"
    else:
        # The range covers only a few minutes, but has as many points as a range of one day in Grafana.
        path = f"query_range?{urlencode({'query': expr, 'start': now - 120, 'end': now, 'step': 120 / points})}"
    with urllib.request.urlopen(f"{server.url}/api/v1/{path}") as response:
        answer = json.load(response)
    if answer["status"] != "success":
        raise ValueError(answer)


def _cost(server: Prometheus, panel: dict[str, Any]) -> float:
    points = min(panel.get("maxDataPoints") or _POINTS, _POINTS)
    costs = []
    for _ in range(_ROUNDS):
        before = server.cpu()
        for target in panel["targets"]:
            _ask(server, target, points)
        costs.append(server.cpu() - before)
    return min(costs)


def measure(customers: int, program: str, warm_up: float, *, incident: bool) -> Iterator[str]:
    """Yield the CPU time of each dashboard and of its five slowest panels. At the end, yield the total CPU time."""
    body = page(customers, *WRONG[incident]) + "\n".join(_more(customers)).encode() + b"\n"
    with ExitStack() as stack:
        target = stack.enter_context(serve(body))
        server = stack.enter_context(run_prometheus(program, target, rules=True))
        time.sleep(warm_up)
        everything = 0.0
        for path in _DASHBOARDS:
            panels = [one for one in json.loads(path.read_text(encoding="utf-8"))["panels"] if one.get("targets")]
            costs = {panel["title"]: _cost(server, panel) for panel in panels}
            everything += sum(costs.values())
            yield f"{path.stem}: {sum(costs.values()):.2f} s"
            yield from (f"  {cost:.2f} s {title}" for title, cost in sorted(costs.items(), key=lambda one: -one[1])[:5])
        yield f"all dashboards at {customers} customers{', incident' if incident else ''}: {everything:.2f} s of CPU"


def main() -> None:
    """Measure one portfolio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument(
        "--incident", action="store_true", help="make the backups of 30 %% of the customers overdue, instead of 5 %%"
    )
    parser.add_argument(
        "--warm-up",
        type=float,
        default=330,
        help="seconds before the measurement (the slowest rules run every 4 minutes)",
    )
    parser.add_argument("--program", default="prometheus")
    options = parser.parse_args()
    for line in measure(options.customers, options.program, options.warm_up, incident=options.incident):
        print(line, flush=True)


if __name__ == "__main__":
    main()
