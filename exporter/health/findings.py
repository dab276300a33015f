"""Parameter and return types of the functions that find problems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import NamedTuple

from exporter.health.facts import Facts, Source
from exporter.health.limits import CustomerLimits


class Subject(NamedTuple):
    """The labels of a problem, except `account`, `customer_id`, `problem` and `severity`."""

    product: str = ""
    workload: str = ""
    job_type: str = ""
    geo_location: str = ""
    service_type: str = ""


class Outcome(Enum):
    """The result of checking the facts about a subject.

    If AvePoint does not return the value, the result is ABSENT. This result neither begins nor ends a problem.
    """

    WRONG = auto()
    FINE = auto()
    UNKNOWN = auto()
    ABSENT = auto()


class Finding(NamedTuple):
    """The result of checking one subject with the facts from one collector.

    `since` is the time when the problem began, and `seen_since` is the time when its condition was first seen. Each of
    these timestamps is None if the facts do not contain it. The condition becomes a problem after it has lasted for
    `grace` seconds. If no new facts arrive, the finding remains valid until `changes_at`. Timestamps are in Unix
    seconds.

    If a finding is unknown, a current problem remains active until `held_for` seconds after the start of the problem.
    If `is_unclassified` is true, the facts may describe any subject of the product. Such a finding keeps problems
    active if there are no facts about their subjects. A finding about a dropped row is also unclassified.
    """

    subject: Subject
    outcome: Outcome
    collector: str
    since: float | None = None
    grace: float = 0.0
    seen_since: float | None = None
    changes_at: float = inf
    held_for: float = inf
    is_unclassified: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All data that a function needs to find the problems of one customer."""

    facts: Facts
    limits: CustomerLimits
    now: float
    sources: Mapping[str, Source]
    is_tenant: bool


Find = Callable[[View], Iterator[Finding]]


def outcome(*, wrong: bool) -> Outcome:
    """Return WRONG if `wrong` is true, else FINE."""
    return Outcome.WRONG if wrong else Outcome.FINE


def next_change(now: float, *times: float) -> float:
    """Return the earliest timestamp in `times` that is after `now`. If all timestamps have passed, return infinity."""
    return min((time for time in times if time > now), default=inf)
