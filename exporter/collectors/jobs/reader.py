"""Reads the jobs of a tenant or geo location, and determines their job types and workloads.

AvePoint's job list does not contain job types or workloads. To determine the job type and workload of each job, the
exporter requests the list with different filters and checks which filters return the job. Each refresh reads the
unfiltered list once. The exporter then requests the ids of each job type and each workload until every new job is
classified. Jobs are classified only once, because the job type and the workload of a job never change. If an
unclassified job may belong to a workload, the exporter keeps the workload's previous samples. In this case, the
refresh counts as failed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from exporter.avepoint.endpoints import TENANT_JOBS, Endpoint
from exporter.avepoint.hints import UNCLASSIFIED
from exporter.avepoint.job_lists import JobList, Span
from exporter.avepoint.lists import ApiVersions
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.text import without_addresses
from exporter.avepoint.reading.values import Ticks, ticks_at
from exporter.avepoint.reading.vocabulary import JOB_TYPES, MICROSOFT_365, WORKLOADS
from exporter.collectors.base import CollectorContext
from exporter.collectors.distinct import Distinct, distinct
from exporter.collectors.jobs.counter import JobCounter, Totals
from exporter.collectors.jobs.families import Job, JobKind, newer_success, past_successes, read_objects
from exporter.collectors.jobs.filters import Classification, FilterResult, JobFilter
from exporter.collectors.jobs.held import PossibleKinds, held, uncertain_kinds
from exporter.collectors.jobs.listed import ListedJobs
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.jobs.state import parse_kind, parse_success, success_rows
from exporter.collectors.jobs.unreadable import UnreadableRows, is_unread
from exporter.errors import AnswerError

_MAX_TRIES: Final = 3  # maximum number of attempts to classify a job
_OBJECTS: Final = {name: number for number, name in WORKLOADS.items()}
_NOT_WANTED: Final = "-"  # represents every job type that is not configured


@dataclass(frozen=True, slots=True)
class LocationJobs:
    """The jobs of a tenant or geo location, keyed by product, workload and job type.

    `jobs` contains the jobs within the lookback period. `last_success` contains the finish times of the last successful
    jobs, in ticks. `completed` counts the completed jobs. `error` is set if rows contradict each other, or if an
    unclassified job may belong to a workload.
    """

    jobs: Mapping[JobKind, list[Job]]
    last_success: Mapping[JobKind, Ticks]
    completed: Totals
    error: AnswerError | None = None


class JobReader:
    """Reads the jobs of one geo location, or of the whole tenant if the geo location is ""."""

    def __init__(self, context: CollectorContext, options: JobsOptions, location: str) -> None:
        self._options = options
        self._clock = context.clock
        self._log = context.log.bind(location=location) if location else context.log
        self._value_issues = context.client.value_issues
        # The legacy endpoint has no filter for geo locations.
        self._lists = {
            version: JobList(context.client, endpoint, location)
            for version, endpoint in TENANT_JOBS.versions.items()
            if version == "modern" or not location
        }
        self._kinds: dict[str, JobKind] = {}
        self._tries: dict[str, int] = {}  # number of failed attempts to classify a job, keyed by job id
        self._possible: dict[str, PossibleKinds] = {}  # possible job types and workloads, keyed by job id
        self._conflicting_refreshes = 0
        self._refusals: dict[str, dict[str, int]] = {}  # consecutive rejections, keyed by parameter and value
        self._listed: set[str | None] = set()
        self._unreadable = UnreadableRows(context.clock, options.interval)
        self._list = ListedJobs(options.window, options.lookback)
        self._last_success: dict[JobKind, Ticks] = {}
        self._shown_jobs: dict[JobKind, list[Job]] = {}
        self._shown_success: dict[JobKind, Ticks] = {}
        self._counter = JobCounter()

    async def read(self, api_versions: ApiVersions) -> LocationJobs:
        """Read the jobs that may have changed, classify new jobs, and return all jobs within the lookback period.

        Raise AvePointError if a request fails, or if an unreadable row may hide a job.
        """
        now = ticks_at(self._clock.time())
        span = Span(self._list.start(now, lambda key, job: job.is_running or self._is_unclassified(key)), now)
        job_list, rows = await api_versions.ask(
            {name: partial(self._rows, job_list, span) for name, job_list in self._lists.items()}
        )
        earliest = self._list.earliest(now)
        self._listed = {row.id for row in rows} | self._jobs.keys()
        jobs = [(self._job(row), row) for row in rows]
        listed = self._distinct((job, row) for job, row in jobs if job is not None)
        unread = [(row.id, row) for job, row in jobs if is_unread(job, row, "finishTime")]
        kept = self._unreadable.accept(unread, self._jobs, has_values=bool(self._last_success))
        readable = {**listed.records, **kept}
        found = {key: job for key, job in readable.items() if job.start >= earliest}
        await self._classify(job_list, found, now)
        is_complete = listed.error is None and all(key in readable for key, _ in unread)
        self._list.replace(found, span.start, now, is_complete=is_complete)
        self._kinds = {key: self._kinds[key] for key in self._jobs}
        self._tries = {key: tries for key, tries in self._tries.items() if "" in self._kinds.get(key, ())}
        return self._records(now, earliest, listed.error, job_list.endpoint)

    @property
    def has_jobs(self) -> bool:
        """Whether AvePoint has returned any jobs."""
        return bool(self._listed or self._last_success)

    @property
    def _jobs(self) -> Mapping[str, Job]:
        return self._list.jobs

    async def _rows(self, job_list: JobList, span: Span) -> tuple[JobList, list[Row]]:
        return job_list, await job_list.read(span, size=self._options.page_size)

    def _distinct(self, jobs: Iterable[tuple[Job, Row]]) -> Distinct[Job]:
        """Return the jobs, keyed by id. Omit completed jobs with contradictory rows.

        A job may be listed twice if its row moves to the next page while the list is being read. If the job was
        completed in the meantime, the completed job is returned.
        """
        jobs = list(jobs)
        completed = distinct(((job.id, job, row) for job, row in jobs if not job.is_running), "id")
        over = {job.id for job, _ in jobs if not job.is_running}
        running = {job.id: job for job, _ in jobs if job.id not in over}
        return Distinct({**running, **completed.records}, completed.error)

    def _job(self, row: Row) -> Job | None:
        """Parse a row, and return the job. If the id, the state or the start time cannot be read, return None."""
        identifier, state, start = row.id, row.job_state("state"), row.past_time("startTime")
        if identifier is None:
            row.lacks("id")
        if identifier is None or state is None or start is None:
            return None
        finish, objects = row.past_time("finishTime", since=start), read_objects(row.nested("backupDetails"))
        duration = None if finish is None else Ticks(finish - start)
        return Job(identifier, state, start, finish, duration, objects, self._errors(row, identifier))

    def _errors(self, row: Row, identifier: str) -> tuple[tuple[str, int], ...]:
        """Count errors with and without an error code separately, and log new errors."""
        errors = row.whole_list("jobErrors")
        if errors is None:
            return ()
        counts: dict[bool | None, list[int | None]] = {True: [], False: []}
        for error in errors:
            counts.setdefault(error.flag("isErrorCode"), []).append(error.count("number"))
        # If a number is unreadable, the sum is unknown.
        found = tuple(
            (str(has_code).lower(), sum(count or 0 for count in counts[has_code]))
            for has_code in (True, False)
            if None not in counts and None not in counts[has_code]
        )
        if identifier not in self._jobs or self._jobs[identifier].errors != found:
            for error in errors:
                text, url = (without_addresses(error.raw(key) or "") for key in ("value", "url"))
                self._log.debug("job error", job_id=identifier, text=text, url=url.partition("?")[0])
        return found

    async def _classify(self, job_list: JobList, found: Mapping[str, Job], now: Ticks) -> None:
        """Determine the job types and then the workloads of unclassified jobs."""
        self._possible = {}
        new = frozenset(key for key in found if self._is_unclassified(key))
        if not new:
            return
        types: dict[str, int] = {name: JOB_TYPES[name] for name in self._options.job_types}
        is_narrowed = len(types) < len(JOB_TYPES)
        job_types = await self._filter(job_list, found, new, now, JobFilter("job_type", types, JOB_TYPES))
        wanted = new & (job_types.values.keys() | job_types.conflicts) if is_narrowed else new
        workloads = await self._filter(job_list, found, wanted, now, JobFilter("object_type", _OBJECTS, _OBJECTS))
        kinds = {
            key: JobKind(MICROSOFT_365, workloads.values.get(key, ""), job_types.values.get(key, "")) for key in wanted
        }
        kinds |= dict.fromkeys(new - wanted, JobKind(MICROSOFT_365, "", _NOT_WANTED))
        self._kinds |= kinds
        # A doubtful result does not count as an attempt. If the type of a job is not configured, the exporter does not
        # try to classify the job again.
        is_doubtful = job_types.is_doubtful or workloads.is_doubtful
        has_conflicts = bool(job_types.conflicts or workloads.conflicts)
        self._conflicting_refreshes = self._conflicting_refreshes + 1 if has_conflicts else 0
        for key in (key for key, kind in kinds.items() if "" in kind):
            tries = 0 if is_doubtful else 1 if key in wanted else _MAX_TRIES
            self._tries[key] = self._tries.get(key, 0) + tries
            self._possible[key] = PossibleKinds(
                frozenset(name for name in types if job_types.may_be(key, name)),
                frozenset(name for name in _OBJECTS if workloads.may_be(key, name)),
            )
        if unclassified := [key for key in wanted if "" in kinds[key]]:
            self._value_issues.unknown(job_list.endpoint.template, "jobKind", unclassified[0])

    def _is_unclassified(self, key: str) -> bool:
        kind = self._kinds.get(key)
        if kind is None or "" not in kind:
            return kind is None
        return self._tries.get(key, _MAX_TRIES) < _MAX_TRIES

    async def _filter(
        self, job_list: JobList, found: Mapping[str, Job], wanted: frozenset[str], now: Ticks, job_filter: JobFilter
    ) -> FilterResult:
        listed = {key: job.start for key, job in {**self._jobs, **found}.items()}
        field = "job_type" if job_filter.parameter == "job_type" else "workload"
        values = {key: getattr(kind, field) for key, kind in self._kinds.items()}
        known = {key: value for key, value in values.items() if value not in ("", _NOT_WANTED) and key not in wanted}
        # If three consecutive refreshes find contradictions, the known values may be wrong. Therefore, the next refresh
        # ignores these values.
        known = known if self._conflicting_refreshes % (_MAX_TRIES + 1) < _MAX_TRIES else {}
        all_ids = frozenset(self._listed)
        refusals = self._refusals.setdefault(job_filter.parameter, {})
        rejected = {name for name, refreshes in refusals.items() if refreshes >= _MAX_TRIES}
        classification = Classification(
            job_list, job_filter, self._log, self._options.page_size, now, all_ids, listed, wanted, known, rejected
        )
        result = await classification.run()
        self._refusals[job_filter.parameter] = {name: refusals.get(name, 0) + 1 for name in result.refused}
        return result

    def _records(self, now: Ticks, earliest: Ticks, error: AnswerError | None, endpoint: Endpoint) -> LocationJobs:
        jobs: dict[JobKind, list[Job]] = {}
        last_success = past_successes(self._last_success, now)
        shown = {kind: finish for kind, finish in last_success.items() if self._is_wanted(kind)}
        for key, job in self._jobs.items():
            kind = self._kinds[key]
            if not self._is_wanted(kind):
                continue
            jobs.setdefault(kind, []).append(job)
            # The success of a job is stored only after the job has been classified.
            for successes in (shown,) if self._is_unclassified(key) else (shown, self._last_success):
                if (success := newer_success(successes.get(kind), job, now)) is not None:
                    successes[kind] = success
        self._count(now, earliest)
        completed = {kind: states for kind, states in self._counter.totals().items() if self._is_wanted(kind)}
        uncertain = uncertain_kinds({*jobs, *shown, *self._shown_jobs, *self._shown_success}, self._possible.values())
        self._shown_jobs = held(jobs, self._shown_jobs, uncertain)
        self._shown_success = held(shown, past_successes(self._shown_success, now), uncertain)
        if uncertain and error is None:
            error = AnswerError(
                f"{endpoint.template}: jobs that may belong to several workloads: {len(self._possible)}",
                hint=UNCLASSIFIED,
                path=endpoint.template,
            )
        return LocationJobs(self._shown_jobs, self._shown_success, completed, error)

    def _count(self, now: Ticks, earliest: Ticks) -> None:
        """Count completed jobs, even if their job types are not configured. A reload may add these job types."""
        every: dict[JobKind, list[Job]] = {}
        for key, job in self._jobs.items():
            every.setdefault(self._kinds[key], []).append(job)
        unsure = {key for key in self._jobs if self._is_unclassified(key)}
        has_unread = not self._listed <= self._jobs.keys()
        is_short = any(job_list.is_short for job_list in self._lists.values())
        self._counter.count(every, now=now, since=earliest, unsure=unsure, has_unread=has_unread, is_short=is_short)

    def _is_wanted(self, kind: JobKind) -> bool:
        """Return whether a job type is configured. An unknown job type is included if all job types are configured."""
        has_all = len(self._options.job_types) == len(JOB_TYPES)
        return kind.job_type in self._options.job_types or (kind.job_type == "" and has_all)

    def dump_state(self) -> object:
        """Return the classified jobs, the last successes and the counters as JSON values."""
        return {
            "kinds": {key: list(kind) for key, kind in self._kinds.items() if not self._is_unclassified(key)},
            "last_success": success_rows(self._last_success),
            "counter": self._counter.dump_state(),
        }

    def load_state(self, state: object, job_types: Sequence[object]) -> None:
        """Restore a state that `dump_state` returned. Raise ValueError if the state is invalid.

        `job_types` contains the job types that were configured when the state was written.
        """
        match state:
            case {"kinds": dict(kinds), "last_success": list(successes), **others}:
                loaded = {str(key): parse_kind(kind) for key, kind in kinds.items()}
                if any(job_type not in job_types for job_type in self._options.job_types):
                    # A job type has been added to the configuration, so some jobs must be classified again.
                    loaded = {key: kind for key, kind in loaded.items() if kind.job_type != _NOT_WANTED}
                last_success = dict(map(parse_success, successes))
                self._counter.load_state(others.get("counter"))
                self._last_success, self._shown_success, self._kinds = last_success, dict(last_success), loaded
            case _:
                raise ValueError("expected the state of a job reader")
