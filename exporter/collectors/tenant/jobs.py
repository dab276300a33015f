"""Jobs of a tenant: GET /backup/m365/cloudbackupjobs, or GET /cloudbackup/jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from exporter.avepoint.api_versions import ApiVersions
from exporter.avepoint.endpoints import TENANT_JOBS
from exporter.avepoint.hints import NOT_MULTI_GEO
from exporter.avepoint.lists import JobList, Span
from exporter.avepoint.values import Ticks, ticks_at
from exporter.collectors.base import AccountCollector, CollectorContext, Sample
from exporter.collectors.jobs.counter import COMPLETED_TOTAL, completed_samples
from exporter.collectors.jobs.families import (
    JOBS,
    JOBS_WINDOW,
    LAST_DURATION,
    LAST_ERRORS,
    LAST_FINISH,
    LAST_OBJECTS,
    LAST_START,
    LAST_STATE,
    LAST_SUCCESS,
    OLDEST_RUNNING,
    count_samples,
    last_job_samples,
)
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.jobs.reader import JobReader, KnownJobs, ago
from exporter.errors import AvePointError


@dataclass(frozen=True, slots=True)
class JobRecords:
    """The jobs of a tenant by location ("" where none are configured); the window in seconds, its start in ticks."""

    window: float
    window_start: Ticks
    locations: Mapping[str, KnownJobs]


class JobsCollector(AccountCollector[JobsOptions, JobRecords]):
    """Reads a tenant's jobs; remembers what never changes."""

    name = "jobs"
    account_type = "tenant"
    permissions: ClassVar = TENANT_JOBS.permissions
    options_type = JobsOptions
    families = (
        JOBS, JOBS_WINDOW, LAST_START, LAST_FINISH, LAST_DURATION, LAST_STATE, LAST_OBJECTS, LAST_ERRORS,
        LAST_SUCCESS, OLDEST_RUNNING, COMPLETED_TOTAL,
    )  # fmt: skip

    def __init__(self, context: CollectorContext, options: JobsOptions) -> None:
        super().__init__(context, options)
        if context.account.locations:
            self.api_versions = ApiVersions("modern")  # the other one knows no locations
        self._readers = {location: JobReader(context, options, location) for location in self.locations}

    async def read(self) -> JobRecords:
        """Read every location, one after the other; raises AvePointError where none has the tenant's jobs."""
        now = ticks_at(self._clock.time())
        known = {location: await reader.read(self.api_versions) for location, reader in self._readers.items()}
        if "" not in known and not any(reader.knows_jobs for reader in self._readers.values()):
            await self._expect_none_elsewhere(Span(ago(now, self.options.lookback), now))
        window = self.options.window
        return JobRecords(window, ago(ticks_at(self._clock.time()), window), known)

    async def _expect_none_elsewhere(self, span: Span) -> None:
        """See that a tenant without jobs at its locations has none at all: one without locations lists nothing there.

        `span` is the lookback, all of which was read by and by.
        """
        if await JobList(self._client, TENANT_JOBS.modern).has_any(span):
            places, path = ", ".join(self._readers), TENANT_JOBS.modern.template
            what = f"{path}: no job at any of the configured locations ({places}), but the tenant has jobs"
            raise AvePointError(what, hint=NOT_MULTI_GEO, endpoint=path)

    @classmethod
    def samples(cls, records: JobRecords, customer_id: str) -> Iterable[Sample]:
        """Make the samples of a tenant's jobs."""
        yield Sample(JOBS_WINDOW, (), records.window)
        for location, known in records.locations.items():
            yield from count_samples(
                ((kind, job) for kind, jobs in known.jobs.items() for job in jobs if job.start >= records.window_start),
                location,
            )
            yield from last_job_samples(known.jobs, known.last_success, customer_id, location)
            yield from completed_samples(known.ended, customer_id, location)

    def dump_state(self) -> object:
        """Give what each location's reader remembers, and which job types were told apart for it."""
        readers = {location: reader.dump_state() for location, reader in self._readers.items()}
        return {"job_types": list(self.options.job_types), "locations": readers}

    def load_state(self, remembered: object) -> None:
        """Take back what `remember` gave; a location that is no longer configured is forgotten."""
        match remembered:
            case {"job_types": list(asked), "locations": dict(locations)}:
                for location, reader in self._readers.items():
                    if location in locations:
                        reader.load_state(locations[location], asked)
            case _:
                raise ValueError("not what the jobs collector remembers")
