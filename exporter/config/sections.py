"""Types for the sections and keys of YAML files."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, TypeVar, get_args
from unicodedata import category

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict, StringConstraints, model_validator
from pydantic.fields import FieldInfo

from exporter.config.text import check_no_placeholder, check_no_quotes, check_no_reference

T = TypeVar("T")
_UNIT_SECONDS: Final = {
    "y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3,
    "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
_DURATION: Final = re.compile("".join(rf"(?:(\d{{1,9}}(?:\.\d{{1,9}})?){unit})?" for unit in _UNIT_SECONDS), re.ASCII)


def parse_duration(value: object) -> float:
    """Convert a duration in Prometheus or Go format, such as "30s", "1h30m", "7d" or "1.5s", to seconds.

    Raise ValueError if the format is invalid.
    """
    if value == 0 and not isinstance(value, bool):
        return 0.0
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("must be a duration such as 30s, 5m, 1h or 7d")
    parts = zip(match.groups(), _UNIT_SECONDS.values(), strict=True)
    return sum(float(number) * unit for number, unit in parts if number)


def format_duration(seconds: float) -> str:
    """Format seconds as a Prometheus duration, such as "1m30s" for 90."""
    left, text = round(seconds * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _id(value: str) -> str:
    """Return the id. Raise ValueError if the id contains a character that is never part of an id."""
    check_no_reference(value)
    if any(sign.isspace() or not sign.isprintable() for sign in value):
        raise ValueError("contains a space or an invisible character; copy the id again")
    if any(category(sign) == "Pd" and sign != "-" for sign in value):
        raise ValueError("contains a dash that is not a hyphen; copy the id again")
    return check_no_placeholder(check_no_quotes(value))


Seconds = Annotated[float, BeforeValidator(parse_duration)]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
NonEmptyString = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Id = Annotated[NonEmptyString, AfterValidator(_id)]


def once_each(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values in the same order, without duplicates."""
    return tuple(dict.fromkeys(values))


def is_duration(field: FieldInfo) -> bool:
    """Return whether the value of a key is a duration."""
    inner = [part for argument in get_args(field.annotation) for part in getattr(argument, "__metadata__", ())]
    return any(isinstance(part, BeforeValidator) and part.func is parse_duration for part in [*field.metadata, *inner])


class InvalidKeysError(ValueError):
    """Reports several errors in one section, each with a key path relative to the section."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__("several errors")


class Section(BaseModel):
    """A mapping in a YAML file. Sections are immutable, reject unknown keys, and never include a value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    unset: ClassVar[tuple[object, ...]] = (None,)
    """Values that are replaced with the default.

    If all keys below a key are commented out, the YAML parser returns None for the key.
    """

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value not in cls.unset or key not in cls.model_fields}
