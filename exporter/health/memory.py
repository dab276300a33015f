"""The state that is saved for the next verdict on a customer."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, get_args

from exporter.config.expectations import ProblemName
from exporter.health.findings import Subject

_NAMES: Final[frozenset[str]] = frozenset(get_args(ProblemName))
_EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})
_MOST_SHARED: Final = 10_000  # more than a normal account needs; the limit protects against malicious servers
_H = TypeVar("_H", bound=Hashable)


@lru_cache(_MOST_SHARED)
def _shared(value: Hashable) -> Hashable:
    return value


def shared(value: _H) -> _H:
    """Return one shared object for identical values. This saves memory, because many customers have the same values."""
    return _shared(value)  # type: ignore[return-value] # The cached value has the same type.


class ProblemKey(NamedTuple):
    """Identifies one problem of a customer."""

    problem: ProblemName
    subject: Subject


@dataclass(frozen=True, slots=True)
class HeldProblem:
    """A current problem of a customer. Timestamps are in Unix seconds.

    `start` is the time when the problem began. `began` is the time when the exporter detected the problem. Only facts
    that were read after `began` can end the problem. `rules` is the fingerprint of the limits that were configured when
    the problem was last confirmed.
    """

    key: ProblemKey
    start: float
    began: float
    collector: str
    rules: str


@dataclass(frozen=True, slots=True)
class Memory:
    """The saved state of one customer. `judged` contains the collectors whose facts have been fresh at least once."""

    held: Mapping[ProblemKey, HeldProblem] = field(default_factory=lambda: _EMPTY)
    first_seen: Mapping[ProblemKey, float] = field(default_factory=lambda: _EMPTY)
    judged: frozenset[str] = frozenset()

    def dump(self) -> Mapping[str, object]:
        """Return the state as JSON values."""
        return {
            "held": [
                [*_dump_key(one.key), one.start, one.began, one.collector, one.rules] for one in self.held.values()
            ],
            "first_seen": [[*_dump_key(key), time] for key, time in self.first_seen.items()],
            "judged": sorted(self.judged),
        }

    @classmethod
    def load(cls, dumped: object) -> "Memory":
        """Restore the state that `dump` returned, and drop problems with unknown names.

        Raise ValueError if the format of `dumped` is invalid.
        """
        match dumped:
            case {"held": list(held), "first_seen": list(first_seen), "judged": list(judged)}:
                problems = [one for row in held if (one := _load_held(row)) is not None]
                times = [time for row in first_seen if (time := _load_time(row)) is not None]
                return cls({one.key: one for one in problems}, dict(times), shared(frozenset(map(str, judged))))
            case _:
                raise ValueError("expected the saved state of a customer")


def _dump_key(key: ProblemKey) -> list[object]:
    return [key.problem, list(key.subject)]


def _load_key(problem: object, subject: object) -> ProblemKey | None:
    if not (isinstance(subject, list) and len(subject) == len(Subject._fields)):
        raise ValueError("expected a saved subject")
    return shared(ProblemKey(problem, Subject(*map(str, subject)))) if problem in _NAMES else None  # type: ignore[arg-type] # in _NAMES


def _load_held(row: object) -> HeldProblem | None:
    match row:
        case [problem, subject, float() | int() as start, float() | int() as began, str(collector), str(rules)]:
            key = _load_key(problem, subject)
            return None if key is None else HeldProblem(key, float(start), float(began), collector, rules)
        case _:
            raise ValueError("expected a saved problem")


def _load_time(row: object) -> tuple[ProblemKey, float] | None:
    match row:
        case [problem, subject, float() | int() as time]:
            key = _load_key(problem, subject)
            return None if key is None else (key, float(time))
        case _:
            raise ValueError("expected a saved timestamp of a condition")
