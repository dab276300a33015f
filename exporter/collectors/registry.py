"""The collectors there are; adding one means its file and its line here."""

from collections.abc import Mapping
from typing import Any, Final

from exporter.collectors.backup_frequency import BackupFrequency
from exporter.collectors.base import Collector, Family
from exporter.collectors.customer_jobs import CustomerJobs
from exporter.collectors.customers import Customers
from exporter.collectors.jobs import Jobs
from exporter.collectors.license import LicenseConsumption
from exporter.collectors.protected_data import ProtectedData
from exporter.collectors.retention import Retention
from exporter.collectors.subscriptions import Subscriptions
from exporter.collectors.unusual_activity import UnusualActivity
from exporter.config import CollectorOptions

COLLECTORS: Final[tuple[type[Collector[Any, Any]], ...]] = (
    Jobs,
    LicenseConsumption,
    UnusualActivity,
    BackupFrequency,
    Retention,
    Customers,
    ProtectedData,
    Subscriptions,
    CustomerJobs,
)


def catalogue() -> Mapping[str, Mapping[str, type[CollectorOptions]]]:
    """Give the options of each collector by account type and name, as the configuration needs them."""
    kinds: dict[str, dict[str, type[CollectorOptions]]] = {}
    for collector in COLLECTORS:
        kinds.setdefault(collector.account_type, {})[collector.name] = collector.options_type
    return kinds


def families() -> tuple[Family, ...]:
    """Give every family once, in the order of the collectors."""
    return tuple(dict.fromkeys(family for collector in COLLECTORS for family in collector.families))
