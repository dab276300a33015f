"""A filter that limits similar log lines. Otherwise, one client, account or server could fill the log.

The first line of each kind is written immediately. During the next minute, identical lines are counted but not written.
The count is written at the end of the minute, or when the process ends.
"""

import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

WINDOW: Final = 60.0
"""Length of a time window in seconds. In each window, identical lines are written only once."""
SUPPRESSED: Final = "similar lines suppressed"
"""Message of the log line that reports how many lines were suppressed."""
_MAX_VARIANTS: Final = 10
"""Maximum number of different lines of one kind per window. For example, each line may name a different customer."""
_MAX_KINDS: Final = 1000
_DIGITS: Final = re.compile(r"\d+")
_VARYING: Final = frozenset({"request_id", "timestamp", "ts", "_record", "_logger", "_name", "_from_structlog"})

Kind = tuple[str, int, str, str, str]
"""The logger, level, message, account and collector that similar lines have in common."""


@dataclass(slots=True)
class _Window:
    ends: float
    written: set[Collection[str]] = field(default_factory=set)
    suppressed: int = 0


class RepeatFilter(logging.Filter):
    """Writes identical lines only once per time window, and limits the number of similar lines per window.

    Debug lines always pass the filter. A handler must call `due` to get the numbers of suppressed lines. `clock`
    returns the monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[Kind, _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record."""
        if record.levelno <= logging.DEBUG or _event(record).get("event") == SUPPRESSED:
            return True
        kind, variant = _kind(record), _variant(record)
        with self._lock:
            if kind not in self._windows and len(self._windows) >= _MAX_KINDS:
                kind = (record.name, record.levelno, "", "", "")  # too many kinds: new messages share one kind
            window = self._windows.setdefault(kind, _Window(self._clock() + WINDOW))
            if variant in window.written or len(window.written) >= _MAX_VARIANTS:
                window.suppressed += 1
                return False
            window.written.add(variant)
            return True

    def due(self, *, all_windows: bool = False) -> list[tuple[Kind, int]]:
        """Remove the expired windows, and return the number of suppressed lines per kind.

        If `all_windows` is true, include the windows that have not expired.
        """
        now = self._clock()
        with self._lock:
            ended = [kind for kind, window in self._windows.items() if all_windows or now >= window.ends]
            counts = [(kind, self._windows.pop(kind).suppressed) for kind in ended]
        return [(kind, count) for kind, count in counts if count]


def _event(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of a record. Log records of other libraries have no fields except the message."""
    return record.msg if isinstance(record.msg, dict) else {"event": record.msg}


def _kind(record: logging.LogRecord) -> Kind:
    event = _event(record)
    message = _DIGITS.sub("0", str(event.get("event", "")))
    return record.name, record.levelno, message, str(event.get("account", "")), str(event.get("collector", ""))


def _variant(record: logging.LogRecord) -> tuple[str, ...]:
    """Return the message and the fields of a record, without numbers and request ids."""
    if not isinstance(record.msg, dict):
        return (_DIGITS.sub("0", record.getMessage()),)
    return tuple(
        str(value) if key == "customer_id" else _DIGITS.sub("0", str(value))
        for key, value in sorted(record.msg.items())
        if key not in _VARYING and not isinstance(value, int | float)
    )
