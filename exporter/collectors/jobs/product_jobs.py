"""Base class of the collectors that read a tenant's jobs of one product other than Microsoft 365.

The rows contain the workload and the job type, so each refresh reads one list without filters.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from exporter.avepoint.endpoints import Query
from exporter.avepoint.job_lists import ProductJobList, Span
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks, seconds, ticks_at
from exporter.collectors.base import AccountCollector, CollectorContext, Sample
from exporter.collectors.distinct import Distinct, distinct
from exporter.collectors.jobs.counter import COMPLETED_TOTAL, Totals, completed_samples
from exporter.collectors.jobs.customer_history import JobHistory
from exporter.collectors.jobs.families import (
    JOBS,
    LAST_COMPLETED_STATE,
    LAST_DURATION,
    LAST_FINISH,
    LAST_START,
    LAST_STATE,
    LAST_SUCCESS,
    OLDEST_RUNNING,
    OLDEST_START,
    UNSUCCESSFUL,
    Job,
    JobKind,
    Unsuccessful,
    count_samples,
    last_job_samples,
    past_successes,
    unsuccessful_samples,
)
from exporter.collectors.jobs.listed import ListedJobs
from exporter.collectors.jobs.options import LARGEST_PAGE, JobsOptions
from exporter.collectors.jobs.unreadable import UnreadableRows, UnreadRow, is_unread
from exporter.config.schema import CollectorOptions, Interval
from exporter.config.sections import Integer
from exporter.errors import AvePointError

FAMILIES = (
    JOBS, LAST_START, LAST_FINISH, LAST_DURATION, LAST_STATE, LAST_SUCCESS, OLDEST_RUNNING, COMPLETED_TOTAL,
    LAST_COMPLETED_STATE, UNSUCCESSFUL, OLDEST_START,
)  # fmt: skip
"""The metric families of the collectors `google_jobs` and `salesforce_jobs`."""


class ProductJobsOptions(CollectorOptions):
    """Options of the collectors `google_jobs` and `salesforce_jobs`.

    The options of `jobs` set the window and the lookback period.
    """

    interval: Interval = Field(900.0, description="Time between the starts of consecutive refreshes.")
    page_size: Integer = Field(50, ge=1, le=LARGEST_PAGE, description="Number of jobs per page.")


@dataclass(frozen=True, slots=True)
class ProductJobRecords:
    """A product's jobs within the lookback period, and the product's job history. The mappings are keyed by `JobKind`.

    `last_success` contains the finish times of the last successful jobs, in ticks. `completed` counts the completed
    jobs. For `completed_states` and `unsuccessful`, see `JobHistory`.
    """

    window_start: Ticks
    jobs: Mapping[JobKind, list[Job]]
    last_success: Mapping[JobKind, Ticks]
    completed: Totals
    completed_states: Mapping[JobKind, str]
    unsuccessful: Mapping[JobKind, tuple[Unsuccessful, ...]]
    error: AvePointError | None = None


class ProductJobsCollector(AccountCollector[ProductJobsOptions, ProductJobRecords]):
    """Base class of the collectors `google_jobs` and `salesforce_jobs`.

    A subclass defines the endpoint and its query parameters, and parses the rows.
    """

    account_type = "tenant"
    optional = True
    options_type = ProductJobsOptions

    def __init__(self, context: CollectorContext, options: ProductJobsOptions) -> None:
        super().__init__(context, options)
        jobs = context.account.collectors.get("jobs")
        of_jobs = jobs if isinstance(jobs, JobsOptions) else JobsOptions()
        self._list = ProductJobList(context.client, self.endpoints.modern, self.times)
        self._listed = ListedJobs(of_jobs.window, of_jobs.lookback)
        self._unreadable = UnreadableRows(context.clock, options.interval)
        self._kinds: dict[str, JobKind] = {}
        self._history = JobHistory()

    @staticmethod
    @abstractmethod
    def times(span: Span) -> Query:
        """Return the query parameters for a time range."""

    @classmethod
    @abstractmethod
    def kind(cls, row: Row) -> JobKind:
        """Return the product, workload and job type of a row."""

    @classmethod
    @abstractmethod
    def job(cls, row: Row, identifier: str) -> Job | None:
        """Parse a row, and return the job. If the state or the start time cannot be read, return None."""

    async def read(self) -> ProductJobRecords:
        """Read the jobs that may have changed, and return all jobs within the lookback period.

        Raise AvePointError if a request fails, or if an unreadable row may hide a job.
        """
        now = ticks_at(self._clock.time())
        start = self._listed.start(now, lambda _, job: job.is_running)
        rows = await self.api_versions.ask({"modern": lambda: self._rows(Span(start, now))})
        earliest = self._listed.earliest(now)
        found, unread = self._sorted(rows)
        kept = self._unreadable.accept(unread, self._listed.jobs, has_values=bool(self._history.last_success))
        readable = {**{key: job for key, (_, job) in found.records.items()}, **kept}
        is_complete = found.error is None and all(key in readable for key, _ in unread)
        listed = {key: job for key, job in readable.items() if job.start >= earliest}
        self._listed.replace(listed, start, now, is_complete=is_complete)
        self._kinds |= {key: kind for key, (kind, _) in found.records.items()}
        self._kinds = {key: self._kinds[key] for key in self._listed.jobs}
        jobs: dict[JobKind, list[Job]] = {}
        for key, job in self._listed.jobs.items():
            jobs.setdefault(self._kinds[key], []).append(job)
        history, has_unread = self._history, bool(unread) or found.error is not None
        history.add(jobs, now, is_short=self._list.is_short, since=earliest, has_unread=has_unread)
        return ProductJobRecords(
            self._listed.window_start(now),
            jobs,
            past_successes(history.last_success, now),
            history.counter.totals(),
            dict(history.completed_states),
            dict(history.unsuccessful),
            found.error,
        )

    async def _rows(self, span: Span) -> list[Row]:
        return await self._list.read(span, size=self.options.page_size)

    def _sorted(self, rows: Iterable[Row]) -> tuple[Distinct[tuple[JobKind, Job]], list[UnreadRow]]:
        """Return the jobs as a mapping, except jobs whose rows contradict each other.

        Also return each row that may hide a job or a success.
        """
        unread: list[UnreadRow] = []

        def keyed() -> Iterator[tuple[str, tuple[JobKind, Job], Row]]:
            for row in rows:
                identifier, kind = row.key("jobId"), self.kind(row)
                # Job ids may be unique only within a workload.
                key = None if identifier is None else "\t".join((*kind[1:], identifier))
                job = None if key is None or "" in kind else self.job(row, key)
                if is_unread(job, row, "finishTime"):
                    unread.append((key, row))
                if key is not None and job is not None:
                    yield key, (kind, job), row

        return distinct(keyed(), "jobId"), unread

    @classmethod
    def error(cls, records: ProductJobRecords) -> AvePointError | None:
        """Return an error if contradictory rows were dropped, else None."""
        return records.error

    @classmethod
    def samples(cls, records: ProductJobRecords, customer_id: str) -> Iterable[Sample]:
        """Return the samples for a product's jobs."""
        jobs = records.jobs
        yield from count_samples(
            (kind, job) for kind, of_kind in jobs.items() for job in of_kind if job.start >= records.window_start
        )
        yield from last_job_samples(jobs, records.last_success, customer_id, completed_states=records.completed_states)
        yield from unsuccessful_samples(records.unsuccessful, customer_id)
        for kind, of_kind in jobs.items():
            if kind not in records.last_success:
                yield Sample(OLDEST_START, (customer_id, *kind, ""), seconds(min(job.start for job in of_kind)))
        yield from completed_samples(records.completed, customer_id)

    def dump_state(self) -> object:
        """Return the last successes and the counters as JSON values."""
        return self._history.dump_state()

    def load_state(self, state: object) -> None:
        """Restore a state that `dump_state` returned. Raise ValueError if the state is invalid."""
        self._history = JobHistory.of_state(state)
