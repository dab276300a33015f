"""Parameter and return types of the functions that find problems."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import NamedTuple

from exporter.health.facts import Facts, Source
from exporter.health.limits import CustomerLimits


class Subject(NamedTuple):
    """The labels of a problem's series other than account, customer, problem and severity."""

    product: str = ""
    workload: str = ""
    job_type: str = ""
    geo_location: str = ""
    service_type: str = ""


class Outcome(Enum):
    """The result of checking the facts about a subject.

    ABSENT means that AvePoint returns no value, so a problem can neither begin nor end.
    """

    WRONG = auto()
    FINE = auto()
    UNKNOWN = auto()
    ABSENT = auto()


class Finding(NamedTuple):
    """The result of checking one subject against the facts of one collector; without a finding there is no problem.

    `since` is when the problem began and `seen_since` when its condition was first seen; both are None if the facts do
    not contain the time. The condition is a problem only after it has lasted for `grace` seconds. If no new facts
    arrive, the finding stays valid until `changes_at`. Times are in Unix seconds.
    """

    subject: Subject
    outcome: Outcome
    collector: str
    since: float | None = None
    grace: float = 0.0
    seen_since: float | None = None
    changes_at: float = inf


@dataclass(frozen=True, slots=True)
class View:
    """All data that a function needs to find a problem of one customer."""

    facts: Facts
    limits: CustomerLimits
    now: float
    sources: Mapping[str, Source]
    is_tenant: bool


Find = Callable[[View], Iterator[Finding]]


def outcome(*, wrong: bool) -> Outcome:
    """Return WRONG or FINE."""
    return Outcome.WRONG if wrong else Outcome.FINE


def next_change(now: float, *times: float) -> float:
    """Return the earliest of the times after `now`, or infinity if there is none."""
    return min((time for time in times if time > now), default=inf)
