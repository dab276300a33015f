"""Google Workspace and Salesforce jobs of a tenant, generated from the seed and the time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Final, TypeVar

from avepoint_simulator.data.records import GoogleJob, SalesforceJob, unix_ns
from avepoint_simulator.data.scenarios import Scenario
from avepoint_simulator.data.timeline import DAY, HOUR, MINUTE, Timeline

HISTORY_DAYS: Final = 8
_SHARED_DRIVES: Final = 64
_SICK_SECONDS: Final = 3 * DAY
_SICK: Final = ("varied", "incident")
_BACKUP: Final = 1
_RETENTION: Final = 5
_GOOGLE_FINISHED, _GOOGLE_FAILED, _GOOGLE_RUNNING = 2, 3, 0
_SALESFORCE_RUNNING, _SALESFORCE_FINISHED, _SALESFORCE_FAILED = 1, 2, 4
_AUDIT_LOG_BACKUP: Final = 20
# Columns: app type, minutes per backup. The apps are Gmail, Drive, Calendar, Contacts, shared drives and Chat.
_APPS: Final = ((1, 34.0), (2, 41.0), (4, 6.0), (8, 4.0), (_SHARED_DRIVES, 27.0), (4096, 11.0))
_TIMES_A_DAY: Final = 2

_Job = TypeVar("_Job", GoogleJob, SalesforceJob)


@dataclass(frozen=True, slots=True)
class _Span:
    """The start and the end of a job, in seconds of schedule time."""

    start: float
    end: float


class ProductSchedule:
    """The Google Workspace and Salesforce jobs of the simulated tenant.

    In the scenarios `varied` and `incident`, the backups of shared drives and of one Salesforce organization have
    failed for three days.
    """

    def __init__(self, seed: int, timeline: Timeline, scenario: Scenario = "varied") -> None:
        self._seed = seed
        self._timeline = timeline
        self._is_sick = scenario in _SICK
        source = Random(f"{seed}:organizations")
        self._organizations = tuple(f"00D{source.getrandbits(60):015X}" for _ in range(2))

    def google_jobs(self, now: float) -> list[GoogleJob]:
        """Return the Google Workspace jobs that are visible at `now`, newest first."""
        return self._visible([job for day in self._days(now) for job in self._google_day(day)], now, _GOOGLE_RUNNING)

    def salesforce_jobs(self, now: float) -> list[SalesforceJob]:
        """Return the Salesforce jobs that are visible at `now`, newest first."""
        jobs = [job for day in self._days(now) for job in self._salesforce_day(day)]
        return self._visible(jobs, now, _SALESFORCE_RUNNING)

    def _days(self, now: float) -> range:
        today = int(self._timeline.schedule_seconds(now) // DAY)
        return range(today, today - HISTORY_DAYS - 1, -1)

    def _visible(self, jobs: list[_Job], now: float, running: int) -> list[_Job]:
        at = self._timeline.schedule_seconds(now)
        oldest, newest = self._timeline.wall_ns(at - HISTORY_DAYS * DAY), unix_ns(now)
        shown = [_as_seen(job, newest, running) for job in jobs if oldest <= job.start_unix_ns <= newest]
        return sorted(shown, key=lambda job: job.start_unix_ns, reverse=True)

    def _google_day(self, day: int) -> Iterator[GoogleJob]:
        source = Random(f"{self._seed}:google:{day}")
        for app_type, minutes in _APPS:
            for turn in range(_TIMES_A_DAY):
                span = _span(source, day * DAY + (turn + app_type % 7 / 20) * DAY / _TIMES_A_DAY, minutes)
                is_failed = app_type == _SHARED_DRIVES and self._fails(span)
                status = _GOOGLE_FAILED if is_failed else _GOOGLE_FINISHED
                yield self._google_job(source, app_type, _BACKUP, status, span)
            span = _span(source, day * DAY + 3 * HOUR + app_type % 7 * 5 * MINUTE, 3)
            yield self._google_job(source, app_type, _RETENTION, _GOOGLE_FINISHED, span)

    def _google_job(self, source: Random, app_type: int, job_type: int, status: int, span: _Span) -> GoogleJob:
        return GoogleJob(
            id=_new_id(source),
            app_type=app_type,
            job_type=job_type,
            status=status,
            start_unix_ns=self._timeline.wall_ns(span.start),
            finish_unix_ns=self._timeline.wall_ns(span.end),
        )

    def _salesforce_day(self, day: int) -> Iterator[SalesforceJob]:
        source = Random(f"{self._seed}:salesforce:{day}")
        for number, organization in enumerate(self._organizations):
            span = _span(source, day * DAY + (4 + number) * HOUR, 38)
            total = 240_000 + 1_300 * day + 9_000 * number
            yield self._salesforce_job(source, _BACKUP, span, organization, max(1, total), may_fail=number == 1)
        span = _span(source, day * DAY + 6.5 * HOUR, 2)
        yield self._salesforce_job(source, _AUDIT_LOG_BACKUP, span, self._organizations[0], 0)

    def _salesforce_job(
        self, source: Random, job_type: int, span: _Span, organization: str, records: int, *, may_fail: bool = False
    ) -> SalesforceJob:
        is_failed = may_fail and self._fails(span)
        return SalesforceJob(
            id=_new_id(source),
            type=job_type,
            state=_SALESFORCE_FAILED if is_failed else _SALESFORCE_FINISHED,
            start_unix_ns=self._timeline.wall_ns(span.start),
            finish_unix_ns=self._timeline.wall_ns(span.end),
            organization_id=organization,
            successful_records=0 if is_failed else records,
            failed_records=records if is_failed else 0,
            data_kb=0 if is_failed else records * 3,
        )

    def _fails(self, span: _Span) -> bool:
        return self._is_sick and span.start > -_SICK_SECONDS * self._timeline.speed


def _as_seen(job: _Job, now_ns: int, running: int) -> _Job:
    """Return the job with its state at `now_ns`. Until its finish time, a job is running."""
    if job.finish_unix_ns is None or job.finish_unix_ns <= now_ns:
        return job
    if isinstance(job, GoogleJob):
        return replace(job, status=running, finish_unix_ns=None, progress=50.0)
    return replace(job, state=running, finish_unix_ns=None, successful_records=0, failed_records=0, data_kb=0)


def _span(source: Random, begin: float, minutes: float) -> _Span:
    start = begin + source.uniform(0, 10) * MINUTE
    return _Span(start, start + minutes * MINUTE * min(source.lognormvariate(0, 0.35), 3))


def _new_id(source: Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
