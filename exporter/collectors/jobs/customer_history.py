"""The history of a job list: the last successful jobs, and the counts of completed jobs."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Final

from exporter.avepoint.reading.values import CLOCK_TOLERANCE, TICKS_PER_SECOND, Ticks
from exporter.avepoint.reading.vocabulary import FAILED, FINISHED, INCOMPLETE, worst_state
from exporter.collectors.jobs.counter import JobCounter
from exporter.collectors.jobs.families import Job, JobKind, Unsuccessful, by_start, newer_success
from exporter.collectors.jobs.state import parse_kind, parse_name, parse_success, parse_ticks, require, success_rows

_ZERO_FILLED: Final = (FINISHED, "failed", "finished_with_exception")
"""States whose counters start at 0.

To limit the number of series, the counter of any other state is exposed only after the first job in this state.
"""
_KEPT_ABSENT: Final = 30 * 86_400 * TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class _Resource:
    """The job history of one resource. Timestamps are in ticks.

    `success` is the finish time of the last successful job, or 0 if no job was successful. `listed_at` is the time at
    which AvePoint last listed the resource. `completed_state` is the state of the last completed job, or "" if the
    state is unknown. `completed_at` is the finish time of the last completed job. If the finish time is unknown,
    `completed_at` is the start time.
    """

    success: Ticks
    listed_at: Ticks
    completed_state: str
    completed_at: Ticks


@dataclass(slots=True)
class JobHistory:
    """The job history of one customer, or of one product of a tenant.

    If a `JobKind` has several resources, `completed_states` contains the worst state of the resources' last completed
    jobs. `unsuccessful` contains the last completed job of each resource if the job is "failed" or "incomplete".
    """

    last_success: dict[JobKind, Ticks] = field(default_factory=dict)
    counter: JobCounter = field(default_factory=lambda: JobCounter(_ZERO_FILLED))
    resources: dict[tuple[JobKind, str], _Resource] = field(default_factory=dict)
    completed_states: dict[JobKind, str] = field(default_factory=dict)
    unsuccessful: dict[JobKind, tuple[Unsuccessful, ...]] = field(default_factory=dict)

    @classmethod
    def unpacked(cls, packed: bytes) -> "JobHistory":
        """Restore a history from bytes that `packed` returned. Raise ValueError if the bytes are invalid."""
        try:
            return cls.of_state(json.loads(zlib.decompress(packed)))
        except zlib.error:
            raise ValueError("expected zlib-compressed data") from None

    @classmethod
    def of_state(cls, state: object) -> "JobHistory":
        """Restore a history from a state that `dump_state` returned. Raise ValueError if the state is invalid."""
        match state:
            case {"last_success": list(successes), "counter": counter, **others}:
                history = cls(dict(map(parse_success, successes)))
                history.counter.load_state(counter)
                history.resources = _parse_resources(others.get("resources", []))
                history.completed_states = _parse_states(others.get("completed_states", []))
                return history
            case _:
                raise ValueError("expected a history of jobs")

    def add(
        self,
        jobs: Mapping[JobKind, list[Job]],
        now: Ticks,
        *,
        is_short: bool,
        since: Ticks | None = None,
        has_unread: bool = False,
    ) -> None:
        """Add the jobs of one refresh. For the arguments, see `JobCounter.count`."""
        self.unsuccessful = {}
        for kind, of_kind in jobs.items():
            if any(job.resource for job in of_kind):
                self._add_resources(kind, of_kind, now)
                continue
            if (completed := _last_completed(of_kind)) is not None:
                self.completed_states[kind] = completed.state
            for job in of_kind:
                if (success := newer_success(self.last_success.get(kind), job, now)) is not None:
                    self.last_success[kind] = success
        self.resources = {key: one for key, one in self.resources.items() if now - one.listed_at <= _KEPT_ABSENT}
        self.counter.count(jobs, now=now, since=since, has_unread=has_unread, is_short=is_short)

    def _add_resources(self, kind: JobKind, jobs: Iterable[Job], now: Ticks) -> None:
        """Update the resources of a `JobKind`. Ignore resources that AvePoint no longer lists.

        Store the time of the earliest success among the resources' last successes, and the worst state among the
        resources' last completed jobs. If any resource has no successful job, remove the stored success. If no resource
        has a completed job, remove the stored state.
        """
        by_name: dict[str, list[Job]] = {}
        for job in jobs:
            by_name.setdefault(job.resource, []).append(job)
        # If no resource names are stored, the stored success applies to all resources, because earlier responses did
        # not contain the names.
        is_new = not any((kind, name) in self.resources for name in by_name)
        success = self.last_success.pop(kind, None) if is_new else None
        listed = {
            (kind, name): self._resource((kind, name), of_name, success, now) for name, of_name in by_name.items()
        }
        self.resources |= listed
        self.last_success.pop(kind, None)
        successes = [one.success for one in listed.values()]
        # A finish time in the future is stored but not exposed, because the exporter's clock may be wrong.
        if all(0 < success <= now + CLOCK_TOLERANCE for success in successes):
            self.last_success[kind] = min(successes)
        self.completed_states.pop(kind, None)
        if states := [one.completed_state for one in listed.values() if one.completed_state]:
            self.completed_states[kind] = worst_state(states)
        self.unsuccessful[kind] = tuple(
            Unsuccessful(name, one.completed_state, one.completed_at)
            for (_, name), one in listed.items()
            if one.completed_state in (*FAILED, *INCOMPLETE)
        )

    def _resource(
        self, key: tuple[JobKind, str], jobs: list[Job], earlier_success: Ticks | None, now: Ticks
    ) -> _Resource:
        """Return the history of a resource.

        If no history of the resource is stored, `earlier_success` is the time of the last known success.
        """
        stored = self.resources.get(key, _Resource(earlier_success or Ticks(0), now, "", Ticks(0)))
        success = stored.success or None
        for job in jobs:
            success = newer_success(success, job, now)
        last = _last_completed(jobs)
        if last is None:
            return _Resource(success or Ticks(0), now, stored.completed_state, stored.completed_at)
        return _Resource(success or Ticks(0), now, last.state, last.start if last.finish is None else last.finish)

    def packed(self) -> bytes:
        """Return the history as compressed JSON."""
        return zlib.compress(json.dumps(self.dump_state(), separators=(",", ":")).encode(), level=1)

    def dump_state(self) -> object:
        """Return the history as JSON values."""
        return {
            "last_success": success_rows(self.last_success),
            "counter": self.counter.dump_state(),
            "completed_states": [[*kind, name] for kind, name in self.completed_states.items()],
            "resources": [[*kind, name, *astuple(one)] for (kind, name), one in self.resources.items()],
        }


def _last_completed(jobs: Iterable[Job]) -> Job | None:
    return max((job for job in jobs if not job.is_running), key=by_start, default=None)


def _parse_states(value: object) -> dict[JobKind, str]:
    if not isinstance(value, list) or not all(isinstance(row, list) and row for row in value):
        raise ValueError("expected the states of completed jobs")
    return {parse_kind(kind): parse_name(name) for *kind, name in value}


def _parse_resources(value: object) -> dict[tuple[JobKind, str], _Resource]:
    return dict(map(_parse_resource, require(list, value, "a list of resources")))


def _parse_resource(value: object) -> tuple[tuple[JobKind, str], _Resource]:
    match value:
        case [*kind, name, success, listed_at, str(completed_state), completed_at]:
            times = parse_ticks(success), parse_ticks(listed_at)
            resource = _Resource(*times, parse_name(completed_state), parse_ticks(completed_at))
            return (parse_kind(kind), parse_name(name)), resource
        case [*kind, name, success, listed_at, str(completed_state)]:  # The state was written by an older version.
            times = parse_ticks(success), parse_ticks(listed_at)
            return (parse_kind(kind), parse_name(name)), _Resource(*times, parse_name(completed_state), times[1])
        case [*kind, name, success, listed_at]:  # The state was written by an older version.
            times = parse_ticks(success), parse_ticks(listed_at)
            return (parse_kind(kind), parse_name(name)), _Resource(*times, "", times[1])
        case _:
            raise ValueError("expected a resource and its job history")
