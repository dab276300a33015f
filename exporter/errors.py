"""The exceptions that the exporter defines.

ExporterError
├── ConfigError                  the configuration or the command line is invalid
├── UnreadableValueError         a value in a response does not have a documented format
└── AvePointError                a request failed, or the response is not as documented
    ├── TokenError               no access token: wrong secret, permission not granted, …
    ├── TransportError           no response: connection refused, timeout, TLS failure
    ├── StatusError              an error status
    │   ├── BadRequestError      400: AvePoint refused a parameter
    │   ├── UnauthorizedError    401, even with a fresh token
    │   ├── ForbiddenError       403: the app lacks the permission
    │   ├── NotFoundError        404: not licensed, not permitted, or the wrong data center
    │   └── UnavailableError     429 and 5xx: temporary
    ├── NotOfferedError          the configured API version does not provide the data
    └── AnswerError              status 200, but the response reports an error or is not as documented
        ├── IncompleteListError  a list with fewer rows than AvePoint reports
        └── LinkRefusedError     a link or redirect to another origin
"""

import errno
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypedDict, Unpack

_ABOUT_FILES: Final = {
    errno.ENOENT: "create it, or correct the path",
    errno.EACCES: "give read permission to the user that runs the exporter",
    errno.EISDIR: "use the path of a file",
}


def why_unreadable(error: OSError) -> str:
    """Return a message that explains why a file cannot be read and how to fix the error."""
    what_to_do = _ABOUT_FILES.get(error.errno or 0, "use another file")
    return f"{(error.strerror or 'unknown error').lower()}; {what_to_do}"


class ExporterError(Exception):
    """Base class of all exceptions that the exporter defines."""


class ConfigError(ExporterError):
    """An invalid configuration or command line. The message has one line per error."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


class UnreadableValueError(ExporterError):
    """A value that cannot be parsed. The message contains only a short part of the value."""


class RequestContext(TypedDict, total=False):
    """The path template and the AvePoint request id of a failed request."""

    path: str
    request_id: str


class ErrorContext(RequestContext, total=False):
    """The optional arguments of an AvePointError."""

    hint: str


class AvePointError(ExporterError):
    """A failed request.

    `hint` describes how to fix the error. `path` is the path template of the endpoint.
    """

    def __init__(self, message: str, *, hint: str = "", request_id: str = "", path: str = "") -> None:
        self.hint = hint
        self.request_id = request_id
        self.path = path
        super().__init__(message)

    @property
    def means_not_granted(self) -> bool:
        """Whether the cause may be a missing permission or a missing license."""
        return False

    def context(self) -> ErrorContext:
        """Return the fields for a log line: the path, hint and request id. Empty fields are omitted."""
        about = ErrorContext()
        if self.path:
            about["path"] = self.path
        if self.hint:
            about["hint"] = self.hint
        if self.request_id:
            about["request_id"] = self.request_id
        return about


@dataclass(frozen=True, slots=True)
class Failure:
    """The message, hint and request id of an error.

    `since` and `at` are the Unix times of the first and the most recent refresh with this error. If no refresh caused
    the error, both are None. `hides_data` is true if, since the last successful refresh, AvePoint has returned data
    that the exporter could not use. This data may contradict the exposed values.
    """

    message: str
    hint: str = ""
    request_id: str = ""
    since: float | None = None
    at: float | None = None
    hides_data: bool = False

    @classmethod
    def of(cls, error: AvePointError, *, at: float | None = None, before: Self | None = None) -> Self:
        """Return the failure of a refresh that began at `at`. `before` is the failure of the previous refresh.

        If `before` has the same message, copy its `since`. If `before.hides_data` is true, `hides_data` is also true.
        """
        message = sys.intern(str(error))  # Interning saves memory if thousands of customers have the same message.
        since = before.since if before is not None and before.message == message else at
        hides_data = isinstance(error, AnswerError) or (before is not None and before.hides_data)
        return cls(message, sys.intern(error.hint), error.request_id, since, at, hides_data)


class TokenError(AvePointError):
    """A failed token request. `reason` is the OAuth error code, or a reason that the exporter defines."""

    def __init__(self, message: str, *, reason: str, **about: Unpack[ErrorContext]) -> None:
        self.reason = reason
        super().__init__(message, **about)

    @property
    def means_not_granted(self) -> bool:
        """Whether the token service refused the request because the app lacks the permission."""
        return self.reason == "invalid_scope"


class TransportError(AvePointError):
    """A request without a response. `kind` is "timeout" or "connect"."""

    def __init__(self, message: str, *, kind: str, **about: Unpack[ErrorContext]) -> None:
        self.kind = kind
        super().__init__(message, **about)


class StatusError(AvePointError):
    """A response with an error status. The error status is the HTTP status or a code in the JSON body."""

    def __init__(self, message: str, *, status: int, **about: Unpack[ErrorContext]) -> None:
        self.status = status
        super().__init__(message, **about)

    @property
    def means_not_granted(self) -> bool:
        """Whether the status is 403 or 404. The API returns these statuses if the app lacks the permission."""
        return self.status in (403, 404)


class BadRequestError(StatusError):
    """HTTP status 400: AvePoint rejected a parameter."""


class UnauthorizedError(StatusError):
    """HTTP status 401: AvePoint rejected a new token."""


class ForbiddenError(StatusError):
    """HTTP status 403: the app lacks the permission."""


class NotFoundError(StatusError):
    """HTTP status 404: the product is not licensed, the permission is missing, or the data center is wrong."""


class UnavailableError(StatusError):
    """HTTP status 429 or 5xx. `retry_after` is the Retry-After header in seconds, or None if the header is missing."""

    def __init__(self, message: str, *, status: int, retry_after: float | None, **about: Unpack[ErrorContext]) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status, **about)


class NotOfferedError(AvePointError):
    """The configured API version does not provide the data. The exporter sent no request."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="set api to auto or modern, or disable the collector with enabled: false")


class AnswerError(AvePointError):
    """A response with status 200 that reports an error or does not match the documentation."""


class IncompleteListError(AnswerError):
    """A list has fewer rows than AvePoint reports, or its total cannot be read, or its total changed between two pages.

    `total` is None if it is unknown.
    """

    def __init__(self, message: str, *, rows: int, total: int | None, **about: Unpack[ErrorContext]) -> None:
        self.rows = rows
        self.total = total
        super().__init__(message, **about)


class LinkRefusedError(AnswerError):
    """A redirect, or a link to another origin. The exporter never sends a token to another origin."""
