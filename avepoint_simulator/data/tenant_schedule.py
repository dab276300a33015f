"""Jobs of a tenant, generated from the seed and the time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from avepoint_simulator.data import vocabulary as words
from avepoint_simulator.data.records import JobError, JobRecord, unix_ns
from avepoint_simulator.data.scenarios import Scenario
from avepoint_simulator.data.timeline import DAY, HOUR, MINUTE, Timeline

HISTORY_DAYS: Final = 8
FAILING_WORKLOAD: Final = 8
FAILING_SECONDS: Final = 3 * DAY
STUCK_WORKLOAD: Final = 9
STUCK_SECONDS: Final = 40 * HOUR

_REFUSED: Final = JobError(
    value='The service account lost its permission to read "Viva Engage" communities.',
    url="https://kb.example.com/errors/1042",
    number=1042,
    is_error_code=True,
)
_THROTTLED: Final = JobError(value="Some objects were skipped: Microsoft 365 throttled the backup.", number=3)


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """The schedule and the size of one workload's backups."""

    object_type: int
    times_a_day: int
    objects: int
    growth_per_day: float
    minutes: float

    @property
    def interval(self) -> float:
        """Seconds between two backups."""
        return DAY / self.times_a_day

    @property
    def offset(self) -> float:
        """Seconds before the first backup.

        The first backups of all workloads are spread over two thirds of the interval.
        """
        return self.object_type / 18 * self.interval


BACKUPS: Final = (
    BackupPlan(1, 6, 12_400, 0.004, 26),
    BackupPlan(2, 6, 8_300, 0.006, 41),
    BackupPlan(3, 6, 10_900, 0.005, 33),
    BackupPlan(4, 6, 1_900, 0.003, 17),
    BackupPlan(5, 3, 140, 0.001, 6),
    BackupPlan(6, 3, 260, 0.0, 8),
    BackupPlan(7, 6, 2_700, 0.006, 24),
    BackupPlan(8, 4, 310, 0.002, 9),
    BackupPlan(9, 6, 9_600, 0.009, 29),
    BackupPlan(10, 4, 620, 0.007, 11),
    BackupPlan(11, 4, 1_150, 0.008, 7),
    BackupPlan(12, 4, 480, 0.004, 7),
)
# Columns: job type, minimum and maximum number of jobs per day, typical duration in minutes, maximum number of objects.
_ON_DEMAND: Final = (
    (words.RESTORE, 3, 8, 12.0, 900),
    (words.EXPORT, 0, 3, 20.0, 400),
    (words.DELETE, 0, 2, 3.0, 50),
)


