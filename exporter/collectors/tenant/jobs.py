"""Jobs of a tenant: GET /backup/m365/cloudbackupjobs, or GET /cloudbackup/jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from exporter.avepoint.endpoints import TENANT_JOBS
from exporter.avepoint.hints import NOT_MULTI_GEO
from exporter.avepoint.job_lists import JobList, Span
from exporter.avepoint.lists import ApiVersions
from exporter.avepoint.reading.values import Ticks, seconds, ticks_at
from exporter.collectors.base import AccountCollector, CollectorContext, Sample
from exporter.collectors.jobs.counter import (
    COMPLETED_TOTAL,
    CUSTOMER_BACKUPS_TOTAL,
    completed_samples,
    customer_backup_samples,
)
from exporter.collectors.jobs.families import (
    JOBS,
    JOBS_WINDOW,
    LAST_COMPLETED_STATE,
    LAST_DURATION,
    LAST_ERRORS,
    LAST_FINISH,
    LAST_OBJECTS,
    LAST_START,
    LAST_STATE,
    LAST_SUCCESS,
    OLDEST_RUNNING,
    OLDEST_START,
    count_samples,
    last_job_samples,
)
from exporter.collectors.jobs.listed import ago
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.jobs.reader import JobReader, LocationJobs
from exporter.errors import AvePointError


@dataclass(frozen=True, slots=True)
class JobRecords:
    """The jobs of a tenant, keyed by geo location. If no geo locations are configured, the key is "".

    `window` is in seconds.
    """

    window: float
    window_start: Ticks
    locations: Mapping[str, LocationJobs]


class JobsCollector(AccountCollector[JobsOptions, JobRecords]):
    """Collects a tenant's Microsoft 365 jobs."""

    name = "jobs"
    account_type = "tenant"
    endpoints: ClassVar = TENANT_JOBS
    options_type = JobsOptions
    families = (
        JOBS, JOBS_WINDOW, LAST_START, LAST_FINISH, LAST_DURATION, LAST_STATE, LAST_OBJECTS, LAST_ERRORS,
        LAST_SUCCESS, OLDEST_RUNNING, COMPLETED_TOTAL, CUSTOMER_BACKUPS_TOTAL, LAST_COMPLETED_STATE, OLDEST_START,
    )  # fmt: skip

    def __init__(self, context: CollectorContext, options: JobsOptions) -> None:
        super().__init__(context, options)
        if context.account.locations:
            self.api_versions = ApiVersions("modern")  # The legacy endpoint has no filter for geo locations.
        self._readers = {location: JobReader(context, options, location) for location in self.locations}

    async def read(self) -> JobRecords:
        """Read the jobs of each geo location.

        Raise AvePointError if a request fails, or if the tenant has jobs only outside the configured geo locations.
        """
        now = ticks_at(self._clock.time())
        locations = {location: await reader.read(self.api_versions) for location, reader in self._readers.items()}
        if "" not in locations and not any(reader.has_jobs for reader in self._readers.values()):
            await self._expect_none_elsewhere(Span(ago(now, self.options.lookback), now))
        window = self.options.window
        return JobRecords(window, ago(ticks_at(self._clock.time()), window), locations)

    async def _expect_none_elsewhere(self, span: Span) -> None:
        """Raise AvePointError if an unfiltered list contains jobs that started within `span`.

        If a tenant has no jobs or does not use Multi-Geo, AvePoint returns an empty list for every geo location.
        """
        if await JobList(self._client, TENANT_JOBS.modern).has_any(span):
            names, path = ", ".join(self._readers), TENANT_JOBS.modern.template
            what = f"{path}: no jobs in the configured locations ({names}), but the tenant has other jobs"
            raise AvePointError(what, hint=NOT_MULTI_GEO, path=path)

    @classmethod
    def error(cls, records: JobRecords) -> AvePointError | None:
        """Return an error if rows contradict each other, else None."""
        return next((found.error for found in records.locations.values() if found.error is not None), None)

    @classmethod
    def samples(cls, records: JobRecords, customer_id: str) -> Iterable[Sample]:
        """Return the samples for a tenant's jobs."""
        yield Sample(JOBS_WINDOW, (), records.window)
        for location, found in records.locations.items():
            yield from count_samples(
                ((kind, job) for kind, jobs in found.jobs.items() for job in jobs if job.start >= records.window_start),
                location,
            )
            yield from last_job_samples(found.jobs, found.last_success, customer_id, location)
            for kind, jobs in found.jobs.items():
                if kind not in found.last_success:
                    yield Sample(OLDEST_START, ("", *kind, location), seconds(min(job.start for job in jobs)))
            yield from completed_samples(found.completed, customer_id, location)
        yield from customer_backup_samples((found.completed for found in records.locations.values()), customer_id)

    def dump_state(self) -> object:
        """Return the configured job types and the state of each geo location as JSON values."""
        readers = {location: reader.dump_state() for location, reader in self._readers.items()}
        return {"job_types": list(self.options.job_types), "locations": readers}

    def load_state(self, state: object) -> None:
        """Restore the state of each configured geo location from a state that `dump_state` returned.

        Raise ValueError if the state is invalid.
        """
        match state:
            case {"job_types": list(job_types), "locations": dict(locations)}:
                for location, reader in self._readers.items():
                    if location in locations:
                        reader.load_state(locations[location], job_types)
            case _:
                raise ValueError("expected the state of the jobs collector")
