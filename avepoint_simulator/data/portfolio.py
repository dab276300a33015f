"""The data that endpoints return, either generated from a seed or set by a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from avepoint_simulator.data import tenant_settings
from avepoint_simulator.data.customer_schedule import CustomerSchedule
from avepoint_simulator.data.customers import CustomerBook
from avepoint_simulator.data.product_schedule import ProductSchedule
from avepoint_simulator.data.records import (
    ActivityRecord,
    CustomerJob,
    CustomerRecord,
    FrequencyRecord,
    GoogleJob,
    JobRecord,
    LicenseRecord,
    ProtectedRow,
    RetentionRecord,
    SalesforceJob,
    SubscriptionRecord,
    TenantDetails,
    unix_ns,
)
from avepoint_simulator.data.scenarios import Scenario
from avepoint_simulator.data.subscriptions import subscriptions_of
from avepoint_simulator.data.tenant_details import details_of
from avepoint_simulator.data.tenant_schedule import JobSchedule
from avepoint_simulator.data.timeline import DAY, Timeline

_ProductJob = TypeVar("_ProductJob", GoogleJob, SalesforceJob)
_OfCustomer = TypeVar("_OfCustomer", ProtectedRow, CustomerJob, TenantDetails)
_PURCHASED_SEATS: Final = 1_200
_OVER_LICENSED_DAYS: Final = 5
_PURCHASED_GB: Final = 30_720
_PROTECTED_GB: Final = 21_874


class Portfolio(Protocol):
    """The data that endpoints return. `now` is a Unix time."""

    def customers(self, now: float, /) -> Sequence[CustomerRecord]:
        """Return all customers of the partner."""

    def protected_rows(self, customer_id: str, now: float, /) -> Sequence[ProtectedRow] | None:
        """Return a customer's protected data, or None if the customer is unknown."""

    def subscriptions(self, customer_id: str, now: float, /) -> Sequence[SubscriptionRecord]:
        """Return the subscriptions of a customer."""

    def customer_jobs(self, customer_id: str, now: float, /) -> Sequence[CustomerJob] | None:
        """Return a customer's jobs, newest first, or None if the customer is unknown."""

    def tenant_details(self, customer_id: str, now: float, /) -> Sequence[TenantDetails] | None:
        """Return the details of a customer's Microsoft 365 tenants, or None if the customer is unknown."""

    def jobs(self, now: float, /) -> Sequence[JobRecord]:
        """Return the tenant's jobs, newest first."""

    def license(self, now: float, /) -> LicenseRecord | None:
        """Return the tenant's license, or None if the product is not licensed."""

    def unusual_activities(self, now: float, /) -> Sequence[ActivityRecord] | None:
        """Return the unusual activities, or None if the product is not licensed."""

    def backup_frequencies(self, now: float, /) -> Sequence[FrequencyRecord] | None:
        """Return the number of backups per day for each workload, or None if the product is not licensed."""

    def retentions(self, now: float, /) -> Sequence[RetentionRecord] | None:
        """Return the retention policies, central location first, or None if the product is not licensed."""

    def google_jobs(self, now: float, /) -> Sequence[GoogleJob] | None:
        """Return the Google Workspace jobs, newest first, or None if the product is not licensed."""

    def salesforce_jobs(self, now: float, /) -> Sequence[SalesforceJob] | None:
        """Return the Salesforce jobs, newest first, or None if the product is not licensed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPortfolio:
    """A portfolio that never changes. The simulator returns the lists in their original order."""

    customer_list: tuple[CustomerRecord, ...] = ()
    rows: tuple[ProtectedRow, ...] = ()
    subscription_list: tuple[SubscriptionRecord, ...] = ()
    customer_job_list: tuple[CustomerJob, ...] = ()
    tenant_list: tuple[TenantDetails, ...] = ()
    job_list: tuple[JobRecord, ...] = ()
    license_record: LicenseRecord | None = None
    activity_list: tuple[ActivityRecord, ...] | None = None
    frequency_list: tuple[FrequencyRecord, ...] | None = None
    retention_list: tuple[RetentionRecord, ...] | None = None
    google_job_list: tuple[GoogleJob, ...] | None = None
    salesforce_job_list: tuple[SalesforceJob, ...] | None = None

    def customers(self, _now: float, /) -> Sequence[CustomerRecord]:
        """Return the customers."""
        return self.customer_list

    def protected_rows(self, customer_id: str, _now: float, /) -> Sequence[ProtectedRow] | None:
        """Return the protected data of a customer."""
        return self._of_customer(self.rows, customer_id)

    def customer_jobs(self, customer_id: str, _now: float, /) -> Sequence[CustomerJob] | None:
        """Return the jobs of a customer."""
        return self._of_customer(self.customer_job_list, customer_id)

    def tenant_details(self, customer_id: str, _now: float, /) -> Sequence[TenantDetails] | None:
        """Return the details of a customer's Microsoft 365 tenants."""
        return self._of_customer(self.tenant_list, customer_id)

    def _of_customer(self, records: Sequence[_OfCustomer], customer_id: str) -> Sequence[_OfCustomer] | None:
        if not any(customer.id == customer_id for customer in self.customer_list):
            return None
        return [record for record in records if record.customer_id == customer_id]

    def subscriptions(self, customer_id: str, _now: float, /) -> Sequence[SubscriptionRecord]:
        """Return the subscriptions of a customer."""
        return [one for one in self.subscription_list if one.customer_id == customer_id]

    def jobs(self, _now: float, /) -> Sequence[JobRecord]:
        """Return the jobs, newest first."""
        return sorted(self.job_list, key=lambda job: job.start_unix_ns, reverse=True)

    def license(self, _now: float, /) -> LicenseRecord | None:
        """Return the license."""
        return self.license_record

    def unusual_activities(self, _now: float, /) -> Sequence[ActivityRecord] | None:
        """Return the unusual activities."""
        return self.activity_list

    def backup_frequencies(self, _now: float, /) -> Sequence[FrequencyRecord] | None:
        """Return the number of backups per day for each workload."""
        return self.frequency_list

    def retentions(self, _now: float, /) -> Sequence[RetentionRecord] | None:
        """Return the retention policies."""
        return self.retention_list

    def google_jobs(self, _now: float, /) -> Sequence[GoogleJob] | None:
        """Return the Google Workspace jobs, newest first."""
        return _newest_first(self.google_job_list)

    def salesforce_jobs(self, _now: float, /) -> Sequence[SalesforceJob] | None:
        """Return the Salesforce jobs, newest first."""
        return _newest_first(self.salesforce_job_list)


