"""Jobs of each customer: POST …/customers/{customerId}/avpt-products/jobs/batch, or GET /partner/customers/{id}/jobs.

AvePoint may list only the last job of each module. The collector therefore stores the finish times of earlier
successful jobs and the counts of completed jobs.
"""

from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field

from exporter.avepoint.endpoints import CUSTOMER_JOBS
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.values import Ticks, ticks_at
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample
from exporter.collectors.distinct import RowOwners
from exporter.collectors.jobs.counter import (
    COMPLETED_TOTAL,
    CUSTOMER_BACKUPS_TOTAL,
    Totals,
    completed_samples,
    customer_backup_samples,
)
from exporter.collectors.jobs.customer_history import JobHistory
from exporter.collectors.jobs.customer_rows import SortedJobs, sort_rows
from exporter.collectors.jobs.families import (
    LAST_COMPLETED_STATE,
    LAST_DURATION,
    LAST_FINISH,
    LAST_OBJECTS,
    LAST_START,
    LAST_STATE,
    LAST_SUCCESS,
    OLDEST_RUNNING,
    UNSUCCESSFUL,
    JobKind,
    Unsuccessful,
    last_job_samples,
    past_successes,
    unsuccessful_samples,
)
from exporter.collectors.jobs.unreadable import UnreadableRows
from exporter.config.schema import CollectorOptions
from exporter.config.sections import once_each
from exporter.errors import AvePointError

SCAN = Family(
    "avepoint_customer_scan_status",
    "1 for the status of a product's last scan, or for the worst status if there are several tenants; "
    "other statuses are absent; from POST …/avpt-products/jobs/batch or GET /partner/customers/{id}/jobs, "
    "cached between refreshes.",
    ("account", "customer_id", "product", "status"),
    query='count by (account, product) (avepoint_customer_scan_status{status="failed"})',
)
_KEPT_ABSENT: Final = 30 * 86_400.0  # seconds
Product = Literal["Microsoft 365", "Google Workspace", "IaaS + PaaS", "Salesforce", "Dynamics 365"]
PRODUCTS: Final[tuple[Product, ...]] = get_args(Product)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CustomerJobRecords:
    """The listed jobs and the job history of one customer, keyed by product, workload and job type.

    `last_success` contains the finish times of the last successful jobs, in ticks. `completed` counts the completed
    jobs. For `completed_states` and `unsuccessful`, see `JobHistory`.
    """

    listed: SortedJobs
    last_success: Mapping[JobKind, Ticks]
    completed: Totals
    completed_states: Mapping[JobKind, str]
    unsuccessful: Mapping[JobKind, tuple[Unsuccessful, ...]]


class CustomerJobsOptions(CollectorOptions):
    """Options of the collector `customer_jobs`."""

    products: Annotated[tuple[Product, ...], AfterValidator(once_each)] = Field(
        PRODUCTS, min_length=1, description="Products whose jobs are exposed."
    )

    def includes(self, product: str) -> bool:
        """Return whether a product is included. If all known products are configured, include unknown products too."""
        return product in self.products or (product not in PRODUCTS and len(self.products) == len(PRODUCTS))


