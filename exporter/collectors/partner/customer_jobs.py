"""Jobs of each customer: POST …/customers/{customerId}/avpt-products/jobs/batch, or GET /partner/customers/{id}/jobs.

AvePoint seems to list the latest job of each module, so what it has once said of a success or an end is remembered.
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
)
from exporter.collectors.jobs.state import parse_success, success_rows
from exporter.config.schema import CollectorOptions

SCAN = Family(
    "avepoint_customer_scan_status",
    "1 for the status of the customer's Microsoft 365 scan, no series for the others; "
    "from POST …/avpt-products/jobs/batch or GET /partner/customers/{id}/jobs, cached between refreshes.",
    ("account", "customer_id", "status"),
    query='count by (account) (avepoint_customer_scan_status{status="failed"})',
)
_KEPT_ABSENT: Final = 30 * 86_400.0  # seconds
_ENDS: Final = (FINISHED, "failed", "finished_with_exception")
"""The ends whose counters begin at 0: the usual ones, since a portfolio has many thousands of series of each."""


@dataclass(frozen=True, slots=True)
class CustomerJobRecords:
    """What AvePoint lists of one customer's jobs, when each kind last succeeded, and how many ended."""

    listed: SortedJobs
    last_success: Mapping[JobKind, Ticks]
    ended: Totals


class CustomerJobsOptions(CollectorOptions):
    """Options of the collector."""


class CustomerJobsCollector(CustomerCollector[CustomerJobsOptions, CustomerJobRecords]):
    """Reads the Microsoft 365 jobs of one customer after another; remembers what AvePoint lists no longer."""

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
        self._memories: dict[str, bytes] = {}
        self._absent: dict[str, float] = {}  # since when, in monotonic seconds
        self.watch_customers(self._keep_only)

    def _keep_only(self, customers: Collection[str]) -> None:
        """Forget who has left for long; a listing may lack a customer for a while, who then comes back."""
        now = self._clock.monotonic()
        self._absent = {key: self._absent.get(key, now) for key in self._memories if key not in customers}
        gone = {key for key, since in self._absent.items() if now - since > _KEPT_ABSENT}
        self._memories = {key: memory for key, memory in self._memories.items() if key not in gone}

    async def read(self, customer_id: str) -> CustomerJobRecords:
        """Read one customer's jobs; a customer without the product has none."""
        now = ticks_at(self._clock.time())
        listed = sort_rows(await self._list.rows(self.api_versions, customer_id))
        memory = self._memory(customer_id)
        memory.add(listed.jobs, now)
        if self.is_customer(customer_id):  # else it left while it was read
            self._memories[customer_id] = memory.packed()
        return CustomerJobRecords(listed, memory.last_success, memory.counter.totals())

    def _memory(self, customer_id: str) -> "_Memory":
        packed = self._memories.get(customer_id)
        try:
            return _Memory() if packed is None else _Memory.unpacked(packed)
        except ValueError as error:
            self._log.warning("what was remembered of a customer is not usable", customer_id=customer_id, error=error)
            return _Memory()

    @classmethod
    def samples(cls, records: CustomerJobRecords, customer_id: str) -> Iterable[Sample]:
        """Make the samples of one customer; a module without a job has a state and nothing else."""
        listed = records.listed
        if listed.scan is not None:
            yield Sample(SCAN, (customer_id, listed.scan), 1.0)
        yield from last_job_samples(listed.jobs, records.last_success, customer_id)
        for kind, state in sorted(listed.without_job.items()):
            yield Sample(LAST_STATE, (customer_id, *kind, "", state), 1.0)
        yield from completed_samples(records.ended, customer_id)

    def dump_state(self) -> object:
        """Give the last successes and the counted jobs of every customer."""
        return {"customers": {customer: b64encode(memory).decode() for customer, memory in self._memories.items()}}

    def load_state(self, remembered: object) -> None:
        """Take back what `remember` gave; what is packed is looked at when its customer is read."""
        match remembered:
            case {"customers": dict(customers)} if all(isinstance(memory, str) for memory in customers.values()):
                self._memories = {str(key): b64decode(memory, validate=True) for key, memory in customers.items()}
            case _:
                raise ValueError("not what the collector of customers' jobs remembers")


@dataclass(slots=True)
class _Memory:
    """What is remembered of one customer; packed between refreshes, since there may be thousands of them."""

    last_success: dict[JobKind, Ticks] = field(default_factory=dict)
    counter: JobCounter = field(default_factory=lambda: JobCounter(_ENDS))

    @classmethod
    def unpacked(cls, packed: bytes) -> "_Memory":
        try:
            remembered = json.loads(zlib.decompress(packed))
        except zlib.error:
            raise ValueError("not packed by us") from None
        match remembered:
            case {"last_success": list(successes), "counter": counter}:
                memory = cls(dict(map(parse_success, successes)))
                memory.counter.load_state(counter)
                return memory
            case _:
                raise ValueError("not what is remembered of a customer's jobs")

    def add(self, jobs: Mapping[JobKind, list[Job]], now: Ticks) -> None:
        for kind, of_kind in jobs.items():
            for job in of_kind:
                if (success := newer_success(self.last_success.get(kind), job)) is not None:
                    self.last_success[kind] = success
        self.counter.count(jobs, now=now)

    def packed(self) -> bytes:
        remembered = {"last_success": success_rows(self.last_success), "counter": self.counter.dump_state()}
        return zlib.compress(json.dumps(remembered, separators=(",", ":")).encode(), level=1)