def _newest_first(jobs: Sequence[_ProductJob] | None) -> Sequence[_ProductJob] | None:
    return None if jobs is None else sorted(jobs, key=lambda job: job.start_unix_ns, reverse=True)


class GeneratedPortfolio:
    """A portfolio that is generated from the constructor's arguments and the time of the request."""

    def __init__(
        self, *, seed: int, customers: int, start: float, speed: float = 1.0, scenario: Scenario = "varied"
    ) -> None:
        self._seed = seed
        self._scenario = scenario
        self._timeline = Timeline(start, speed)
        self._book = CustomerBook(seed, customers, self._timeline, scenario)
        self._schedule = JobSchedule(seed, self._timeline, scenario)
        self._activities = tenant_settings.unusual_activities(seed, start, scenario)
        self._customer_schedule = CustomerSchedule(seed, self._timeline, scenario)
        self._products = ProductSchedule(seed, self._timeline, scenario)

    def customers(self, now: float, /) -> Sequence[CustomerRecord]:
        """Return all customers. Each customer has its job status at `now`."""
        return self._book.customers(now)

    def protected_rows(self, customer_id: str, now: float, /) -> Sequence[ProtectedRow] | None:
        """Return a customer's protected data as of the last scan before `now`."""
        return self._book.protected_rows(customer_id, now)

    def subscriptions(self, customer_id: str, now: float, /) -> Sequence[SubscriptionRecord]:
        """Return the subscriptions of a customer, with the consumption at `now`."""
        number = self._book.number(customer_id)
        if number is None:
            return ()
        return subscriptions_of(self._seed, number, customer_id, self._timeline, now, self._scenario)

    def customer_jobs(self, customer_id: str, now: float, /) -> Sequence[CustomerJob] | None:
        """Return a customer's jobs from the past 24 hours, and one row for each module without a job."""
        number = self._book.number(customer_id)
        if number is None:
            return None
        return self._customer_schedule.jobs(customer_id, number, self._book.object_types(number), now)

    def tenant_details(self, customer_id: str, now: float, /) -> Sequence[TenantDetails] | None:
        """Return the details of a customer's Microsoft 365 tenants at `now`."""
        number = self._book.number(customer_id)
        if number is None:
            return None
        customer = self._book.customers(now)[number]
        return details_of(self._seed, number, customer, self._timeline, now, self._scenario)

    def jobs(self, now: float, /) -> Sequence[JobRecord]:
        """Return the jobs that started before `now`, newest first."""
        return self._schedule.jobs(now)

    def license(self, now: float, /) -> LicenseRecord | None:
        """Return the license at `now`. In the scenario `varied`, the assigned seats exceed the purchased seats."""
        days = max(self._timeline.schedule_seconds(now) / DAY, -float(_OVER_LICENSED_DAYS))
        if self._scenario != "varied":
            return LicenseRecord(
                purchased_user_seats=_PURCHASED_SEATS,
                assigned_user_seats=min(_PURCHASED_SEATS - 30, _PURCHASED_SEATS - 150 + int(days * 2)),
                purchased_storage_gb=_PURCHASED_GB,
                protected_gb=min(_PROTECTED_GB + int(days * 38), int(_PURCHASED_GB * 0.85)),
            )
        return LicenseRecord(
            purchased_user_seats=_PURCHASED_SEATS,
            assigned_user_seats=_PURCHASED_SEATS + 42 + int(days * 2),
            purchased_storage_gb=_PURCHASED_GB,
            protected_gb=_PROTECTED_GB + int(days * 38),
            out_of_policy_unix_ns=unix_ns(self._timeline.start - _OVER_LICENSED_DAYS * DAY),
        )

    def unusual_activities(self, _now: float, /) -> Sequence[ActivityRecord]:
        """Return the unusual activities. All detection times are before the start of the simulator."""
        return self._activities

    def backup_frequencies(self, now: float, /) -> Sequence[FrequencyRecord]:
        """Return the number and the start times of the backups on the current day."""
        return tenant_settings.backup_frequencies(self._timeline.start, now)

    def retentions(self, _now: float, /) -> Sequence[RetentionRecord]:
        """Return one retention policy for all geo locations."""
        return (tenant_settings.retention(),)

    def google_jobs(self, now: float, /) -> Sequence[GoogleJob]:
        """Return the Google Workspace jobs that started before `now`, newest first."""
        return self._products.google_jobs(now)

    def salesforce_jobs(self, now: float, /) -> Sequence[SalesforceJob]:
        """Return the Salesforce jobs that started before `now`, newest first."""
        return self._products.salesforce_jobs(now)