class JobSchedule:
    """All jobs of the simulated tenant. The jobs of each day are generated once and kept while they are visible."""

    def __init__(self, seed: int, timeline: Timeline, scenario: Scenario = "varied") -> None:
        self._seed = seed
        self._scenario = scenario
        self._timeline = timeline
        self._days: dict[int, tuple[JobRecord, ...]] = {}
        self._fixed = _fixed_jobs(seed, timeline.start, scenario)

    def jobs(self, now: float) -> list[JobRecord]:
        """Return the jobs that are visible at `now`, newest first."""
        at = self._timeline.schedule_seconds(now)
        today = int(at // DAY)
        oldest, newest = self._timeline.wall_ns(at - HISTORY_DAYS * DAY), unix_ns(now)
        days = range(today, today - HISTORY_DAYS - 1, -1)
        every = (job for day in days for job in self._day(day))
        shown = [_as_seen(job, newest) for job in every if oldest <= job.start_unix_ns <= newest]
        shown += self._visible_fixed(now)
        shown.sort(key=lambda job: job.start_unix_ns, reverse=True)
        self._discard_before(today - HISTORY_DAYS)
        return shown

    def _visible_fixed(self, now: float) -> tuple[JobRecord, ...]:
        """Return the visible jobs at fixed times.

        These jobs stay visible for eight days of real time, regardless of the speed.
        """
        limit = unix_ns(now - HISTORY_DAYS * DAY)
        return tuple(job for job in self._fixed if job.start_unix_ns >= limit)

    def _day(self, day: int) -> tuple[JobRecord, ...]:
        jobs = self._days.get(day)
        if jobs is None:
            jobs = self._days[day] = tuple(self._make_day(day))
        return jobs

    def _make_day(self, day: int) -> list[JobRecord]:
        source, timeline = Random(f"{self._seed}:jobs:{day}"), self._timeline
        jobs = [job for plan in BACKUPS for job in _backups(source, timeline, day, plan)]
        jobs += _retentions(source, timeline, day)
        jobs += [job for kind in _ON_DEMAND for job in _on_demand(source, timeline, day, *kind)]
        if self._scenario != "varied":
            jobs = [_successful(job) for job in jobs]
        if self._scenario not in ("varied", "incident"):
            return jobs
        return [_failed(job) if _is_failing(job, timeline.start) else job for job in jobs]

    def _discard_before(self, day: int) -> None:
        for old in [known for known in self._days if known < day]:
            del self._days[old]


def _as_seen(job: JobRecord, now_ns: int) -> JobRecord:
    """Return the job with its state at `now_ns`. Until its finish time, a job is running and has partial counts."""
    if job.finish_unix_ns is None or job.finish_unix_ns <= now_ns:
        return job
    progress = (now_ns - job.start_unix_ns) / (job.finish_unix_ns - job.start_unix_ns)
    done = int(job.total_objects * progress)
    return replace(
        job,
        state=words.IN_PROGRESS,
        finish_unix_ns=None,
        successful_objects=done,
        failed_objects=0,
        skipped_objects=0,
        errors=(),
    )


def _fixed_jobs(seed: int, start: float, scenario: Scenario) -> tuple[JobRecord, ...]:
    """Return a stuck job and the last successful backup of the failing workload. Both jobs have fixed timestamps."""
    source = Random(f"{seed}:stories")
    stuck = JobRecord(
        id=_new_id(source),
        job_type=words.BACKUP,
        object_type=STUCK_WORKLOAD,
        state=words.IN_PROGRESS,
        start_unix_ns=unix_ns(start - STUCK_SECONDS),
        total_objects=9_431,
        successful_objects=7_204,
    )
    last_good = JobRecord(
        id=_new_id(source),
        job_type=words.BACKUP,
        object_type=FAILING_WORKLOAD,
        state=words.FINISHED,
        start_unix_ns=unix_ns(start - FAILING_SECONDS),
        finish_unix_ns=unix_ns(start - FAILING_SECONDS + 9.4 * MINUTE),
        total_objects=308,
        successful_objects=308,
    )
    if scenario == "varied":
        return stuck, last_good
    return (last_good,) if scenario == "incident" else ()


def _backups(source: Random, timeline: Timeline, day: int, plan: BackupPlan) -> list[JobRecord]:
    total = max(1, int(plan.objects * (1 + plan.growth_per_day * day)))
    jobs = []
    for turn in range(plan.times_a_day):
        begin = day * DAY + plan.offset + (turn + source.uniform(0, 0.08)) * plan.interval
        jobs.append(_job(source, timeline, words.BACKUP, plan.object_type, begin, plan.minutes, total))
    return jobs


def _is_failing(job: JobRecord, start: float) -> bool:
    is_backup = job.job_type == words.BACKUP and job.object_type == FAILING_WORKLOAD
    return is_backup and job.start_unix_ns > unix_ns(start - FAILING_SECONDS)


def _successful(job: JobRecord) -> JobRecord:
    return replace(
        job, state=words.FINISHED, successful_objects=job.total_objects, failed_objects=0, skipped_objects=0, errors=()
    )


def _failed(job: JobRecord) -> JobRecord:
    """Return a copy of the job with the state `failed`, and with all object counts set to 0."""
    return replace(
        job,
        state=words.FAILED,
        total_objects=0,
        successful_objects=0,
        failed_objects=0,
        skipped_objects=0,
        errors=(_REFUSED,),
    )


def _retentions(source: Random, timeline: Timeline, day: int) -> list[JobRecord]:
    start = day * DAY + 2 * HOUR
    return [
        _job(source, timeline, words.RETENTION, plan.object_type, start + plan.object_type * 4 * MINUTE, 4,
             max(1, plan.objects // 40))
        for plan in BACKUPS
    ]  # fmt: skip


def _on_demand(
    source: Random, timeline: Timeline, day: int, job_type: int, fewest: int, most: int, minutes: float, objects: int
) -> list[JobRecord]:
    """Return the jobs of one job type. Users start these jobs manually during working hours."""
    return [
        _job(source, timeline, job_type, source.randint(1, 12), day * DAY + source.uniform(7, 19) * HOUR, minutes,
             source.randint(1, objects))
        for _ in range(source.randint(fewest, most))
    ]  # fmt: skip


def _job(
    source: Random, timeline: Timeline, job_type: int, object_type: int, begin: float, minutes: float, total: int
) -> JobRecord:
    end = begin + minutes * MINUTE * min(source.lognormvariate(0, 0.35), 3)
    state = source.choices((words.FINISHED, words.FINISHED_WITH_EXCEPTION, words.PARTIALLY_FINISHED, words.FAILED),
                           weights=(90, 5, 3, 2))[0]  # fmt: skip
    failed, skipped = _misses(source, state, total)
    return JobRecord(
        id=_new_id(source),
        job_type=job_type,
        object_type=object_type,
        state=state,
        start_unix_ns=timeline.wall_ns(begin),
        finish_unix_ns=timeline.wall_ns(end),
        total_objects=total,
        successful_objects=total - failed - skipped,
        failed_objects=failed,
        skipped_objects=skipped,
        errors=() if state == words.FINISHED else (_THROTTLED,),
    )


def _misses(source: Random, state: int, total: int) -> tuple[int, int]:
    """Return the number of failed objects and the number of skipped objects."""
    if state == words.FINISHED:
        return 0, 0
    if state == words.FAILED:
        return total, 0
    failed = max(1, int(total * source.uniform(0.002, 0.03)))
    skipped = int(total * source.uniform(0, 0.02))
    return min(failed, total), min(skipped, total - min(failed, total))


def _new_id(source: Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
