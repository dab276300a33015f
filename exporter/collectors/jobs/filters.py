"""Functions that classify jobs with the filters of a job list, and detect whether AvePoint ignores these filters."""

from collections.abc import Mapping
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
    """A filter of a job list. `parameter` is the name of the filter.

    `values` contains the codes of the values to request, by name. `all_values` contains the codes of all values that
    the API supports.
    """

    parameter: str
    values: Mapping[str, int]
    all_values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The filter values of the classified jobs, by job id.

    `conflicts` contains the ids of jobs that cannot be classified, because AvePoint returned each of these jobs for
    several values. `is_doubtful` is true if AvePoint rejected a value, returned an unlisted id, or ignored the filter.
    """

    values: Mapping[str, str]
    is_doubtful: bool
    conflicts: frozenset[str] = frozenset()


@dataclass(slots=True)
class Classification:
    """Classifies jobs by requesting the values of one filter in turn.

    `listed` contains the start times of all listed jobs. `wanted` contains the ids of the jobs to classify. `known`
    contains the filter values of jobs that have already been classified. If a response contains a job that was
    classified with a value other than the requested value, AvePoint ignores the filter.
    """

    job_list: JobList
    job_filter: JobFilter
    log: structlog.stdlib.BoundLogger
    page_size: int
    now: Ticks
    listed: Starts
    wanted: frozenset[str]
    known: Mapping[str, str]
    _claims: dict[str, str] = field(default_factory=dict)
    _conflicts: set[str] = field(default_factory=set)
    _responses: dict[str, set[str | None]] = field(default_factory=dict)
    _is_doubtful: bool = False

    async def run(self, all_ids: frozenset[str | None]) -> FilterResult:
        """Request one filter value after another until each job in `wanted` is classified.

        `all_ids` contains the ids of the unfiltered list. Raise AvePointError if a request fails. Raise BadRequestError
        if AvePoint rejects every requested value.
        """
        refused: BadRequestError | None = None
        answered = 0
        for name in self.job_filter.values:
            pending = self.wanted - self._claims.keys() - self._conflicts
            if not pending:
                break
            try:
                ids = await self._ids(name, pending)
            except BadRequestError as error:
                # AvePoint may accept the other values of the filter.
                context = {"filter": self.job_filter.parameter, "value": name}
                self.log.warning("AvePoint rejected the filter", **context, error=error, **error.context())
                refused, self._is_doubtful = error, True
                continue
            answered += 1
            self._is_doubtful = self._is_doubtful or not ids <= all_ids
            self._claim(name, ids)
        if refused is not None and not answered:
            raise refused
        if self._conflicts:
            self.log.warning("AvePoint ignores the filter", filter=self.job_filter.parameter, jobs=len(self._conflicts))
        return FilterResult(self._claims, self._is_doubtful or bool(self._conflicts), frozenset(self._conflicts))

    def _claim(self, name: str, ids: set[str | None]) -> None:
        for key in self.wanted & ids:
            if self._claims.setdefault(key, name) != name:
                self._conflicts.add(key)
        for key in self._conflicts:
            self._claims.pop(key, None)

    async def _ids(self, name: str, pending: frozenset[str]) -> set[str | None]:
        """Return the ids of the jobs with a filter value. If AvePoint ignores the filter, omit the ids in `wanted`."""
        if name in self._responses:
            return self._responses[name]
        first = min(self.listed[key] for key in pending)
        start = self._witness_start(name, first)
        ids = await self._request(name, start)
        if any(self.known.get(key or "", name) != name for key in ids):
            return self._ignored(ids)
        in_span = {key for key, one in self.listed.items() if one >= start}
        if not in_span <= ids:
            return ids
        # The response contains every job in the time range, so AvePoint may have ignored the filter.
        ids &= await self._request(name, start)
        other = self._other(name)
        if other is None or not in_span <= ids:
            return ids
        try:
            self._responses[other] = await self._request(other, start)
        except BadRequestError:
            return ids
        return self._ignored(ids) if ids & self._responses[other] else ids

    def _ignored(self, ids: set[str | None]) -> set[str | None]:
        self._conflicts |= self.wanted & ids
        self._claim("", set())
        return ids - self.wanted

    def _other(self, name: str) -> str | None:
        """Return a filter value other than `name`, preferably a value that will be requested later."""
        later = [one for one in self.job_filter.values if one != name and one not in self._claims.values()]
        return next(iter([*later, *(one for one in self.job_filter.all_values if one != name)]), None)

    def _witness_start(self, name: str, first: Ticks) -> Ticks:
        """Return the start of a time range that contains a classified job whose value is not `name`.

        If AvePoint returns the classified job, AvePoint ignores the filter. If no such job exists, or if an earlier
        start would add too many rows, return `first`.
        """
        starts = [self.listed[key] for key, value in self.known.items() if value != name and key in self.listed]
        earlier = max((start for start in starts if start < first), default=first)
        if any(start >= first for start in starts):
            return first
        return earlier if sum(start >= earlier for start in self.listed.values()) <= _MAX_WITNESS_ROWS else first

    async def _request(self, name: str, start: Ticks) -> set[str | None]:
        # The page size exceeds the expected number of rows by one, because a full page requires a request for the next
        # page.
        rows = 1 + sum(one >= start for one in self.listed.values())
        filters: dict[str, Any] = {self.job_filter.parameter: self.job_filter.all_values[name]}
        largest = min(max(rows, self.page_size), LARGEST_PAGE)
        return await self.job_list.ids(Span(start, self.now), size=self.page_size, largest=largest, **filters)