class CustomerJobsCollector(CustomerCollector[CustomerJobsOptions, CustomerJobRecords]):
    """Collects the jobs of each customer."""

    name = "customer_jobs"
    account_type = "partner"
    optional = True
    endpoints: ClassVar = CUSTOMER_JOBS
    options_type = CustomerJobsOptions
    families = (
        SCAN, LAST_START, LAST_FINISH, LAST_DURATION, LAST_STATE, LAST_OBJECTS, LAST_SUCCESS, OLDEST_RUNNING,
        COMPLETED_TOTAL, CUSTOMER_BACKUPS_TOTAL, LAST_COMPLETED_STATE, UNSUCCESSFUL,
    )  # fmt: skip

    def __init__(self, context: CollectorContext, options: CustomerJobsOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, CUSTOMER_JOBS)
        self._owners = RowOwners(context.customer_list.has_listed)
        self._unreadable = UnreadableRows(context.clock, options.interval)
        self._histories: dict[str, bytes] = {}
        self._absent: dict[str, float] = {}  # monotonic time of removal, keyed by customer id
        self.watch_customers(self._drop_absent)

    def _drop_absent(self, customers: Collection[str]) -> None:
        """Drop the history of each customer that has been absent from the customer list for more than 30 days."""
        now = self._clock.monotonic()
        self._absent = {key: self._absent.get(key, now) for key in self._histories if key not in customers}
        expired = {key for key, since in self._absent.items() if now - since > _KEPT_ABSENT}
        self._histories = {key: packed for key, packed in self._histories.items() if key not in expired}
        self._unreadable.keep_only(customers)

    async def read(self, customer_id: str) -> CustomerJobRecords:
        """Return the jobs of one customer.

        Raise AvePointError if a request fails, or if an unreadable row may hide a job.
        """
        now = ticks_at(self._clock.time())
        rows = await self._list.rows(self.api_versions, customer_id)
        listed = sort_rows(rows, customer_id, self._owners, self.options.includes)
        has_values = customer_id in self._histories
        history, is_short = self._history(customer_id), self._list.is_short(customer_id)
        history.add(listed.jobs, now, is_short=is_short, has_unread=listed.has_unread)
        if self.is_customer(customer_id):  # The customer may have been removed during the request.
            self._histories[customer_id] = history.packed()
        self._unreadable.accept(listed.unread, {}, customer_id, has_values=has_values)
        return CustomerJobRecords(
            replace(
                listed,
                jobs=self._exposed(listed.jobs),
                without_job=self._exposed(listed.without_job),
                scans={product: one for product, one in listed.scans.items() if self.options.includes(product)},
            ),
            self._exposed(past_successes(history.last_success, now)),
            self._exposed(history.counter.totals()),
            self._exposed(history.completed_states),
            self._exposed(history.unsuccessful),
        )

    def _exposed(self, by_kind: Mapping[JobKind, T]) -> Mapping[JobKind, T]:
        return {kind: value for kind, value in by_kind.items() if self.options.includes(kind.product)}

    def _history(self, customer_id: str) -> "JobHistory":
        packed = self._histories.get(customer_id)
        try:
            return JobHistory() if packed is None else JobHistory.unpacked(packed)
        except ValueError as error:
            self._log.warning("state of a customer is invalid and was dropped", customer_id=customer_id, error=error)
            return JobHistory()

    @classmethod
    def error(cls, records: CustomerJobRecords) -> AvePointError | None:
        """Return an error if rows were dropped, else None."""
        return records.listed.error

    @classmethod
    def samples(cls, records: CustomerJobRecords, customer_id: str) -> Iterable[Sample]:
        """Return the samples for one customer. For a module without a job, only the state is exposed."""
        listed = records.listed
        for product, status in sorted(listed.scans.items()):
            yield Sample(SCAN, (customer_id, product, status), 1.0)
        yield from last_job_samples(
            listed.jobs, records.last_success, customer_id, completed_states=records.completed_states
        )
        yield from unsuccessful_samples(records.unsuccessful, customer_id)
        for kind, state in sorted(listed.without_job.items()):
            yield Sample(LAST_STATE, (customer_id, *kind, "", state), 1.0)
        yield from completed_samples(records.completed, customer_id)
        yield from customer_backup_samples([records.completed], customer_id)

    def dump_state(self) -> object:
        """Return the compressed histories of all customers as JSON values."""
        return {"customers": {customer: b64encode(packed).decode() for customer, packed in self._histories.items()}}

    def load_state(self, state: object) -> None:
        """Restore a state that `dump_state` returned. Raise ValueError if the state is invalid.

        The history of a customer is decompressed when the customer is refreshed.
        """
        match state:
            case {"customers": dict(customers)} if all(isinstance(packed, str) for packed in customers.values()):
                self._histories = {str(key): b64decode(packed, validate=True) for key, packed in customers.items()}
            case _:
                raise ValueError("expected the state of the customer jobs collector")

    def state_ids(self) -> Collection[str]:
        """Return the ids of the customers that have a history."""
        return self._histories.keys()

    def state_of(self, customer_id: str) -> object:
        """Return the compressed history of a customer as a base64 string, or None if there is no history."""
        packed = self._histories.get(customer_id)
        return None if packed is None else b64encode(packed).decode()

    def load_states(self, states: Mapping[str, object]) -> None:
        """Restore histories that `state_of` returned, keyed by id. Raise ValueError if a history is invalid."""
        self.load_state({"customers": dict(states)})
