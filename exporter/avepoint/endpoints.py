"""The endpoints of each API version: paths, permissions, paging and fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeVar
from urllib.parse import quote

from exporter.avepoint.hints import CHANGED
from exporter.config.schema import ApiVersion
from exporter.errors import AnswerError

T = TypeVar("T")
Query = Mapping[str, str | int]
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class Paging(Enum):
    """Defines the query parameters of a list and the JSON format of its pages."""

    NONE = auto()
    """The response is not a list."""
    ELEMENTS = auto()
    """Parameters `pageIndex` (one-based) and `pageSize`.

    A page is {"data", "metadata": {"totalCount"}} or a bare array.
    """
    ODATA = auto()
    """Parameters `$top` and `$skip`, or links.

    A page is {"value", "@odata.nextLink", "@odata.count"}.
    """
    ODATA_LINKS = auto()
    """Like ODATA, but without `$top` and `$skip`."""
    MODERN_JOBS = auto()
    """Parameters `PageIndex` (zero-based or one-based) and `PageSize`, or links.

    A page is {"data", "metadata": {"totalCount", "nextLink"}}.
    """
    LEGACY_JOBS = auto()
    """Like MODERN_JOBS, but a page is {"Jobs", "TotalCount", "NextLink"}."""
    GOOGLE_JOBS = auto()
    """Like MODERN_JOBS, with the parameters `pageIndex` and `pageSize`.

    A page is {"status", "message", "jobs", "nextLink"}, without a total.
    """
    SALESFORCE_JOBS = auto()
    """Like GOOGLE_JOBS, but a page is {"data": {"totalCount", "jobs", "nextLink"}}."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One HTTP method and path of the API.

    `template` is the path with placeholders for ids, and identifies the endpoint in metrics and logs.

    `fields` contains the lower-case names of the fields that collectors read from a row. To save memory, fields that
    are not in `fields` are dropped when a page is decoded. If `fields` is empty, all fields are kept.

    `key` contains the lower-case names of the fields that identify a row. Identical rows with a key count as one row.
    If `key` is empty or the first field in `key` has no value, identical rows on the same page count as separate rows.
    """

    method: str
    template: str
    permission: str
    paging: Paging = Paging.NONE
    fields: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()

    @property
    def is_elements(self) -> bool:
        """Whether the endpoint is part of the Elements API."""
        return self.template.startswith("/partner/external/")

    def path(self, ids: Mapping[str, str]) -> str:
        """Replace each placeholder with an id, and return the path. Each id is encoded as a single path segment."""
        return _PLACEHOLDER.sub(lambda match: _segment(ids[match[1]]), self.template)

    def unexpected(self, what: str) -> AnswerError:
        """Return an error for a response that does not have the documented format. `what` describes the difference."""
        return AnswerError(f"{self.template}: {what}", hint=CHANGED, path=self.template)


@dataclass(frozen=True, slots=True)
class EndpointPair:
    """The two endpoints, one per API version, that return the same data.

    `legacy` is None if only the modern version provides the data.
    """

    modern: Endpoint
    legacy: Endpoint | None = None

    @property
    def versions(self) -> Mapping[ApiVersion, Endpoint]:
        """The endpoints, keyed by API version."""
        return {"modern": self.modern} if self.legacy is None else {"modern": self.modern, "legacy": self.legacy}

    @property
    def permissions(self) -> Mapping[ApiVersion, str]:
        """The required permissions, keyed by API version."""
        return {version: endpoint.permission for version, endpoint in self.versions.items()}


def fields(names: str, **nested: str) -> frozenset[str]:
    """Return lower-case field names for `Endpoint.fields`.

    `nested` contains the fields of nested objects. For example, fields("id", tenants="name") returns "id", "tenants"
    and "tenants.name".
    """
    inner = (f"{outer}.{name}" for outer, parts in nested.items() for name in parts.split())
    return frozenset(name.lower() for name in (*names.split(), *nested, *inner))


def _segment(identifier: str) -> str:
    # Servers remove the path segments "." and "..", so an unencoded id could select a different endpoint.
    return quote(identifier, safe="").replace(".", "%2E") if set(identifier) <= {"."} else quote(identifier, safe="")


_JOB_INFO: Final = "microsoft365backup.jobInfo.read.all"
_SUBSCRIPTION_INFO: Final = "microsoft365backup.subscriptionInfo.read.all"
_SETTINGS: Final = "microsoft365backup.settings.read.all"
ELEMENTS: Final = "/partner/external/v3/general/customers"
_ID: Final = ("id",)
_SUBSCRIPTION_KEY: Final = ("customerid", "products.service", "products.expirationdate")
_CUSTOMER_JOB_KEY: Final = ("jobid", "jobtype", "jobmodule", "name", "tenantid")

_JOB: Final = fields(
    "id state startTime finishTime duration",
    backupDetails="successfulCount failedCount skippedCount warningCount"
    " successfulNumber failedNumber skippedNumber warningNumber",
    jobErrors="isErrorCode value url number",
)
_CUSTOMER: Final = fields("id organization ownerEmail countryOrRegion jobStatus managementMode", tenants="id name")
_SUBSCRIPTION: Final = fields(
    "customerId",
    products="service subscriptionName package subscriptionModel source paymentType storage retention expirationDate"
    " contractEndDate purchasedUserSeats purchasedUnits purchasedCapacity protectedCapacity consumedStorage"
    " microsoftLicenseAssigned microsoftLicenseAvailable",
)
_PROTECTED: Final = fields(
    "customerId tenantId serviceType serviceModule totalScannedObjects totalProtectedObjects"
    " dataSizeStoredInAvePoint dataSizeStoredInBYOS lastRunTime"
)
_CUSTOMER_JOB: Final = fields(
    "customerId tenantId jobType jobModule status jobId name startTime endTime jobDuration lastModifyTime backupSize"
    " successfulCount failedCount skippedCount warningCount"
    " successfulNumber failedNumber skippedNumber warningNumber"
)
_GOOGLE_JOB: Final = fields("jobId appType jobType status startTime finishTime")
_SALESFORCE_JOB: Final = fields(
    "jobId type state status startTime finishTime organizationId successfulRecords skippedRecords failedRecords"
)

TENANT_JOBS: Final = EndpointPair(
    Endpoint("GET", "/backup/m365/cloudbackupjobs", _JOB_INFO, Paging.MODERN_JOBS, _JOB, _ID),
    Endpoint("GET", "/cloudbackup/jobs", _JOB_INFO, Paging.LEGACY_JOBS, _JOB, _ID),
)
LICENSE: Final = EndpointPair(
    Endpoint("GET", "/backup/m365/cloudbackuplicenseconsumption", _SUBSCRIPTION_INFO),
    Endpoint("GET", "/cloudbackup/licenseconsumption", _SUBSCRIPTION_INFO),
)
UNUSUAL_ACTIVITY: Final = EndpointPair(
    Endpoint("GET", "/backup/m365/cloudbackupunusualactivitydata", "microsoft365backup.unusualActivity.read.all"),
)
BACKUP_FREQUENCY: Final = EndpointPair(Endpoint("GET", "/backup/m365/settings/backup/frequency", _SETTINGS))
RETENTION: Final = EndpointPair(Endpoint("GET", "/backup/m365/settings/retention-policy", _SETTINGS))
GOOGLE_JOBS: Final = EndpointPair(
    Endpoint(
        "GET",
        "/backup/google/admin/jobs",
        "gsuite.graph.read.all",
        Paging.GOOGLE_JOBS,
        _GOOGLE_JOB,
        ("jobid", "apptype", "jobtype"),
    )
)
SALESFORCE_JOBS: Final = EndpointPair(
    Endpoint(
        "GET",
        "/backup/sfbapi/jobs",
        "salesforce.public.read.all",
        Paging.SALESFORCE_JOBS,
        _SALESFORCE_JOB,
        ("jobid", "type"),
    )
)

CUSTOMERS: Final = EndpointPair(
    Endpoint("POST", f"{ELEMENTS}/batch", "elements.customers.read.all", Paging.ELEMENTS, _CUSTOMER, _ID),
    Endpoint("GET", "/partner/customers", "partner.customers.read.all", Paging.ODATA, _CUSTOMER, _ID),
)
SUBSCRIPTIONS: Final = EndpointPair(
    Endpoint(
        "POST",
        f"{ELEMENTS}/services/batch",
        "elements.license.read.all",
        Paging.ELEMENTS,
        _SUBSCRIPTION,
        _SUBSCRIPTION_KEY,
    ),
    Endpoint("GET", "/partner/services", "partner.license.read.all", Paging.ODATA, _SUBSCRIPTION, _SUBSCRIPTION_KEY),
)
PROTECTED_DATA: Final = EndpointPair(
    Endpoint(
        "GET",
        f"{ELEMENTS}/{{customerId}}/cloud-backup-m365/overview",
        "elements.cbprotected.read.all",
        Paging.ELEMENTS,
        _PROTECTED,
    ),
    Endpoint(
        "GET", "/partner/customers/{id}/protected", "partner.cbprotected.read.all", Paging.ODATA_LINKS, _PROTECTED
    ),
)
CUSTOMER_JOBS: Final = EndpointPair(
    Endpoint(
        "POST",
        f"{ELEMENTS}/{{customerId}}/avpt-products/jobs/batch",
        "elements.jobs.read.all",
        Paging.ELEMENTS,
        _CUSTOMER_JOB,
        _CUSTOMER_JOB_KEY,
    ),
    Endpoint(
        "GET",
        "/partner/customers/{id}/jobs",
        "partner.jobs.read.all",
        Paging.ODATA_LINKS,
        _CUSTOMER_JOB,
        _CUSTOMER_JOB_KEY,
    ),
)
