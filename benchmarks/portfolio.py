"""A simulated AvePoint of any size in a process of its own: `python -m benchmarks.portfolio --customers 5000`."""

import argparse
import signal
import uuid
from collections.abc import Sequence
from random import randrange
from threading import Event

from exporter.simulator import Customer, ProtectedRow, Simulator, SimulatorServer, StaticPortfolio, Switches

WORKLOADS = (
    "Exchange Online", "SharePoint Online", "OneDrive", "Microsoft 365 Groups", "Project Online", "Public Folder",
    "Teams", "Viva Engage", "Teams Chat", "Power BI", "Power Automate", "Power Apps",
)  # fmt: skip
SERVICE = "Cloud Backup for Microsoft 365"


class Uniform(StaticPortfolio):
    """Customers with twelve workloads each; every read brings other numbers."""

    def protected_rows(self, customer_id: str, _now: float, /) -> Sequence[ProtectedRow]:
        return [
            ProtectedRow(
                customer_id=customer_id, owner_email="owner@example.com",
                service_type=SERVICE, service_module=workload,
                scanned_objects=randrange(10**5), protected_objects=randrange(10**5),
                avepoint_bytes=randrange(10**13), byos_bytes=randrange(10**12),
            )
            for workload in WORKLOADS
        ]  # fmt: skip


def _customer(number: int) -> Customer:
    return Customer(id=str(uuid.uuid4()), organization=f"Organization {number}", owner_email="owner@example.com",
                    country="Iceland")  # fmt: skip


def main() -> None:
    """Print the URL, serve until SIGTERM, then print how many calls of the API and for tokens came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--latency", type=float, default=0.15, help="seconds before every answer")
    options = parser.parse_args()
    customers = tuple(map(_customer, range(options.customers)))
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    switches = Switches(latency_seconds=options.latency)
    simulator = Simulator(Uniform(customer_list=customers), switches=switches, log_size=10**6)
    with SimulatorServer(simulator) as server:
        print(server.url, flush=True)
        stop.wait()
    tokens = sum(record.path.endswith("/token") for record in simulator.requests)
    print(len(simulator.requests) - tokens, tokens, simulator.max_in_flight, flush=True)


if __name__ == "__main__":
    main()
