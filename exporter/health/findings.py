"""What the functions of the problems take and return."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import NamedTuple

from exporter.health.facts import Facts, Source
from exporter.health.limits import CustomerLimits


class Subject(NamedTuple):
    """What a problem is about: the labels of its series beside account, customer, problem and severity."""

    product: str = ""
    workload: str = ""
    job_type: str = ""
    geo_location: str = ""
    service_type: str = ""


class Outcome(Enum):
    """What facts say of a subject. ABSENT: AvePoint gives no value, so a problem can neither begin nor end."""

    WRONG = auto()
    FINE = auto()
    UNKNOWN = auto()
    ABSENT = auto()


class Finding(NamedTuple):
    """What one collector's facts say of one subject; a subject without a finding is fine.

    `since` is when the problem began, if facts tell. `grace` is for how many seconds the state may last, `seen_since`
    from when facts have it. `changes_at` is the next time at which time alone changes the finding. All in Unix seconds.
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
    """Everything that a problem depends on."""

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
    """Return the first of the times that lies ahead."""
    return min((time for time in times if time > now), default=inf)
