"""Functions that normalize names and mask e-mail addresses."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeVar

T = TypeVar("T")
_LONGEST_VALUE: Final = 200
_LONGEST_SHORT: Final = 60
LONGEST_TEXT: Final = 2000
"""Number of characters, from the start of a string, that are searched for e-mail addresses."""
_AROUND_AT: Final = re.compile(r"[^\s@]*@\S*")  # also matches a truncated e-mail address


def snake_case(name: str) -> str:
    """Convert a name to snake case. For example, "FinishedWithException" becomes "finished_with_exception"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", spaced).strip("_").lower()


@lru_cache(500)  # Thousands of rows contain the same names.
def fold(name: str) -> str:
    """Return a name in lower case without spaces and punctuation, for case-insensitive comparisons."""
    return re.sub(r"[\W_]+", "", name).casefold()


def look_up(names: Mapping[str, T], name: str) -> T | None:
    """Return the value for a name, ignoring a plural "s" at the end. The keys of `names` are results of `fold`."""
    folded = fold(name)
    found = names.get(folded)
    return names.get(f"{folded}s", names.get(folded.removesuffix("s"))) if found is None else found


def without_addresses(value: object) -> str:
    """Return the first 2,000 characters of a string, with e-mail addresses masked."""
    return _AROUND_AT.sub("<e-mail>", str(value)[:LONGEST_TEXT])


def short(value: object) -> str:
    """Return a short form of a value for messages, with e-mail addresses masked."""
    if isinstance(value, str):
        # Mask e-mail addresses before shortening the string, because shortening could split an address.
        masked = _AROUND_AT.sub("<e-mail>", value[:_LONGEST_VALUE])
        is_cut = len(masked) > _LONGEST_SHORT or len(value) > _LONGEST_VALUE
        return repr(masked[:_LONGEST_SHORT]) + ("…" if is_cut else "")
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "an enormous number"
    return f"a {type(value).__name__}"
