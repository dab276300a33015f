"""JSON files in which earlier versions stored persistent state.

The exporter moves the content of these files into the database.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.engine.database import CollectorKey

Samples = list[list[Any]]


@dataclass(frozen=True, slots=True)
class JsonState:
    """The content of a JSON file. The keys of `reads` and `states` are customer ids."""

    last_success: float | None
    labels: object
    reads: Mapping[str, tuple[float, bool, Samples]]
    states: Mapping[str, object]


def json_path(folder: Path, key: CollectorKey) -> Path:
    """Return the path of a collector's file."""
    return folder / f"{key.account}--{key.collector}.json"


def read_json_state(path: Path, registration: str) -> JsonState | None:
    """Return the state in a file, or None if it belongs to another registration.

    Raise ValueError if the file is invalid.
    """
    try:
        document = json.loads(path.read_bytes())
        if (document["format"], document["version"]) != ("avepoint-exporter", 1):
            raise ValueError("another format or version")
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
    match remembered:
        case {"customers": dict()}:
            return True
        case _:
            return False


def _time(value: object) -> float:
    if not isinstance(value, int | float) or not -sys.float_info.max <= value <= sys.float_info.max:
        raise ValueError("not a time")
    return float(value)
