"""Jobs of each customer: POST …/customers/{customerId}/avpt-products/jobs/batch, or GET /partner/customers/{id}/jobs.

AvePoint may list only the last job of each module, so the collector keeps successes and completed jobs as state.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from exporter.avepoint.endpoints import CUSTOMER_JOBS
from exporter.avepoint.lists import ListReader
from exporter.avepoint.values import Ticks, ticks_at
from exporter.avepoint.vocabulary import FINISHED
from exporter.collectors.base import CollectorContext, CustomerCollector, Family, Sample
from exporter.collectors.jobs.counter import COMPLETED_TOTAL, JobCounter, Totals, completed_samples
from exporter.collectors.jobs.customer_rows import SortedJobs, sort_rows
from exporter.collectors.jobs.families import (
    LAST_DURATION,
    LAST_FINISH,
    LAST_OBJECTS,
    LAST_START,
    LAST_STATE,
    LAST_SUCCESS,
    OLDEST_RUNNING,
    Job,
    JobKind,
    last_job_samples,
    newer_success,
    past_successes,
)
from exporter.collectors.jobs.state import parse_success, success_rows
from exporter.config.schema import CollectorOptions

SCAN = Family(
    "avepoint_customer_scan_status",
    "1 for the status of the customer's Microsoft 365 scan; other statuses are absent; "
    "from POST …/avpt-products/jobs/batch or GET /partner/customers/{id}/jobs, cached between refreshes.",
    ("account", "customer_id", "status"),
    query='count by (account) (avepoint_customer_scan_status{status="failed"})',
)
_KEPT_ABSENT: Final = 30 * 86_400.0  # seconds
_ZERO_FILLED: Final = (FINISHED, "failed", "finished_with_exception")
"""States whose counters start at 0: only the frequent ones, because large partners have many series of each."""


@dataclass(frozen=True, slots=True)
class CustomerJobRecords:
    """The listed jobs of one customer, the last success of each kind (ticks) and the numbers of completed jobs."""

    listed: SortedJobs
    last_success: Mapping[JobKind, Ticks]
    completed: Totals


class CustomerJobsOptions(CollectorOptions):
    """Options of the collector."""


class CustomerJobsCollector(CustomerCollector[CustomerJobsOptions, CustomerJobRecords]):
    """Collector of the jobs of each customer."""

    name = "customer_jobs"
    account_type = "partner"
    optional = True
    permissions: ClassVar = CUSTOMER_JOBS.permissions
    options_type = CustomerJobsOptions
    families = (
        SCAN, LAST_START, LAST_FINISH, LAST_DURATION, LAST_STATE, LAST_OBJECTS, LAST_SUCCESS, OLDEST_RUNNING,
        COMPLETED_TOTAL,
    )  # fmt: skip

    def __init__(self, context: CollectorContext, options: CustomerJobsOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, CUSTOMER_JOBS)
        self._histories: dict[str, bytes] = {}
        self._absent: dict[str, float] = {}  # monotonic seconds since which the customer list lacks the customer
        self.watch_customers(self._drop_absent)

    def _drop_absent(self, customers: Collection[str]) -> None:
        """Drop the history of customers that have been absent from the customer list for 30 days."""
        now = self._clock.monotonic()
        self._absent = {key: self._absent.get(key, now) for key in self._histories if key not in customers}
        expired = {key for key, since in self._absent.items() if now - since > _KEPT_ABSENT}
        self._histories = {key: packed for key, packed in self._histories.items() if key not in expired}

    async def read(self, customer_id: str) -> CustomerJobRecords:
        """Return the jobs of one customer. Raise AvePointError if a request fails."""
        now = ticks_at(self._clock.time())
        listed = sort_rows(await self._list.rows(self.api_versions, customer_id))
        history = self._history(customer_id)
        history.add(listed.jobs, now)
        if self.is_customer(customer_id):  # false if the customer left during the request
            self._histories[customer_id] = history.packed()
        return CustomerJobRecords(listed, past_successes(history.last_success, now), history.counter.totals())

    def _history(self, customer_id: str) -> "_JobHistory":
        packed = self._histories.get(customer_id)
        try:
            return _JobHistory() if packed is None else _JobHistory.unpacked(packed)
        except ValueError as error:
            self._log.warning("state of a customer is invalid; dropped", customer_id=customer_id, error=error)
            return _JobHistory()

    @classmethod
    def samples(cls, records: CustomerJobRecords, customer_id: str) -> Iterable[Sample]:
        """Return the samples of one customer. A module without a job has only a state."""
        listed = records.listed
        if listed.scan is not None:
            yield Sample(SCAN, (customer_id, listed.scan), 1.0)
        yield from last_job_samples(listed.jobs, records.last_success, customer_id)
        for kind, state in sorted(listed.without_job.items()):
            yield Sample(LAST_STATE, (customer_id, *kind, "", state), 1.0)
        yield from completed_samples(records.completed, customer_id)

    def dump_state(self) -> object:
        """Return the packed history of every customer as JSON values."""
        return {"customers": {customer: b64encode(packed).decode() for customer, packed in self._histories.items()}}

    def load_state(self, state: object) -> None:
        """Restore the state that `dump_state` returned; the next refresh of a customer unpacks its history."""
        match state:
            case {"customers": dict(customers)} if all(isinstance(packed, str) for packed in customers.values()):
                self._histories = {str(key): b64decode(packed, validate=True) for key, packed in customers.items()}
            case _:
                raise ValueError("not the state of the collector of customers' jobs")


@dataclass(slots=True)
class _JobHistory:
    """The history of one customer's jobs. Between refreshes it is packed, because there are thousands of customers."""

    last_success: dict[JobKind, Ticks] = field(default_factory=dict)
    counter: JobCounter = field(default_factory=lambda: JobCounter(_ZERO_FILLED))

    @classmethod
    def unpacked(cls, packed: bytes) -> "_JobHistory":
        try:
            state = json.loads(zlib.decompress(packed))
        except zlib.error:
            raise ValueError("not compressed with zlib") from None
        match state:
            case {"last_success": list(successes), "counter": counter}:
                history = cls(dict(map(parse_success, successes)))
                history.counter.load_state(counter)
                return history
            case _:
                raise ValueError("not the history of a customer's jobs")

    def add(self, jobs: Mapping[JobKind, list[Job]], now: Ticks) -> None:
        for kind, of_kind in jobs.items():
            for job in of_kind:
                if (success := newer_success(self.last_success.get(kind), job, now)) is not None:
                    self.last_success[kind] = success
        self.counter.count(jobs, now=now)

    def packed(self) -> bytes:
        state = {"last_success": success_rows(self.last_success), "counter": self.counter.dump_state()}
        return zlib.compress(json.dumps(state, separators=(",", ":")).encode(), level=1)
