"""Jobs of customers, generated from the seed and the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any, Final, NamedTuple

from avepoint_simulator.data import vocabulary as words
from avepoint_simulator.data.records import CustomerJob, unix_ns
from avepoint_simulator.data.scenarios import Scenario, conditions
from avepoint_simulator.data.timeline import DAY, HOUR, MINUTE, Timeline

STUCK_SECONDS: Final = 30 * HOUR
FAILING_SECONDS: Final = 2 * DAY
OVERDUE_SECONDS: Final = 30 * HOUR
_BACKUP_SECONDS: Final = 6 * HOUR
_HISTORY_SECONDS: Final = DAY
_GMAIL: Final = 501
_KEPT: Final = 100_000
_RUNNING, _FINISHED, _FAILED, _WITH_EXCEPTION, _WAITING, _NOT_SCANNED = 1, 2, 3, 4, 14, 11
_SKIPPED, _FAILED_TO_START, _CANCELED = 5, 7, 8


class _Lot(NamedTuple):
    """The random properties of one job. `delay` is a fraction of the interval between two jobs."""

    delay: float
    minutes: float
    status: int
    objects: int
    object_bytes: int


class CustomerSchedule:
    """The jobs of each customer. A customer's problems depend on the customer's number."""

    def __init__(self, seed: int, timeline: Timeline, scenario: Scenario = "varied") -> None:
        self._seed = seed
        self._scenario = scenario
        self._timeline = timeline
        self._lot = lru_cache(maxsize=_KEPT)(self._draw)

    def jobs(self, customer_id: str, number: int, object_types: tuple[int, ...], now: float) -> list[CustomerJob]:
        """Return a customer's jobs from the past 24 hours, newest first. A customer without backups has no jobs."""
        if not object_types:
            return []
        every = [self._scan(customer_id, number, now), *self._modules(customer_id, number, object_types, now)]
        return sorted(every, key=lambda job: -(job.start_unix_ns or 0))

    def _modules(self, customer_id: str, number: int, types: tuple[int, ...], now: float) -> Iterator[CustomerJob]:
        found = conditions(self._scenario, self._seed, number)
        waiting = types[-1] if "waiting" in found else None
        stuck = types[0] if "stuck" in found else None
        failing = types[1] if "failing" in found else None
        overdue = types if "outage" in found else types[:1] if "overdue" in found else ()
        for kind in types:
            module = words.JOB_MODULES[kind - 1]
            if kind in overdue:
                yield self._overdue(customer_id, module)
            elif kind == waiting:
                yield _job(customer_id, module, _WAITING)
            elif kind == stuck:
                yield self._stuck(customer_id, module)
            else:
                yield from self._backups(customer_id, number, module, now, is_failing=kind == failing)
        yield from self._runs(customer_id, number, words.MICROSOFT_365, words.RETENTION_MODULE, now, interval=DAY)
        if number % 8 == 6:
            yield from self._runs(customer_id, number, words.GOOGLE_WORKSPACE, _GMAIL, now, interval=DAY)

    def _backups(
        self, customer_id: str, number: int, module: int, now: float, *, is_failing: bool
    ) -> Iterator[CustomerJob]:
        since = unix_ns(self._timeline.start - FAILING_SECONDS)
        for job in self._runs(customer_id, number, words.MICROSOFT_365, module, now, interval=_BACKUP_SECONDS):
            ended = job.finish_unix_ns is not None and (job.start_unix_ns or 0) > since
            yield _failed(job) if is_failing and ended else job

    def _stuck(self, customer_id: str, module: int) -> CustomerJob:
        start = unix_ns(self._timeline.start - STUCK_SECONDS)
        return _job(customer_id, module, _RUNNING, id=f"FB-{customer_id[:8]}-{module}-stuck", start_unix_ns=start)

    def _overdue(self, customer_id: str, module: int) -> CustomerJob:
        start = unix_ns(self._timeline.start - OVERDUE_SECONDS)
        return _job(
            customer_id, module, _FINISHED, id=f"FB-{customer_id[:8]}-{module}-last", start_unix_ns=start,
            finish_unix_ns=start + unix_ns(12 * MINUTE), total_objects=400, successful_objects=400,
            backup_bytes=30_000_000,
        )  # fmt: skip

    def _scan(self, customer_id: str, number: int, now: float) -> CustomerJob:
        """Return the customer's last scan. A scan starts every four hours and takes ten minutes."""
        runs = self._timeline.schedule_seconds(now) % (4 * HOUR) < 10 * MINUTE
        found = conditions(self._scenario, self._seed, number)
        status = _FAILED if "scan failed" in found else _RUNNING if runs else _FINISHED
        scan = words.MICROSOFT_365_SCAN
        return _job(customer_id, 0, _NOT_SCANNED if "waiting" in found else status, job_type=scan)

    def _runs(
        self, customer_id: str, number: int, job_type: int, module: int, now: float, *, interval: float
    ) -> Iterator[CustomerJob]:
        """Yield the jobs of one module that started in the past 24 hours."""
        at = self._timeline.schedule_seconds(now)
        newest = int(at // interval)
        for turn in range(newest, newest - int(_HISTORY_SECONDS / interval) - 1, -1):
            lot = self._lot(number, module, turn)
            begin = (turn + lot.delay) * interval
            end = begin + lot.minutes * MINUTE
            if begin > at:
                continue
            status, total = lot.status, lot.objects
            failed = total if status == _FAILED else total // 50 if status == _WITH_EXCEPTION else 0
            done = total if end <= at else int(total * (at - begin) / (end - begin))
            yield _job(
                customer_id,
                module,
                status if end <= at else _RUNNING,
                job_type=job_type,
                id=f"FB-{customer_id[:8]}-{module}-{turn}",
                start_unix_ns=self._timeline.wall_ns(begin),
                finish_unix_ns=self._timeline.wall_ns(end) if end <= at else None,
                total_objects=done,
                successful_objects=done - failed if end <= at else done,
                failed_objects=failed if end <= at else 0,
                backup_bytes=done * lot.object_bytes,
            )

    def _draw(self, number: int, module: int, turn: int) -> _Lot:
        source = Random(f"{self._seed}:customer-job:{number}:{module}:{turn}")
        return _Lot(
            delay=source.uniform(0.05, 0.45),
            minutes=source.uniform(4, 55),
            status=source.choices(
                (_FINISHED, _WITH_EXCEPTION, _FAILED, _SKIPPED, _FAILED_TO_START, _CANCELED),
                weights=(88, 5, 3, 2, 1, 1) if self._scenario == "varied" else (1, 0, 0, 0, 0, 0),
            )[0],
            objects=source.randint(20, 4_000),
            object_bytes=source.randint(10_000, 90_000_000),
        )


def _job(customer_id: str, module: int, status: int, **values: Any) -> CustomerJob:  # noqa: ANN401 - a record's fields
    values = {"job_type": words.MICROSOFT_365, **values}
    return CustomerJob(customer_id=customer_id, job_module=module, status=status, **values)


def _failed(job: CustomerJob) -> CustomerJob:
    """Return a copy of the job with the status `failed`, and with all object counts set to 0."""
    return replace(job, status=_FAILED, total_objects=0, successful_objects=0, failed_objects=0, backup_bytes=0)
