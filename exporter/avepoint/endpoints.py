"""The endpoints that the exporter reads, with their paths, permissions, paging and fields, per API version.

`ApiVersions` selects the version of an account.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Literal, TypeVar
from urllib.parse import quote

from exporter.avepoint.hints import CHANGED
from exporter.config.schema import ApiVersion
from exporter.errors import AnswerError, AvePointError, NotFoundError, NotOfferedError, TokenError

T = TypeVar("T")
Query = Mapping[str, str | int]
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class Paging(Enum):
    """How the pages of a list are requested and what a page looks like."""

    NONE = auto()
    """The response is not a list."""
    ELEMENTS = auto()
    """`pageIndex` from 1, `pageSize`; {"data", "metadata": {"totalCount"}}, or a bare array."""
    ODATA = auto()
    """`$top` and `$skip`, or links; {"value", "@odata.nextLink", "@odata.count"}."""
    ODATA_LINKS = auto()
    """Like ODATA, but with links only."""
    MODERN_JOBS = auto()
    """`PageIndex` from 0 or 1, `PageSize`, or links; {"data", "metadata": {"totalCount", "nextLink"}}."""
    LEGACY_JOBS = auto()
    """Like MODERN_JOBS, but with {"Jobs", "TotalCount", "NextLink"}."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the API. `template` is its path with placeholders for ids, and its name in metrics and logs.

    `fields` are the lower-case names of the fields of a row that collectors read. All other fields are dropped as soon
    as a page is decoded, because rows may be large. If the set is empty, all fields are kept.
    """

    method: str
    template: str
    permission: str
    paging: Paging = Paging.NONE
    fields: frozenset[str] = frozenset()

    def path(self, ids: Mapping[str, str]) -> str:
        """Return the path with the ids, each encoded as a single path segment."""
        return _PLACEHOLDER.sub(lambda match: _segment(ids[match[1]]), self.template)

    def unexpected(self, what: str) -> AnswerError:
        """Return the error for a response that is not as documented."""
        return AnswerError(f"{self.template}: {what}", hint=CHANGED, endpoint=self.template)


@dataclass(frozen=True, slots=True)
class EndpointPair:
    """The endpoints for the same data in each API version; `legacy` is None if only the modern version has the data."""

    modern: Endpoint
    legacy: Endpoint | None = None

    @property
    def versions(self) -> Mapping[ApiVersion, Endpoint]:
        """The endpoints by API version."""
        return {"modern": self.modern} if self.legacy is None else {"modern": self.modern, "legacy": self.legacy}

    @property
    def permissions(self) -> Mapping[ApiVersion, str]:
        """The permissions by API version."""
        return {version: endpoint.permission for version, endpoint in self.versions.items()}


class ApiVersions:
    """Selects the API version that responds, the modern one first.

    A 404 or a missing permission means that a version is not available to the account, because each version has its
    own permissions. Until the next `begin`, only the version that responded is requested, so that a 404 for one
    customer does not cause a second request. Not every endpoint exists in both versions.
    """

    def __init__(self, api: Literal["auto", "modern", "legacy"]) -> None:
        self._configured: ApiVersion | None = None if api == "auto" else api
        self._answered: ApiVersion | None = None
        self._is_certain = False

    @property
    def allowed(self) -> tuple[ApiVersion, ...]:
        """The versions that may be requested, the preferred one first."""
        return ("modern", "legacy") if self._configured is None else (self._configured,)

    @property
    def answered(self) -> ApiVersion | None:
        """The version that responded last."""
        return self._answered

    def first(self, offered: Collection[ApiVersion]) -> ApiVersion:
        """Return the version to request first. Raise NotOfferedError if the configured version is not in `offered`."""
        return self._order(offered)[0]

    def begin(self) -> None:
        """Begin a refresh, which may select a different version than the last one."""
        self._is_certain = False

    async def ask(self, readers: Mapping[ApiVersion, Callable[[], Awaitable[T]]]) -> T:
        """Return the result of the first version that exists. Raise the first error if none exists.

        Raise NotOfferedError without a request if `readers` lacks the configured version.
        """
        failure: AvePointError | None = None
        for api_version in self._order(readers):
            try:
                result = await readers[api_version]()
            except NotFoundError as error:
                failure = failure or error
            except TokenError as error:
                if error.reason != "invalid_scope":
                    raise
                failure = failure or error
            else:
                # The first response selects the version, even if a customer exists only in the other version.
                if not self._is_certain:
                    self._answered, self._is_certain = api_version, True
                return result
        raise failure or AssertionError("no version was requested")

    def _order(self, offered: Collection[ApiVersion]) -> tuple[ApiVersion, ...]:
        if self._configured is not None:
            if self._configured not in offered:
                raise NotOfferedError(f"the {self._configured} endpoints do not provide this data")
            return self.allowed
        first = self._answered or "modern"
        if self._is_certain:
            return (first,)
        both: tuple[ApiVersion, ...] = (first, "legacy" if first == "modern" else "modern")
        return tuple(api_version for api_version in both if api_version in offered)


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.lower().split())


def _segment(identifier: str) -> str:
    # A dot segment would lead out of the endpoint's path.
    return quote(identifier, safe="").replace(".", "%2E") if set(identifier) <= {"."} else quote(identifier, safe="")


_JOB_INFO: Final = "microsoft365backup.jobInfo.read.all"
_SUBSCRIPTION_INFO: Final = "microsoft365backup.subscriptionInfo.read.all"
_SETTINGS: Final = "microsoft365backup.settings.read.all"
_ELEMENTS: Final = "/partner/external/v3/general/customers"

_JOB: Final = _fields("id state startTime finishTime duration backupDetails jobErrors")
_CUSTOMER: Final = _fields("id organization ownerEmail countryOrRegion jobStatus tenants")
_SUBSCRIPTION: Final = _fields("customerId products")
_PROTECTED: Final = _fields(
    "customerId tenantId serviceType serviceModule totalScannedObjects totalProtectedObjects"
    " dataSizeStoredInAvePoint dataSizeStoredInBYOS lastRunTime"
)
_CUSTOMER_JOB: Final = _fields(
    "customerId tenantId jobType jobModule status jobId name startTime endTime jobDuration lastModifyTime backupSize"
    " successfulCount failedCount skippedCount warningCount"
    " successfulNumber failedNumber skippedNumber warningNumber"
)

TENANT_JOBS: Final = EndpointPair(
    Endpoint("GET", "/backup/m365/cloudbackupjobs", _JOB_INFO, Paging.MODERN_JOBS, _JOB),
    Endpoint("GET", "/cloudbackup/jobs", _JOB_INFO, Paging.LEGACY_JOBS, _JOB),
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

CUSTOMERS: Final = EndpointPair(
    Endpoint("POST", f"{_ELEMENTS}/batch", "elements.customers.read.all", Paging.ELEMENTS, _CUSTOMER),
    Endpoint("GET", "/partner/customers", "partner.customers.read.all", Paging.ODATA, _CUSTOMER),
)
SUBSCRIPTIONS: Final = EndpointPair(
    Endpoint("POST", f"{_ELEMENTS}/services/batch", "elements.license.read.all", Paging.ELEMENTS, _SUBSCRIPTION),
    Endpoint("GET", "/partner/services", "partner.license.read.all", Paging.ODATA, _SUBSCRIPTION),
)
PROTECTED_DATA: Final = EndpointPair(
    Endpoint(
        "GET",
        f"{_ELEMENTS}/{{customerId}}/cloud-backup-m365/overview",
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
        f"{_ELEMENTS}/{{customerId}}/avpt-products/jobs/batch",
        "elements.jobs.read.all",
        Paging.ELEMENTS,
        _CUSTOMER_JOB,
    ),
    Endpoint("GET", "/partner/customers/{id}/jobs", "partner.jobs.read.all", Paging.ODATA_LINKS, _CUSTOMER_JOB),
)
