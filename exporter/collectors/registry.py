"""The list of collectors. To add a collector, create a module and add its class to `COLLECTORS`."""

from collections.abc import Mapping
from typing import Any, Final

from exporter.collectors.base import Collector, Family
from exporter.collectors.partner.app_consent import AppConsentCollector
from exporter.collectors.partner.customer_jobs import CustomerJobsCollector
from exporter.collectors.partner.customers import CustomersCollector
from exporter.collectors.partner.microsoft_seats import MicrosoftSeatsCollector
from exporter.collectors.partner.protected_data import ProtectedDataCollector
from exporter.collectors.partner.ransomware import RansomwareCollector
from exporter.collectors.partner.scan_profiles import ScanProfilesCollector
from exporter.collectors.partner.subscriptions import SubscriptionsCollector
from exporter.collectors.partner.users import UsersCollector
from exporter.collectors.tenant.backup_frequency import BackupFrequencyCollector
from exporter.collectors.tenant.google_jobs import GoogleJobsCollector
from exporter.collectors.tenant.jobs import JobsCollector
from exporter.collectors.tenant.license import LicenseCollector
from exporter.collectors.tenant.retention import RetentionCollector
from exporter.collectors.tenant.salesforce_jobs import SalesforceJobsCollector
from exporter.collectors.tenant.unusual_activity import UnusualActivityCollector
from exporter.collectors.unread import UNREAD
from exporter.config.schema import CollectorOptions

COLLECTORS: Final[tuple[type[Collector[Any, Any]], ...]] = (
    JobsCollector,
    LicenseCollector,
    UnusualActivityCollector,
    BackupFrequencyCollector,
    RetentionCollector,
    GoogleJobsCollector,
    SalesforceJobsCollector,
    CustomersCollector,
    ProtectedDataCollector,
    SubscriptionsCollector,
    CustomerJobsCollector,
    ScanProfilesCollector,
    UsersCollector,
    AppConsentCollector,
    RansomwareCollector,
    MicrosoftSeatsCollector,
)


def catalogue() -> Mapping[str, Mapping[str, type[CollectorOptions]]]:
    """Return the options class of each collector, keyed by the account type and the collector name."""
    types = dict.fromkeys(collector.account_type for collector in COLLECTORS)
    return {kind: {one.name: one.options_type for one in COLLECTORS if one.account_type == kind} for kind in types}


def families() -> tuple[Family, ...]:
    """Return the exposed families without duplicates, in the order of the collectors."""
    return tuple(family for family in stored_families() if not family.internal)


def stored_families() -> tuple[Family, ...]:
    """Return all families without duplicates, including internal families. Internal families are not exposed."""
    return (*dict.fromkeys(family for collector in COLLECTORS for family in collector.families), UNREAD)
