"""What endpoints of a tenant share: the licence, the location, and the settings' names of workloads."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Protocol, TypeVar

from avepoint_simulator.data.vocabulary import SERVICE_NAMES
from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest

PERMISSION: Final = "microsoft365backup.settings.read.all"


class Located(Protocol):
    """A record of one location, or of all."""

    @property
    def location(self) -> str:
        """Where; "" is everywhere."""


T = TypeVar("T")
L = TypeVar("L", bound=Located)


def licensed(record: T | None) -> T:
    """Give what there is; without the product the tenant API answers 404."""
    if record is None:
        raise BadRequestError(HTTPStatus.NOT_FOUND, "The product is not licensed.")
    return record


def at_location(request: SimulatedRequest, records: Iterable[L]) -> list[L]:
    """Give the records of the location that a call asks for; of a location that the tenant does not have, none."""
    location = request.param("location")
    if location and location not in request.switches.locations:
        return []
    return [record for record in records if not location or record.location in ("", location)]


def service_type(request: SimulatedRequest, number: int) -> Json:
    """Write a workload as the switch says."""
    return number if request.switches.service_types == "numbers" else SERVICE_NAMES[number]
