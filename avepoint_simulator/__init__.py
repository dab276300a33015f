"""A simulator of the AvePoint API for tests, demos and benchmarks of API clients. README.md describes the simulator."""

from __future__ import annotations

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import GeneratedPortfolio, Portfolio, StaticPortfolio
from avepoint_simulator.data.records import (
    ActivityRecord,
    CustomerJob,
    CustomerRecord,
    DetectionRecord,
    FrequencyRecord,
    JobError,
    JobRecord,
    LicenseRecord,
    ProtectedRow,
    RetentionRecord,
    ScanProfileRecord,
    ServiceRetention,
    SubscriptionRecord,
    Tenant,
    TenantDetails,
    UserRecord,
    unix_ns,
)
from avepoint_simulator.data.scenarios import SCENARIOS, Scenario
from avepoint_simulator.endpoints import ENDPOINTS
from avepoint_simulator.faults import FAULTS, Faults
from avepoint_simulator.request_log import RequestRecord
from avepoint_simulator.requests import FaultOptions
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.switches import Switches
from avepoint_simulator.tokens import AppCredentials

__all__ = [
    "ENDPOINTS",
    "FAULTS",
    "SCENARIOS",
    "ActivityRecord",
    "AppCredentials",
    "CustomerJob",
    "CustomerRecord",
    "DetectionRecord",
    "FaultOptions",
    "Faults",
    "FrequencyRecord",
    "GeneratedPortfolio",
    "JobError",
    "JobRecord",
    "LicenseRecord",
    "Portfolio",
    "ProtectedRow",
    "RequestRecord",
    "RetentionRecord",
    "ScanProfileRecord",
    "Scenario",
    "ServiceRetention",
    "Simulator",
    "SimulatorServer",
    "StaticPortfolio",
    "SubscriptionRecord",
    "Switches",
    "Tenant",
    "TenantDetails",
    "UserRecord",
    "unix_ns",
]
