"""The letter case of keys in the legacy tenant API."""

from __future__ import annotations

from avepoint_simulator.requests import Json
from avepoint_simulator.switches import KeyCase


def in_key_case(value: Json, case: KeyCase) -> Json:
    """Return a copy of a body whose PascalCase keys are converted to the letter case `case`."""
    return value if case == "pascal" else _camel(value)


def _camel(value: Json) -> Json:
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _camel(part) for key, part in value.items()}
    return [_camel(part) for part in value] if isinstance(value, list) else value
