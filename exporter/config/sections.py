"""The base class of the configuration's sections, and the plain types that sections share."""

import re
from typing import Annotated, Final, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Strict, StringConstraints, model_validator
from pydantic.fields import FieldInfo

_DURATION: Final = re.compile(
    "".join(rf"(?:(\d{{1,9}}){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")), re.ASCII
)
_UNIT_SECONDS: Final = (31_536_000, 604_800, 86_400, 3600, 60, 1, 0.001)


def parse_duration(value: object) -> float:
    """Return the seconds of a duration in the format of Prometheus, such as "30s", "1h30m" or "7d"."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("not a duration such as 30s, 5m, 1h or 7d")
    return sum(int(part) * unit for part, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if part)


def format_duration(seconds: float) -> str:
    """Return seconds in the format of Prometheus: 90 as "1m30s"."""
    left, text = round(seconds * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Seconds = Annotated[float, BeforeValidator(parse_duration)]
WholeNumber = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
NonEmptyText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


def is_duration(field: FieldInfo) -> bool:
    """Return whether a key holds a duration."""
    inner = [part for argument in get_args(field.annotation) for part in getattr(argument, "__metadata__", ())]
    return any(isinstance(part, BeforeValidator) and part.func is parse_duration for part in [*field.metadata, *inner])


class Section(BaseModel):
    """A part of the file: frozen, strict about keys; its errors never repeat a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, data: object) -> object:
        """Drop keys without a value, such as a key whose children are commented out."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
