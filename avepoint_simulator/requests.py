"""One call and its reply, apart from any web framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from avepoint_simulator.data.portfolio import Portfolio
from avepoint_simulator.switches import Switches

SimulatedVersion = Literal["legacy", "modern"]
Json = object
"""Anything that `json.dumps` writes; bytes are sent as they are."""


class BadRequestError(Exception):
    """A call that gets an error reply: `status`, and why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultOptions:
    """How strong the faults are."""

    retry_after_seconds: int = 1
    timeout_seconds: float = 60.0
    text_bytes: int = 3_000_000
    bomb_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back: a JSON body or raw bytes, after a delay, perhaps cut off."""

    body: Json = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut: bool = False
    """Send half of the body, then drop the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHandler:
    """An operation of the API: where it is, what it needs, how it is answered."""

    name: str
    method: Literal["GET", "POST"]
    prefix: str
    path: str
    permission: str
    api_version: SimulatedVersion
    handle: Callable[[SimulatedRequest], Reply]

    @property
    def full_path(self) -> str:
        """Give the path with the service's prefix."""
        return self.prefix + self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """One request to one endpoint, with all that may decide the reply."""

    endpoint: EndpointHandler
    portfolio: Portfolio
    switches: Switches
    now: float
    base_url: str = "http://simulator"
    path: str = ""
    params: tuple[tuple[str, str], ...] = ()
    customer_id: str = ""
    content_type: str = ""
    body: bytes = b""
    request_id: str = ""
    endless: bool = False
    """Whether lists go on for ever: set by the fault of that name."""
    fault_options: FaultOptions = FaultOptions()

    def param(self, name: str) -> str:
        """Give a query parameter, found without regard to case; empty if absent."""
        wanted = name.lower()
        return next((value for key, value in self.params if key.lower() == wanted), "")

    def number(self, name: str, default: int, *, lowest: int = 0) -> int:
        """Give a query parameter as a number; refuse what is none or too low."""
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
    """Make the error answer of the call's generation."""
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
    """Wrap data as the modern tenant API does."""
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
