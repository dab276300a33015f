"""How many jobs ended, by state: each counted once, from the first refresh on, however often it is listed.

Of a job that is over, the id is remembered as long as AvePoint may list the job: back to a time that only ever moves
forward. What started before that time counts only if it was seen running.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter.avepoint.values import Ticks
from exporter.avepoint.vocabulary import OVER, STATES
from exporter.collectors.base import Family, Sample
from exporter.collectors.jobs.families import LABELS, SOURCE, Job, JobKind
from exporter.collectors.jobs.state import parse_counts, parse_jobs, parse_kind, parse_ticks

Totals = Mapping[JobKind, Mapping[str, int]]
"""Numbers of jobs by kind and state."""

COMPLETED_TOTAL = Family(
    "avepoint_jobs_completed_total",
    "Jobs that ended since the first refresh, each once, by the state in which it was first seen to be over; "
    f"kept by --storage.path; {SOURCE}.",
    (*LABELS, "state"),
    history=True,
    type="counter",
    query='sum by (account, workload) (increase(avepoint_jobs_completed_total{state="failed"}[7d]))',
)

_ENDS: Final = tuple(state for state in STATES if state in OVER)
_KEPT_RUNNING: Final = 16  # of a kind, older than what is listed, and never seen to end
_KEPT_OVER: Final = 1  # of a kind, in case an answer is one job behind


@dataclass(slots=True)
class _JobTally:
    """The jobs of one kind: the starts of those that are over or run, by id, and how many ended by state."""

    since: Ticks
    over: dict[str, Ticks] = field(default_factory=dict)
    running: dict[str, Ticks] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def end(self, job: Job, *, counts: bool) -> None:
        """Note that a job is over."""
        self.over[job.id] = job.start
        if counts:
            self.ended[job.state] = self.ended.get(job.state, 0) + 1

    def move(self, since: Ticks) -> None:
        """Move the time back to which ids are remembered, never backward, and forget what lies before it."""
        self.since = max(self.since, since)
        self.over = _recent(self.over, self.since, _KEPT_OVER)
        self.running = _recent(self.running, self.since, _KEPT_RUNNING)


class JobCounter:
    """Counts the jobs of a tenant, of one of its locations, or of a customer."""

    __slots__ = ("_base", "_since", "_states", "_tallies", "_unread")

    def __init__(self, states: Sequence[str] = _ENDS) -> None:
        """Count from the first refresh on; every kind of job begins at 0 in each of `states`, by default a tenant's."""
        self._states = states
        self._base: Ticks | None = None
        self._unread: frozenset[str] = frozenset()
        self._since = Ticks(0)
        self._tallies: dict[JobKind, _JobTally] = {}

    def count(
        self,
        jobs: Mapping[JobKind, Collection[Job]],
        *,
        now: Ticks,
        since: Ticks | None = None,
        unsure: Collection[str] = (),
        unread: Collection[str] = (),
    ) -> None:
        """Count the jobs that one refresh found; one without an id cannot be counted.

        `since` is how far back AvePoint was asked; without it, each kind's earliest job tells how far back it lists.
        The jobs in `unsure` may yet turn out to be of another kind, and are counted when they are no longer in it.
        Those in `unread` were listed, but could not be read; at first they are of the base too.
        """
        # A base in the future was read by a wrong clock, and may not have shown what there was.
        is_first = self._base is None or now < self._base
        if is_first:
            self._base, self._unread = now, frozenset(unread)
        known, over = {*self._tallies}, {key for tally in self._tallies.values() for key in tally.over}
        running = {key: tally for tally in self._tallies.values() for key in tally.running}
        for kind, of_kind in jobs.items():
            # A kind that the first answer may have lacked: what had ended by then is no news either.
            is_late = since is None and kind not in known
            for job in of_kind:
                if not job.id or (job.id in unsure and not is_first):
                    continue
                tally = self._tallies.setdefault(kind, _JobTally(self._since))
                if job.id in over:
                    continue
                ran = running.pop(job.id, None)
                if ran is not None:
                    del ran.running[job.id]
                if job.is_running:
                    running[job.id] = tally
                    tally.running[job.id] = job.start
                    continue
                over.add(job.id)
                is_base = is_first or job.id in self._unread or (is_late and _had_ended(job, self._base))
                tally.end(job, counts=ran is not None or (job.start >= tally.since and not is_base))
        self._forget(jobs, now, since)

    def _forget(self, jobs: Mapping[JobKind, Collection[Job]], now: Ticks, since: Ticks | None) -> None:
        """Forget what AvePoint lists no longer; no further than its newest job, so that a wrong clock costs nothing."""
        starts = {kind: [job.start for job in of_kind] for kind, of_kind in jobs.items() if of_kind}
        if since is not None:
            newest = max((max(of_kind) for of_kind in starts.values()), default=self._since)
            self._since = max(self._since, min(since, newest, now))
        for kind, tally in self._tallies.items():
            listed = self._since if since is not None else min(starts.get(kind, [tally.since]))
            tally.move(min(listed, now))

    def totals(self) -> Totals:
        """Give how many jobs ended, as it is now."""
        zeros = dict.fromkeys(self._states, 0)
        return {kind: {**zeros, **tally.ended} for kind, tally in self._tallies.items()}

    def dump_state(self) -> object:
        """Give what must outlive a restart, as JSON; None before the first refresh."""
        if self._base is None:
            return None
        kinds = [
            [*kind, tally.since, dict(tally.over), dict(tally.running), dict(tally.ended)]
            for kind, tally in self._tallies.items()
        ]
        return {"base": self._base, "since": self._since, "kinds": kinds}

    def load_state(self, remembered: object) -> None:
        """Take back what `remember` gave; raises ValueError for anything else."""
        match remembered:
            case None:
                return
            case {"base": base, "since": since, "kinds": list(kinds)}:
                tallies = dict(map(_tally, kinds))
                self._base, self._since, self._tallies = parse_ticks(base), parse_ticks(since), tallies
            case _:
                raise ValueError("not what is remembered of ended jobs")


def completed_samples(totals: Totals, customer_id: str, location: str = "") -> Iterator[Sample]:
    """Make a sample of each number."""
    for kind, ended in sorted(totals.items()):
        for state, count in ended.items():
            yield Sample(COMPLETED_TOTAL, (customer_id, *kind, location, state), float(count))


def _had_ended(job: Job, base: Ticks | None) -> bool:
    return job.finish is not None and base is not None and job.finish <= base


def _recent(jobs: dict[str, Ticks], since: Ticks, kept: int) -> dict[str, Ticks]:
    """Give the jobs that started since a time, and the newest of the others."""
    before = sorted((key for key, start in jobs.items() if start < since), key=lambda key: (jobs[key], key))
    forgotten = set(before[: max(0, len(before) - kept)])
    return {key: start for key, start in jobs.items() if key not in forgotten} if forgotten else jobs


def _tally(value: object) -> tuple[JobKind, _JobTally]:
    match value:
        case [workload, job_type, since, over, running, ended]:
            tally = _JobTally(parse_ticks(since), parse_jobs(over), parse_jobs(running), parse_counts(ended))
            return parse_kind([workload, job_type]), tally
        case _:
            raise ValueError("not the ended jobs of a kind")
