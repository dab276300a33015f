"""An AvePoint look-alike for the demo, the tests and the benchmark; it shares no code with the exporter."""

from __future__ import annotations

from exporter.simulator.calls import FaultOptions
from exporter.simulator.endpoints import ENDPOINTS
from exporter.simulator.faults import FAULTS, Faults
from exporter.simulator.portfolio import GeneratedPortfolio, Portfolio, StaticPortfolio
from exporter.simulator.records import (
    BackupFrequency,
    Customer,
    CustomerJob,
    Job,
    JobError,
    License,
    ProtectedRow,
    Retention,
    ServiceRetention,
    Subscription,
    Tenant,
    UnusualActivity,
    unix_ns,
)
from exporter.simulator.requestlog import RequestRecord
from exporter.simulator.server import SimulatorServer
from exporter.simulator.simulator import Simulator
from exporter.simulator.switches import Switches
from exporter.simulator.tokens import Credentials

__all__ = [
    "ENDPOINTS",
    "FAULTS",
    "BackupFrequency",
    "Credentials",
    "Customer",
    "CustomerJob",
    "FaultOptions",
    "Faults",
    "GeneratedPortfolio",
    "Job",
    "JobError",
    "License",
    "Portfolio",
    "ProtectedRow",
    "RequestRecord",
    "Retention",
    "ServiceRetention",
    "Simulator",
    "SimulatorServer",
    "StaticPortfolio",
    "Subscription",
    "Switches",
    "Tenant",
    "UnusualActivity",
    "unix_ns",
]
