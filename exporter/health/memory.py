"""What a verdict remembers of a customer: problems that are held, and when states were first seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, get_args

from exporter.config.expectations import ProblemName
from exporter.health.findings import Subject

_NAMES: Final[frozenset[str]] = frozenset(get_args(ProblemName))
_EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})


class ProblemKey(NamedTuple):
    """What tells two problems of one customer apart."""

    problem: ProblemName
    subject: Subject


@dataclass(frozen=True, slots=True)
class HeldProblem:
    """A problem that a customer has; Unix seconds.

    `start` is when it began; `began` is when the exporter found it, which facts that end it must be newer than.
    `rules` is the fingerprint of the limits under which it was last confirmed.
    """

    key: ProblemKey
    start: float
    began: float
    collector: str
    rules: str


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one customer. `judged` are the collectors whose facts were judged while they were fresh."""

    held: Mapping[ProblemKey, HeldProblem] = field(default_factory=lambda: _EMPTY)
    first_seen: Mapping[ProblemKey, float] = field(default_factory=lambda: _EMPTY)
    judged: frozenset[str] = frozenset()

    def dump(self) -> object:
        """Return it as JSON."""
        return {
            "held": [
                [*_dump_key(one.key), one.start, one.began, one.collector, one.rules] for one in self.held.values()
            ],
            "first_seen": [[*_dump_key(key), time] for key, time in self.first_seen.items()],
            "judged": sorted(self.judged),
        }

    @classmethod
    def load(cls, dumped: object) -> "Memory":
        """Return what `dump` wrote, without problems that no longer exist; raises ValueError for anything else."""
        match dumped:
            case {"held": list(held), "first_seen": list(first_seen), "judged": list(judged)}:
                problems = [one for row in held if (one := _load_held(row)) is not None]
                times = [time for row in first_seen if (time := _load_time(row)) is not None]
                return cls({one.key: one for one in problems}, dict(times), frozenset(map(str, judged)))
            case _:
                raise ValueError("not the memory of a verdict")


def _dump_key(key: ProblemKey) -> list[object]:
    return [key.problem, list(key.subject)]


def _load_key(problem: object, subject: object) -> ProblemKey | None:
    if not (isinstance(subject, list) and len(subject) == len(Subject._fields)):
        raise ValueError("not the subject of a problem")
    return ProblemKey(problem, Subject(*map(str, subject))) if problem in _NAMES else None  # type: ignore[arg-type] # in _NAMES


def _load_held(row: object) -> HeldProblem | None:
    match row:
        case [problem, subject, float() | int() as start, float() | int() as began, str(collector), str(rules)]:
            key = _load_key(problem, subject)
            return None if key is None else HeldProblem(key, float(start), float(began), collector, rules)
        case _:
            raise ValueError("not a problem that is held")


def _load_time(row: object) -> tuple[ProblemKey, float] | None:
    match row:
        case [problem, subject, float() | int() as time]:
            key = _load_key(problem, subject)
            return None if key is None else (key, float(time))
        case _:
            raise ValueError("not the time of a state")
