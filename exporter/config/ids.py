"""The type of ids in the configuration."""

from typing import Annotated
from unicodedata import category

from pydantic import AfterValidator

from exporter.config.sections import NonEmptyString
from exporter.config.text import check_no_placeholder, check_no_quotes, check_no_reference


def _id(value: str) -> str:
    """Return the id. Raise ValueError if the id contains a character that is never part of an id."""
    check_no_reference(value)
    if any(sign.isspace() or not sign.isprintable() for sign in value):
        raise ValueError("contains a space or an invisible character; copy the id again")
    if any(category(sign) == "Pd" and sign != "-" for sign in value):
        raise ValueError("contains a dash that is not a hyphen; copy the id again")
    return check_no_placeholder(check_no_quotes(value))


Id = Annotated[NonEmptyString, AfterValidator(_id)]
