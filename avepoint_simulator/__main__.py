"""Run the simulator in its own process: `python -m avepoint_simulator --customers 100`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from threading import Event

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.scenarios import SCENARIOS
from avepoint_simulator.endpoints import PERMISSIONS
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.switches import Switches


def main(arguments: Sequence[str] | None = None, stop: Event | None = None) -> int:
    """Print the URL, and serve requests until `stop` is set. Without `stop`, stop at SIGTERM or SIGINT. Return 0."""
    options = _parser().parse_args(arguments)
    stopped = stop or _stop_on_signals()
    switches = Switches(
        api_versions=options.api_versions,
        latency_seconds=options.latency,
        latency_jitter_seconds=options.latency_jitter,
        granted_scopes=None if options.granted is None else frozenset(options.granted),
    )
    simulator = Simulator(
        now=time.time,
        seed=options.seed,
        customers=options.customers,
        speed=options.speed,
        scenario=options.scenario,
        switches=switches,
    )
    with SimulatorServer(simulator, port=options.port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m avepoint_simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 selects a free port (default: 0)")
    parser.add_argument(
        "--customers", type=int, default=25, help="number of customers of the partner account (default: 25)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the generated data (default: 1)")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="speed of simulated time, relative to real time (default: 1)"
    )
    parser.add_argument(
        "--scenario", choices=SCENARIOS, default="varied", help="set of problems to simulate (default: varied)"
    )
    parser.add_argument("--latency", type=float, default=0.0, help="delay of each response in seconds")
    parser.add_argument(
        "--latency-jitter", type=float, default=0.0, help="maximum random delay in seconds that is added to --latency"
    )
    parser.add_argument(
        "--api-versions",
        choices=("both", "modern", "legacy"),
        default="both",
        help="API versions that the simulator supports (default: both)",
    )
    parser.add_argument(
        "--granted",
        nargs="+",
        choices=sorted(PERMISSIONS),
        metavar="SCOPE",
        help="permissions of the app (default: all)",
    )
    return parser


def _stop_on_signals() -> Event:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main())
