"""Merge two versions of the persistent state that two processes have changed independently.

For each timestamp and counter, the result contains the greater value. The result contains the job ids of both versions.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PACKED: Final = "eJ", "eA", "eN", "eF"
"""Prefixes of zlib data in base64. The histories of customers are stored in this format."""


def merge(own: Any, stored: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return the merged version of two JSON values.

    If both values are numbers, return the greater number. Merge objects key by key, and merge lists row by row. For all
    other types, return the stored value.
    """
    if stored is None or own == stored:
        return own
    match own, stored:
        case int() | float(), int() | float() if not isinstance(own, bool):
            return max(own, stored)
        case dict(), dict():
            return _merge_objects(own, stored)
        case list(), list():
            return _merge_rows(own, stored)
        case str(), str() if own.startswith(_PACKED) and stored.startswith(_PACKED):
            return _merge_packed(own, stored)
        case _:
            return stored


def _merge_objects(own: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    return {key: merge(own.get(key), stored.get(key)) for key in {**stored, **own}}


def _merge_rows(own: Sequence[Any], stored: Sequence[Any]) -> list[Any]:
    """Merge each pair of rows with identical names. Keep all other rows of both lists, and drop duplicates."""
    rows = {_names(row): row for row in own}
    for row in stored:
        name = _names(row)
        if isinstance(row, list) and isinstance(mine := rows.get(name), list) and len(mine) == len(row):
            rows[name] = [merge(*pair) for pair in zip(mine, row, strict=True)]
        else:
            rows[name] = row
    return list(rows.values())


def _names(row: object) -> str:
    """Return the names that identify a row, as JSON.

    The names are the leading strings and lists of the row.
    """
    if not isinstance(row, list):
        return json.dumps(row)
    names = []
    for value in row:
        if not isinstance(value, str | list):
            break
        names.append(value)
    return json.dumps([names])


def _merge_packed(own: str, stored: str) -> str:
    """Merge two compressed histories. If one of the histories is invalid, return the stored history."""
    try:
        mine, theirs = (json.loads(zlib.decompress(b64decode(one, validate=True))) for one in (own, stored))
    except (ValueError, zlib.error):
        return stored
    merged = json.dumps(merge(mine, theirs), separators=(",", ":"))
    return b64encode(zlib.compress(merged.encode(), level=1)).decode()
