"""The type of ids in the configuration."""

from typing import Annotated

from pydantic import AfterValidator

from exporter.config.sections import NonEmptyString
from exporter.config.text import check_no_reference


def _id(value: str) -> str:
    """Return the id. Raise ValueError if the id contains white space, invisible characters or quotation marks."""
    check_no_reference(value)
    if any(sign.isspace() or not sign.isprintable() for sign in value):
        raise ValueError("contains a space or an invisible character; copy the id again")
    if value[0] in "\"'`" or value[-1] in "\"'`":
        raise ValueError("begins or ends with a quotation mark; remove the mark")
    return value


Id = Annotated[NonEmptyString, AfterValidator(_id)]
