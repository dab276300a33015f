"""Import the persistent state that earlier versions stored in JSON files."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from exporter.engine.storage.codec import pack, to_json
from exporter.engine.storage.database import (
    Change,
    CollectorKey,
    FinishRefresh,
    PutCustomer,
    StoredCollector,
    StoredCustomer,
)

Samples = list[list[Any]]


@dataclass(frozen=True, slots=True)
class JsonState:
    """The content of a JSON file. The keys of `reads` and `states` are customer ids."""

    last_success: float | None
    labels: object
    reads: Mapping[str, tuple[float, bool, Samples]]
    states: Mapping[str, object]


def changes_from_json(
    folder: Path, key: CollectorKey, log: structlog.stdlib.BoundLogger
) -> tuple[Path, Sequence[Change]]:
    """Return the path of a collector's JSON file, and the changes that import the file into the database.

    If the file is missing or unusable, return no changes.
    """
    path = folder / f"{key.account}--{key.collector}.json"
    try:
        stored = _read_json_state(path, key.registration)
    except FileNotFoundError:
        return path, ()
    except (OSError, ValueError) as error:
        log.warning("unusable state file of an earlier version was ignored", file=str(path), error=error)
        return path, ()
    if stored is None:
        log.info("stored state of another registration was ignored", file=str(path))
        return path, ()
    customers = frozenset({*stored.reads, *stored.states})
    puts = [PutCustomer(key, customer, partial(_row, stored, customer)) for customer in customers]
    return path, (*puts, FinishRefresh(key, StoredCollector(stored.last_success), customers, customers))


def _row(stored: JsonState, customer_id: str) -> StoredCustomer:
    read_at, is_complete, samples = stored.reads.get(customer_id, (None, True, None))
    packed = None if samples is None else pack(samples)
    state = to_json(stored.states.get(customer_id))
    return StoredCustomer(customer_id, to_json(stored.labels), read_at, is_complete, packed, state)


def _read_json_state(path: Path, registration: str) -> JsonState | None:
    """Return the state from a file, or None if the state belongs to another registration.

    Raise ValueError if the file is invalid.
    """
    try:
        document = json.loads(path.read_bytes())
        if (document["format"], document["version"]) != ("avepoint-exporter", 1):
            raise ValueError("the file has another format or version")
        if document["registration"] != registration:
            return None
        last_success, remembered = document["last_success"], document["remembered"]
        return JsonState(
            None if last_success is None else _time(last_success),
            document.get("appearance"),
            {
                key: (_time(read["read_at"]), read.get("is_complete", True) is True, read["samples"])
                for key, read in document["known"].items()
            },
            remembered["customers"] if _is_of_customers(remembered) else {"": remembered},
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"unexpected {type(error).__name__}") from None


def _is_of_customers(remembered: object) -> bool:
    return isinstance(remembered, dict) and isinstance(remembered.get("customers"), dict)


def _time(value: object) -> float:
    if not isinstance(value, int | float) or not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError("not a time")
    return float(value)
