"""Jobs of a tenant, or of one of its locations, with the job type and workload that no row names.

Both are known only from the filters. One paged read of the time range gives ids and states; jobs met for the first
time are told apart by asking once per job type and once per workload until all are placed, since neither changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from exporter.avepoint.api_versions import ApiVersions
from exporter.avepoint.endpoints import TENANT_JOBS
from exporter.avepoint.lists import JobList, Span
from exporter.avepoint.rows import Row
from exporter.avepoint.values import TICKS_PER_SECOND, Ticks, ticks_at, without_addresses
from exporter.avepoint.vocabulary import JOB_TYPES, WORKLOADS
from exporter.collectors.base import CollectorContext
from exporter.collectors.jobs.counter import JobCounter, Totals
from exporter.collectors.jobs.families import Job, JobKind, newer_success, read_objects
from exporter.collectors.jobs.options import LARGEST_PAGE, JobsOptions
from exporter.collectors.jobs.state import parse_kind, parse_success, success_rows
from exporter.errors import BadRequestError

_SETTLING: Final = 900 * TICKS_PER_SECOND  # how late a job may appear in the list: reads overlap by it
_ENOUGH: Final = 3  # answers without a job after which it is taken as nameless
_ELSEWHERE: Final = "-"  # a job type that the configuration does not ask for


@dataclass(frozen=True, slots=True)
class KnownJobs:
    """What is known of the jobs of one location by kind: those of the lookback, last successes, how many ended."""

    jobs: Mapping[JobKind, list[Job]]
    last_success: Mapping[JobKind, Ticks]
    ended: Totals


@dataclass(frozen=True, slots=True)
class _Told:
    """What the filters told of jobs, by id; doubtful if an answer was refused or named jobs that there are not."""

    names: Mapping[str, str]
    is_doubtful: bool


class JobReader:
    """Reads the jobs of one location ("" for all there are); remembers what never changes."""

    def __init__(self, context: CollectorContext, options: JobsOptions, location: str) -> None:
        self._options = options
        self._clock = context.clock
        self._log = context.log.bind(location=location) if location else context.log
        self._value_issues = context.client.value_issues
        # Only the modern list can be narrowed to a location.
        self._lists = {
            version: JobList(context.client, endpoint, location)
            for version, endpoint in TENANT_JOBS.versions.items()
            if version == "modern" or not location
        }
        self._kinds: dict[str, JobKind] = {}
        self._tries: dict[str, int] = {}  # how often nameless jobs were asked for in vain
        self._listed: set[str | None] = set()
        self._jobs: dict[str, Job] = {}
        self._last_success: dict[JobKind, Ticks] = {}
        self._read_until: Ticks | None = None
        self._counter = JobCounter()

    async def read(self, api_versions: ApiVersions) -> KnownJobs:
        """Read the jobs that may have changed, place those that are new, and give all that is known."""
        now = ticks_at(self._clock.time())
        span = Span(self._start(now), now)
        job_list, rows = await api_versions.ask(
            {name: partial(self._rows, job_list, span) for name, job_list in self._lists.items()}
        )
        earliest = ago(now, self._options.lookback)
        self._listed = {row.id for row in rows} | self._jobs.keys()
        found = {job.id: job for job in map(self._job, rows) if job and job.start >= earliest}
        await self._place(job_list, found, now)
        kept = {key: job for key, job in self._jobs.items() if earliest <= job.start < span.start}
        self._jobs = {**kept, **found}
        self._kinds = {key: self._kinds[key] for key in self._jobs}
        self._tries = {key: tries for key, tries in self._tries.items() if "" in self._kinds.get(key, ())}
        self._read_until = now
        return self._known(now, earliest)

    @property
    def knows_jobs(self) -> bool:
        """Whether any job was listed, as far back as is remembered."""
        return bool(self._listed or self._last_success)

    def _start(self, now: Ticks) -> Ticks:
        """Give how far back to read: the lookback at first, then the window and whatever may still change."""
        earliest, window_start = ago(now, self._options.lookback), ago(now, self._options.window)
        # While the clock was ahead, jobs may have started outside of what was read.
        if self._read_until is None or now < self._read_until:
            return earliest
        running = [job.start for job in self._jobs.values() if job.is_running]
        return max(earliest, min([window_start, Ticks(self._read_until - _SETTLING), *running]))

    async def _rows(self, job_list: JobList, span: Span) -> tuple[JobList, list[Row]]:
        return job_list, await job_list.read(span, size=self._options.page_size)

    def _job(self, row: Row) -> Job | None:
        """Read a row; one that has not started yet, or has no id or state, cannot be counted."""
        identifier, state, start = row.id, row.job_state("state"), row.time("startTime")
        if identifier is None or state is None or start is None:
            return None
        finish, objects = row.time("finishTime"), read_objects(row.nested("backupDetails"))
        duration = Ticks(finish - start) if finish is not None and finish >= start else row.duration("duration")
        errors = self._errors(row, identifier)
        return Job(identifier, state, start, finish, None if finish is None else duration, objects, errors)

    def _errors(self, row: Row, identifier: str) -> tuple[tuple[str, int], ...]:
        """Count what a job reports by whether there is a code for it; the texts go to the log, at debug."""
        errors = row.whole_list("jobErrors")
        if errors is None:
            return ()
        counts: dict[bool | None, list[int | None]] = {True: [], False: []}
        for error in errors:
            counts.setdefault(error.flag("isErrorCode"), []).append(error.count("number"))
        # What cannot be read of one of them would make a wrong sum.
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

    async def _place(self, job_list: JobList, found: Mapping[str, Job], now: Ticks) -> None:
        """Find out the job type, then the workload, of jobs whose kind is not known yet."""
        new = {key for key in found if self._is_unplaced(key)}
        if not new:
            return
        types: dict[str, int] = {name: JOB_TYPES[name] for name in self._options.job_types}
        is_narrowed = len(types) < len(JOB_TYPES)
        job_types = await self._told_apart(job_list, found, new, now, "job_type", types)
        wanted = new & job_types.names.keys() if is_narrowed else new
        objects = {name: number for number, name in WORKLOADS.items()}
        workloads = await self._told_apart(job_list, found, wanted, now, "object_type", objects)
        placed = {key: (workloads.names.get(key, ""), job_types.names.get(key, "")) for key in wanted}
        placed |= dict.fromkeys(new - wanted, ("", _ELSEWHERE))
        self._kinds |= placed
        # A doubtful answer is no try; that of a type that is not wanted is believed at once, as there are many.
        is_doubtful = job_types.is_doubtful or workloads.is_doubtful
        for key in (key for key, kind in placed.items() if "" in kind):
            tries = 0 if is_doubtful else 1 if key in wanted else _ENOUGH
            self._tries[key] = self._tries.get(key, 0) + tries
        if nameless := [key for key in wanted if "" in placed[key]]:
            self._value_issues.unknown(job_list.endpoint.template, "jobKind", nameless[0])

    def _is_unplaced(self, key: str) -> bool:
        kind = self._kinds.get(key)
        if kind is None or "" not in kind:
            return kind is None
        return self._tries.get(key, _ENOUGH) < _ENOUGH

    async def _told_apart(
        self,
        job_list: JobList,
        found: Mapping[str, Job],
        wanted: set[str],
        now: Ticks,
        filter_name: str,
        values: Mapping[str, int],
    ) -> "_Told":
        """Ask with one filter value after the other until each of the wanted jobs was among the answers."""
        told: dict[str, str] = {}
        strange = False
        refused: BadRequestError | None = None
        answers = 0
        for name, number in values.items():
            pending = wanted - told.keys()
            if not pending:
                break
            span = Span(min(found[key].start for key in pending), now)
            # One more than there can be, so that a full page does not look as if another followed.
            rows = 1 + sum(job.start >= span.start for job in found.values())
            size = self._options.page_size
            filters: dict[str, Any] = {filter_name: number}
            try:
                ids = await job_list.ids(span, size=size, largest=min(max(rows, size), LARGEST_PAGE), **filters)
            except BadRequestError as error:
                # A service that does not know one value of a filter still tells the others apart.
                self._log.warning("filter refused", filter=filter_name, value=name, error=error, **error.context())
                refused = error
                continue
            answers += 1
            strange = strange or not ids <= self._listed
            told.update({key: name for key in pending if key in ids})
        if refused is not None and not answers:
            raise refused
        return _Told(told, is_doubtful=strange or refused is not None)

    def _known(self, now: Ticks, earliest: Ticks) -> KnownJobs:
        jobs: dict[JobKind, list[Job]] = {}
        shown = {kind: finish for kind, finish in self._last_success.items() if self._is_wanted(kind)}
        for key, job in self._jobs.items():
            kind = self._kinds[key]
            if not self._is_wanted(kind):
                continue
            jobs.setdefault(kind, []).append(job)
            # What may yet turn out to be of another kind is not remembered under this one.
            for successes in (shown,) if self._is_unplaced(key) else (shown, self._last_success):
                if (success := newer_success(successes.get(kind), job)) is not None:
                    successes[kind] = success
        self._count(now, earliest)
        ended = {kind: states for kind, states in self._counter.totals().items() if self._is_wanted(kind)}
        return KnownJobs(jobs, shown, ended)

    def _count(self, now: Ticks, earliest: Ticks) -> None:
        """Count what ended, also of types that are not wanted yet: what has ended by then will be no news."""
        every: dict[JobKind, list[Job]] = {}
        for key, job in self._jobs.items():
            every.setdefault(self._kinds[key], []).append(job)
        unsure = {key for key in self._jobs if self._is_unplaced(key)}
        unread = {key for key in self._listed if key is not None and key not in self._jobs}
        self._counter.count(every, now=now, since=earliest, unsure=unsure, unread=unread)

    def _is_wanted(self, kind: JobKind) -> bool:
        """Tell whether the configuration asks for a kind; one without a job type only where it asks for all."""
        return kind[1] in self._options.job_types or (kind[1] == "" and len(self._options.job_types) == len(JOB_TYPES))

    def dump_state(self) -> object:
        """Give the kinds of the known jobs, the last successes and what was counted, as JSON."""
        return {
            "kinds": {key: list(kind) for key, kind in self._kinds.items() if self._tries.get(key, _ENOUGH) >= _ENOUGH},
            "last_success": success_rows(self._last_success),
            "counter": self._counter.dump_state(),
        }

    def load_state(self, remembered: object, asked: Sequence[object]) -> None:
        """Take back what `remember` gave when the job types `asked` were told apart; raises ValueError."""
        match remembered:
            case {"kinds": dict(kinds), "last_success": list(successes), **others}:
                known = {str(key): parse_kind(kind) for key, kind in kinds.items()}
                if any(job_type not in asked for job_type in self._options.job_types):
                    # What was of no wanted type may be of one that is wanted now.
                    known = {key: kind for key, kind in known.items() if kind[1] != _ELSEWHERE}
                last_success = dict(map(parse_success, successes))
                self._counter.load_state(others.get("counter"))
                self._last_success, self._kinds = last_success, known
            case _:
                raise ValueError("not what is remembered of jobs")


def ago(now: Ticks, span: float) -> Ticks:
    """Give the time that lies `span` seconds back."""
    return Ticks(now - round(span * TICKS_PER_SECOND))
