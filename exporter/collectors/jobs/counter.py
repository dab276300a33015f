"""Counters of completed jobs per state. Each job is counted once, even if AvePoint lists it in several refreshes.

The counter therefore stores the ids of completed jobs. To save memory, the counter drops the ids of jobs that started
before `since`. The timestamp `since` never decreases. A job that started before `since` is counted only if an
earlier refresh listed the job as running. A job that was completed before the first refresh is never counted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.avepoint.reading.values import CLOCK_TOLERANCE, Ticks
from exporter.avepoint.reading.vocabulary import FINISHED, NOT_OVER, OVER, STATES
from exporter.collectors.base import Family, Sample
from exporter.collectors.jobs.families import LABELS, SOURCE, SOURCE_OF_BACKUPS, Job, JobKind
from exporter.collectors.jobs.state import parse_counts, parse_jobs, parse_kind, parse_ticks

Totals = Mapping[JobKind, Mapping[str, int]]
"""Counts of completed jobs by `JobKind` (product, workload and job type) and state."""

COMPLETED_TOTAL = Family(
    "avepoint_jobs_completed_total",
    f"Jobs that completed after the first refresh, by state; {SOURCE}.",
    (*LABELS, "state"),
    history=True,
    type="counter",
    query='sum by (account, workload) (increase(avepoint_jobs_completed_total{state="failed"}[7d]))',
)

CUSTOMER_BACKUPS_TOTAL = Family(
    "avepoint_customer_backups_completed_total",
    "Backups that completed after the first refresh, by result; only the state finished is a success; "
    f"{SOURCE_OF_BACKUPS}.",
    ("account", "customer_id", "result"),
    history=True,
    type="counter",
    query='sum by (account) (increase(avepoint_customer_backups_completed_total{result="failure"}[7d]))',
)

_NOT_COUNTED: Final = frozenset({"skipped", "stopped", "canceled", "rejected"})
_COMPLETED_STATES: Final = tuple(state for state in STATES if state in OVER)
# A response may be out of date. Therefore, keep some ids per `JobKind` after AvePoint stops listing the jobs.
_KEPT_RUNNING: Final = 16
_KEPT_COMPLETED: Final = 1


@dataclass(slots=True)
class _JobTally:
    """The counted jobs of one product, workload and job type.

    `completed` and `running` map job ids to start times. `counts` contains the number of completed jobs per state.
    """

    since: Ticks
    completed: dict[str, Ticks] = field(default_factory=dict)
    running: dict[str, Ticks] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def complete(self, job: Job, *, counts: bool) -> None:
        """Add a completed job, and count it if `counts` is true."""
        self.completed[job.id] = job.start
        if counts:
            self.counts[job.state] = self.counts.get(job.state, 0) + 1

    def advance(self, since: Ticks) -> None:
        """Increase `since`, and drop the ids of jobs that started before `since`."""
        self.since = max(self.since, since)
        self.completed = _recent(self.completed, self.since, _KEPT_COMPLETED)
        self.running = _recent(self.running, self.since, _KEPT_RUNNING)


@dataclass(frozen=True, slots=True)
class _Refresh:
    """The data that one refresh needs. `base` is the timestamp of the first refresh.

    `completed` contains the ids of completed jobs. `running` maps the id of each running job to the job's tally.
    """

    is_first: bool
    base: Ticks
    completed: set[str]
    running: dict[str, _JobTally]

    @property
    def before(self) -> Ticks:
        """Jobs that were completed at or before this timestamp are never counted.

        The timestamp is earlier than `base`, because AvePoint's clock may differ from the exporter's clock.
        """
        return Ticks(self.base - CLOCK_TOLERANCE)


class JobCounter:
    """Counts the completed jobs of a tenant, a geo location or a customer."""

    __slots__ = ("_base", "_short_at", "_since", "_states", "_tallies")

    def __init__(self, states: Sequence[str] = _COMPLETED_STATES) -> None:
        """Create a counter. For the states in `states`, a count of 0 is also exposed."""
        self._states = states
        self._base: Ticks | None = None
        self._since = Ticks(0)
        self._short_at = Ticks(0)
        self._tallies: dict[JobKind, _JobTally] = {}

    def count(
        self,
        jobs: Mapping[JobKind, Collection[Job]],
        *,
        now: Ticks,
        since: Ticks | None = None,
        unsure: Collection[str] = (),
        has_unread: bool = False,
        is_short: bool = False,
    ) -> None:
        """Count the completed jobs of one refresh. Jobs without an id are not counted.

        `since` is the start of the requested time range, or None if the list has no time range. `unsure` contains the
        ids of jobs that are counted later, because their job types or workloads are not known yet. `is_short` is true
        if the list has fewer rows than its reported total. If a short list omits a completed job, later refreshes count
        the job only if an earlier refresh listed the job as running. `has_unread` is true if the list has unreadable
        rows. In the first refresh, a list with unreadable rows is treated as a short list.
        """
        # If the timestamp of the first refresh is in the future, the clock was wrong during that refresh. Therefore,
        # the first refresh may have received an incomplete list.
        is_first = self._base is None or now < self._base
        base = self._base = now if self._base is None else min(now, self._base)
        refresh = _Refresh(
            is_first,
            base,
            completed={key for tally in self._tallies.values() for key in tally.completed},
            running={key: tally for tally in self._tallies.values() for key in tally.running},
        )
        known = {*self._tallies}
        for kind, of_kind in jobs.items():
            # Do not count old jobs of a new `JobKind`, because the first response may have omitted these jobs.
            is_late = since is None and kind not in known
            for job in of_kind:
                if job.id and (is_first or job.id not in unsure):
                    tally = self._tallies.setdefault(kind, _JobTally(self._since))
                    self._add(job, tally, refresh, is_late=is_late)
        is_short = is_short or (is_first and has_unread)
        self._short_at = now if is_short else self._short_at
        self._drop_old(jobs, now, since)

    def _add(self, job: Job, tally: _JobTally, refresh: "_Refresh", *, is_late: bool) -> None:
        """Store the state of a job, and count the job if it has been completed since the previous refresh."""
        if job.id in refresh.completed:
            return
        ran = refresh.running.pop(job.id, None)
        if ran is not None:
            del ran.running[job.id]
        if not job.is_running:
            refresh.completed.add(job.id)
            is_new = job.start >= tally.since and not self._is_base(job, refresh, is_late=is_late)
            was_early = job.finish is not None and job.finish <= refresh.before
            tally.complete(job, counts=(ran is not None or is_new) and not was_early)
        elif job.state in NOT_OVER:  # A job in an unknown state may be completed.
            refresh.running[job.id] = tally
            tally.running[job.id] = job.start

    def _is_base(self, job: Job, refresh: "_Refresh", *, is_late: bool) -> bool:
        """Return whether a job may have been completed before the exporter could count it."""
        is_old = refresh.is_first or _was_completed(job, self._short_at) or _was_completed(job, refresh.before)
        return is_old or (is_late and _was_completed(job, refresh.base))

    def _drop_old(self, jobs: Mapping[JobKind, Collection[Job]], now: Ticks, since: Ticks | None) -> None:
        """Drop the ids of jobs that AvePoint no longer lists.

        Keep the id of the last job even if the exporter's clock is wrong.
        """
        starts = {kind: [job.start for job in of_kind] for kind, of_kind in jobs.items() if of_kind}
        if since is not None:
            newest = max((max(of_kind) for of_kind in starts.values()), default=self._since)
            self._since = max(self._since, min(since, newest, now))
        for kind, tally in self._tallies.items():
            listed = self._since if since is not None else min(starts.get(kind, [tally.since]))
            tally.advance(min(listed, now))

    def totals(self) -> Totals:
        """Return the number of completed jobs per `JobKind` and state."""
        zeros = dict.fromkeys(self._states, 0)
        return {kind: {**zeros, **tally.counts} for kind, tally in self._tallies.items()}

    def dump_state(self) -> object:
        """Return the persistent state as JSON values, or None if there has been no refresh."""
        if self._base is None:
            return None
        kinds = [
            [*kind, tally.since, dict(tally.completed), dict(tally.running), dict(tally.counts)]
            for kind, tally in self._tallies.items()
        ]
        short = {"short": self._short_at} if self._short_at else {}
        return {"base": self._base, "since": self._since, "kinds": kinds, **short}

    def load_state(self, state: object) -> None:
        """Restore a state that `dump_state` returned. Raise ValueError if the state is invalid."""
        match state:
            case None:
                return
            case {"base": base, "since": since, "kinds": list(kinds), **others}:
                tallies = dict(map(_tally, kinds))
                short_at = parse_ticks(others.get("short", 0))
                self._base, self._since, self._tallies = parse_ticks(base), parse_ticks(since), tallies
                self._short_at = short_at
            case _:
                raise ValueError("expected the state of a job counter")


def completed_samples(totals: Totals, customer_id: str, location: str = "") -> Iterator[Sample]:
    """Yield the number of completed jobs per state."""
    for kind, counts in sorted(totals.items()):
        for state, count in counts.items():
            yield Sample(COMPLETED_TOTAL, (customer_id, *kind, location, state), float(count))


def customer_backup_samples(totals: Iterable[Totals], customer_id: str) -> Iterator[Sample]:
    """Yield the counts of successful and failed backups, summed over all workloads.

    If there are no jobs, yield nothing.
    """
    results: dict[str, int] = {}
    for total in totals:
        for kind, counts in total.items():
            for state, count in counts.items():
                if kind.job_type == "backup" and state not in _NOT_COUNTED:
                    result = "success" if state == FINISHED else "failure"
                    results[result] = results.get(result, 0) + count
    for result, count in results.items():
        yield Sample(CUSTOMER_BACKUPS_TOTAL, (customer_id, result), float(count))


def _was_completed(job: Job, at: Ticks) -> bool:
    """Return whether a job was completed at or before `at`. If the finish time is unknown, use the start time."""
    return (job.start if job.finish is None else job.finish) <= at


def _recent(jobs: dict[str, Ticks], since: Ticks, kept: int) -> dict[str, Ticks]:
    """Return all jobs that started at or after `since`, and the `kept` most recent jobs that started before `since`."""
    before = sorted((key for key, start in jobs.items() if start < since), key=lambda key: (jobs[key], key))
    dropped = set(before[: max(0, len(before) - kept)])
    return {key: start for key, start in jobs.items() if key not in dropped} if dropped else jobs


def _tally(value: object) -> tuple[JobKind, _JobTally]:
    match value:
        case [*kind, since, completed, running, counts]:
            tally = _JobTally(parse_ticks(since), parse_jobs(completed), parse_jobs(running), parse_counts(counts))
            return parse_kind(kind), tally
        case _:
            raise ValueError("expected a product, a workload, a job type and completed jobs")
