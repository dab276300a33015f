"""Requests and replies, independent of the web framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from avepoint_simulator.data.portfolio import Portfolio
from avepoint_simulator.switches import Switches

SimulatedVersion = Literal["legacy", "modern"]
Json = object
"""A JSON value, or bytes that are sent unchanged."""


class BadRequestError(Exception):
    """Raised to return an error status to the client."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOptions:
    """Parameters of the simulated faults."""

    retry_after_seconds: int = 1
    timeout_seconds: float = 60.0
    text_bytes: int = 3_000_000
    bomb_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response that has not been encoded yet."""

    body: Json = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut: bool = False
    """Whether the connection is closed after half of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHandler:
    """One endpoint of the API, with its method, path, permission and handler."""

    name: str
    method: Literal["GET", "POST"]
    prefix: str
    path: str
    permission: str
    api_version: SimulatedVersion
    handle: Callable[[SimulatedRequest], Reply]

    @property
    def full_path(self) -> str:
        """The path, including the prefix of the service."""
        return self.prefix + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """A request to an endpoint, with all data that the handler may need."""

    endpoint: EndpointHandler
    portfolio: Portfolio
    switches: Switches
    now: float
    base_url: str = "http://simulator"
    path: str = ""
    params: tuple[tuple[str, str], ...] = ()
    customer_id: str = ""
    tenant_id: str = ""
    content_type: str = ""
    body: bytes = b""
    request_id: str = ""
    endless: bool = False
    """Whether the fault `endless` is active. If so, lists never end."""
    fault_options: FaultOptions = FaultOptions()

    def param(self, name: str) -> str:
        """Return a query parameter, or "" if the parameter is missing. Names are case-insensitive."""
        wanted = name.lower()
        return next((value for key, value in self.params if key.lower() == wanted), "")

    def number(self, name: str, default: int, *, lowest: int = 0) -> int:
        """Return a query parameter as an integer.

        Raise BadRequestError if the value is invalid or less than `lowest`.
        """
        text = self.param(name)
        if not text:
            return default
        try:
            value = int(text)
        except ValueError:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The value '{text}' is not valid for {name}.") from None
        if value < lowest:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{name} must not be less than {lowest}.")
        return value


def refuse(request: SimulatedRequest, status: int, message: str) -> Reply:
    """Return an error in the format of the endpoint's API version."""
    if request.endpoint.api_version == "modern":
        return Reply(status=status, body=envelope(request, None, status=status, message=message, errors=[message]))
    return Reply(status=status, body={"error": {"code": str(status), "message": message}})


def envelope(
    request: SimulatedRequest,
    data: Json,
    *,
    status: int = 200,
    message: str = "",
    errors: list[str] | None = None,
    metadata: Json = None,
) -> dict[str, Json]:
    """Return data in the envelope of the modern tenant API."""
    return {
        "statusCode": status,
        "message": message,
        "errors": errors or [],
        "data": data,
        "metadata": metadata,
        "requestId": request.request_id,
        "timestamp": int(request.now * 1000),
        "traceId": request.request_id.replace("-", ""),
    }
