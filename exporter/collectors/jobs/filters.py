"""Classes that classify jobs with the filters of a job list, and detect whether AvePoint ignores these filters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from exporter.avepoint.job_lists import JobList, Span
from exporter.avepoint.reading.values import Ticks
from exporter.collectors.jobs.options import LARGEST_PAGE
from exporter.errors import BadRequestError

_MAX_WITNESS_ROWS: Final = 200

Starts = Mapping[str, Ticks]
"""Start times of jobs by id."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """A filter for a job list. `parameter` is the name of the filter.

    `values` maps the names of the requested values to their codes. `all_values` contains the codes of all values that
    the API supports.
    """

    parameter: str
    values: Mapping[str, int]
    all_values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The filter values of the classified jobs, keyed by job id.

    `conflicts` contains the ids of jobs that AvePoint returned for more than one value of the filter. These jobs cannot
    be classified. `is_doubtful` is true if AvePoint rejected a value, returned an unlisted id, or ignored the filter.
    For each value, `omitted` contains the ids of the jobs that AvePoint did not return. `refused` contains the rejected
    values.
    """

    values: Mapping[str, str]
    is_doubtful: bool
    conflicts: frozenset[str]
    omitted: Mapping[str, Collection[str]]
    refused: frozenset[str]

    def may_be(self, key: str, value: str) -> bool:
        """Return whether `value` may be the filter value of a job."""
        return self.values.get(key, value) == value and key not in self.omitted.get(value, ())


@dataclass(slots=True)
class Classification:
    """Classifies jobs by requesting the job list with each value of one filter.

    `all_ids` contains the ids of the unfiltered list. `listed` contains the start times of all listed jobs. `wanted`
    contains the ids of the jobs to classify. `known` contains the filter values of jobs that have already been
    classified. If a response for one value contains a job whose known value differs, AvePoint ignores the filter.
    `rejected` contains the values that AvePoint has rejected in every recent refresh.

    A response that omits a listed job proves that AvePoint applies the filter. A response that contains every listed
    job proves nothing. A job in such a response is classified only if the responses for all other values omit the job.
    """

    job_list: JobList
    job_filter: JobFilter
    log: structlog.stdlib.BoundLogger
    page_size: int
    now: Ticks
    all_ids: frozenset[str | None]
    listed: Starts
    wanted: frozenset[str]
    known: Mapping[str, str]
    rejected: Collection[str]
    _claims: dict[str, str] = field(default_factory=dict)
    _proven: set[str] = field(default_factory=set)
    _conflicts: set[str] = field(default_factory=set)
    _omitted: dict[str, set[str]] = field(default_factory=dict)
    _refused: dict[str, BadRequestError] = field(default_factory=dict)
    _is_doubtful: bool = False

    async def run(self) -> FilterResult:
        """Request one filter value after another until each job in `wanted` is classified.

        Raise AvePointError if a request fails. Raise BadRequestError if AvePoint rejects every requested value.
        """
        requested = 0
        for name in {**self.job_filter.values, **self.job_filter.all_values}:
            if pending := self._pending(name):
                requested += 1
                await self._request_value(name, pending)
        if self._refused and len(self._refused) == requested:
            raise next(iter(self._refused.values()))
        if self._conflicts:
            self.log.warning("AvePoint ignores the filter", filter=self.job_filter.parameter, jobs=len(self._conflicts))
        values = {key: name for key, name in self._claims.items() if self._is_certain(key, name)}
        is_doubtful = self._is_doubtful or bool(self._conflicts or self._refused)
        return FilterResult(values, is_doubtful, frozenset(self._conflicts), self._omitted, frozenset(self._refused))

    def _pending(self, name: str) -> frozenset[str]:
        """Return the ids of the jobs that need a request with this filter value."""
        # A value that is not in `values` is requested only for jobs that AvePoint has returned for another value.
        pending = self.wanted - self._conflicts - self._proven
        return pending if name in self.job_filter.values else pending & self._claims.keys()

    async def _request_value(self, name: str, pending: frozenset[str]) -> None:
        start = self._witness_start(name, min(self.listed[key] for key in pending))
        try:
            ids = every_id = await self._request(name, start)
            if self._is_unproven(name, start, ids):  # AvePoint may apply the filter to the second request.
                again = await self._request(name, start)
                ids, every_id = ids & again, ids | again
        except BadRequestError as error:
            # Continue with the other values, because AvePoint may accept them.
            context = {"filter": self.job_filter.parameter, "value": name}
            self.log.warning("AvePoint rejected the filter", **context, error=error, **error.context())
            self._refused[name] = error
            return
        returned = self.wanted & ids
        if every_id <= self.all_ids:
            self._omitted[name] = {key for key in self.wanted if self.listed[key] >= start} - returned
        else:
            self._is_doubtful = True
        if self._is_ignored(name, ids):
            self._conflicts |= returned
        elif not self._is_unproven(name, start, ids):
            self._proven |= returned
        self._claim(name, returned)

    def _is_ignored(self, name: str, ids: Collection[str | None]) -> bool:
        """Return whether the response for `name` contains a job that has a different known value."""
        return any(self.known.get(key or "", name) != name for key in ids)

    def _is_unproven(self, name: str, start: Ticks, ids: Collection[str | None]) -> bool:
        """Return whether the response for `name` does not prove that AvePoint applied the filter."""
        omits_any = any(one >= start and key not in ids for key, one in self.listed.items())
        return self._is_ignored(name, ids) or not omits_any

    def _claim(self, name: str, returned: Collection[str]) -> None:
        """Record `name` as the filter value of the returned jobs. If a job has several values, drop all of them."""
        for key in returned:
            if self._claims.setdefault(key, name) != name:
                self._conflicts.add(key)
        for key in self._conflicts:
            self._claims.pop(key, None)

    def _is_certain(self, key: str, name: str) -> bool:
        """Return whether AvePoint certainly applied the filter to a job, or omitted the job for all other values."""
        others = self.job_filter.all_values.keys() - {name} - set(self.rejected)
        return key in self._proven or all(key in self._omitted.get(other, ()) for other in others)

    def _witness_start(self, name: str, first: Ticks) -> Ticks:
        """Return the start of a time range that contains a job whose known value differs from `name`.

        If the response for `name` contains this job, AvePoint ignores the filter. Return `first` if no such job
        is listed, or if the longer time range would contain too many rows.
        """
        starts = [self.listed[key] for key, value in self.known.items() if value != name and key in self.listed]
        earlier = max((start for start in starts if start < first), default=first)
        if any(start >= first for start in starts):
            return first
        return earlier if sum(start >= earlier for start in self.listed.values()) <= _MAX_WITNESS_ROWS else first

    async def _request(self, name: str, start: Ticks) -> set[str | None]:
        # The page size exceeds the expected number of rows by one, because a full page would cause a second request.
        rows = 1 + sum(one >= start for one in self.listed.values())
        filters: dict[str, Any] = {self.job_filter.parameter: self.job_filter.all_values[name]}
        largest = min(max(rows, self.page_size), LARGEST_PAGE)
        return await self.job_list.ids(Span(start, self.now), size=self.page_size, largest=largest, **filters)
