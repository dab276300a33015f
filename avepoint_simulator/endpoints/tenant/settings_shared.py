"""Functions that several endpoints of the tenant API use."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from avepoint_simulator.data.vocabulary import SERVICE_NAMES
from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest

PERMISSION: Final = "microsoft365backup.settings.read.all"


class Located(Protocol):
    """A record that applies to one geo location or to all geo locations."""

    @property
    def location(self) -> str:
        """The geo location, or "" for all geo locations."""


T = TypeVar("T")
L = TypeVar("L", bound=Located)


def licensed(record: T | None) -> T:
    """Return the record. Raise BadRequestError (404) if the product is not licensed."""
    if record is None:
        raise BadRequestError(HTTPStatus.NOT_FOUND, "The product is not licensed.")
    return record


def at_location(request: SimulatedRequest, records: Iterable[L]) -> list[L]:
    """Return the records for the requested geo location.

    Return no records if the tenant does not use this geo location.
    """
    location = request.param("location")
    if location and location not in request.switches.locations:
        return []
    return [record for record in records if not location or record.location in ("", location)]


def service_type(request: SimulatedRequest, number: int) -> Json:
    """Return a workload as a number or as a name, depending on the switch `service_types`."""
    return number if request.switches.service_types == "numbers" else SERVICE_NAMES[number]
