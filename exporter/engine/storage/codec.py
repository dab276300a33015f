"""Converts samples, states and statuses to the database format and back."""

import json
import math
import re
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from exporter.avepoint.reading.values import CLOCK_TOLERANCE, seconds
from exporter.clock import Clock
from exporter.collectors.base import Family, Sample
from exporter.config.schema import Account
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import ReadResult
from exporter.engine.storage.database import StoredCustomer, StoredRows
from exporter.engine.storage.registration import changed_labels

_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_LEVEL: Final = 1  # compression level of samples


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """The status of a collector's most recent refresh. `failed` contains the ids of the customers that failed."""

    up: bool | None = None
    off: bool = False
    last_attempt: float | None = None
    duration: float | None = None
    failed: Collection[str] = ()

    def dump(self) -> str:
        """Return the status as JSON."""
        return to_json([self.up, self.off, self.last_attempt, self.duration, sorted(self.failed)])

    @classmethod
    def load(cls, text: str | None) -> "StoredStatus":
        """Return the status from the JSON that `dump` returned. If the JSON is invalid, return an empty status."""
        try:
            match json.loads(text or "null"):
                case [True | False | None as up, bool(off), attempt, duration, list(failed)]:
                    return cls(up, off, _optional(attempt), _optional(duration), tuple(map(str, failed)))
        except ValueError:
            pass
        return cls()


@dataclass(frozen=True, slots=True)
class StoredState:
    """The stored state of a collector. The keys of `reads` and `states` are customer ids.

    If `is_known` is false, loading has failed. A later attempt may succeed.
    """

    reads: Mapping[str, ReadResult] = field(default_factory=dict)
    states: Mapping[str, object] = field(default_factory=dict)
    last_success: float | None = None
    status: StoredStatus = field(default_factory=StoredStatus)
    is_known: bool = True


class Decoder:
    """Converts database rows to samples and states."""

    def __init__(self, families: Collection[Family], clock: Clock, log: structlog.stdlib.BoundLogger) -> None:
        self._families = {family.name: family for family in families}
        self._clock = clock
        self._log = log

    def state(self, account: Account, collector: str, rows: StoredRows) -> StoredState:
        """Return the state from the rows of a collector. Invalid rows are logged and dropped."""
        labels = {row.labels for row in rows.customers}
        changed = {text: changed_labels(json.loads(text), account) for text in labels}
        shared, reads, states = SharedSeries(), dict[str, ReadResult](), dict[str, object]()
        for row in rows.customers:
            try:
                if (state := json.loads(row.state or "null")) is not None:
                    states[row.customer_id] = state
                if (read := self._read(row, shared)) is not None:
                    reads[row.customer_id] = read.without_labels(changed[row.labels])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError, zlib.error) as error:
                self._log.warning("state of a customer is invalid and was dropped", account=account.name,
                                  collector=collector, customer_id=row.customer_id, error=error)  # fmt: skip
        return StoredState(reads, states, rows.collector.last_success, StoredStatus.load(rows.collector.status))

    def _read(self, row: StoredCustomer, shared: SharedSeries) -> ReadResult | None:
        """Restore stored samples with their original timestamps.

        Omit samples of families that no longer exist. Omit timestamps in the future, except in families that
        describe upcoming events.
        """
        if row.samples is None or row.read_at is None:
            return None
        latest = self._clock.time() + seconds(CLOCK_TOLERANCE)
        age = max(0.0, self._clock.time() - row.read_at)
        samples: Collection[Sample] = tuple(
            Sample(family, tuple(map(_label, labels)), _number(value))
            for name, labels, value in json.loads(zlib.decompress(row.samples))
            if (family := self._families.get(name)) is not None
            and len(labels) == len(family.labels) - 1
            and (family.is_coming or value <= latest or not family.name.endswith("_timestamp_seconds"))
        )
        if row.customer_id:
            samples = shared.samples(row.customer_id, samples)
        return ReadResult(samples, row.read_at, self._clock.monotonic() - age, is_complete=bool(row.is_complete))


def customer_row(customer_id: str, labels: str, read: ReadResult | None, state: object) -> StoredCustomer:
    """Return a row with a customer's samples and state. If `read` is None, the row contains no samples."""
    row = StoredCustomer(customer_id, labels, None, True, None, None if state is None else to_json(state))
    if read is None:
        return row
    samples = pack((sample.family.name, sample.labels, sample.value) for sample in read.samples)
    return row._replace(read_at=read.read_at, is_complete=read.is_complete, samples=samples)


def pack(samples: Iterable[Sequence[Any]]) -> bytes:
    """Return samples as compressed JSON."""
    return zlib.compress(to_json(list(samples)).encode(), _LEVEL)


def to_json(value: object) -> str:
    """Return a value as compact JSON that contains only ASCII characters."""
    return json.dumps(value, separators=(",", ":"))


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not -sys.float_info.max <= value <= math.inf:
        raise ValueError("not a number")
    return float(value)


def _label(value: object) -> str:
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", str(value))  # UTF-8 cannot encode surrogates.
