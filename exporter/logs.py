"""Structured logging to standard error, as logfmt or JSON. Secrets are masked."""

import errno
import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from exporter.log_limits import SUPPRESSED, RepeatFilter

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

_LONGEST_VALUE: Final = 2000
_LONGEST_SCRUBBED: Final = 65_536
_GAP: Final = " […] "
# Error messages can contain a file name and a message of the operating system, as in "app.secret: No such file or
# directory".
_SYSTEM_MESSAGES: Final = "|".join(sorted({re.escape(os.strerror(number)) for number in errno.errorcode}))
# This pattern matches secrets in headers, form fields and JSON. The pattern does not match messages such as
# "client_secret: must be a string", "basic authentication" or "Basic Constraints of CA cert".
_SECRET_SHAPES: Final = re.compile(
    r"(?is)(\b(?:bearer|basic)\s+(?!auth|tokens?\b|constraints\b)|(?:secret|assertion|_token|passw(?:or)?d|pwd|api_?key)"
    rf"[\"'\\]*\s*[=:]\s*(?!(?:must|has|needs|is|of|begins|contains|cannot|line) |(?:{_SYSTEM_MESSAGES})(?![\w-])))"
    r"(?:\\*\"(?:\\.|[^\"\\])*\\?(?:\"|$)|\\*'[^']*(?:'|$)|[^\s\"',&}]+)"
)
_JWT: Final = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)[^\s/@]+@")
# Control characters, including the characters that change the direction of text in a terminal.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
# The debug output of these libraries contains headers and bodies.
_VERBOSE: Final = ("httpx", "httpcore", "hpack", "h11", "asyncio", "uvicorn")


def scrub(text: str) -> str:
    """Mask the secrets and control characters in a string. If the string is long, keep only its start and end."""
    text = _SECRET_SHAPES.sub(r"\1<secret>", _PASSWORD_IN_URL.sub("<secret>@", text[:_LONGEST_SCRUBBED]))
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _JWT.sub("<secret>", text)).replace("\t", " ")
    half = (_LONGEST_VALUE - len(_GAP)) // 2
    return text if len(text) <= _LONGEST_VALUE else f"{text[:half]}{_GAP}{text[-half:]}"


def _printable(value: object) -> object:
    """Return None, booleans and finite numbers unchanged. Convert all other values to strings without secrets."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return scrub(str(value) or (type(value).__name__ if isinstance(value, BaseException) else ""))


def _scrub_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key != "_record":  # structlog adds this key, and removes the key before the line is rendered
            event[key] = _printable(value)
    return event


class LimitedHandler(logging.StreamHandler[TextIO]):
    """A handler that suppresses similar lines, and writes the number of suppressed lines."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        super().__init__(stream)
        self._repeats = RepeatFilter(clock)
        self.addFilter(self._repeats)

    def handle(self, record: logging.LogRecord) -> bool:
        """Write the number of suppressed lines of each expired window, and then write the record."""
        self.write_counts()
        return super().handle(record)

    def write_counts(self, *, all_windows: bool = False) -> None:
        """Write the number of suppressed lines of each expired window, or of all windows if `all_windows` is true."""
        for kind, count in self._repeats.due(all_windows=all_windows):
            context = {key: value for key, value in (("account", kind[3]), ("collector", kind[4])) if value}
            logger(**context).log(kind[1], SUPPRESSED, similar_to=kind[2], count=count)


def write_suppressed(*, all_windows: bool = False) -> None:
    """Write the number of suppressed lines of each expired window, or of all windows if `all_windows` is true."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LimitedHandler):
            handler.write_counts(all_windows=all_windows)


def _name_level(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Rename the level of an event to a name that --log.level accepts."""
    event["level"] = {"warning": "warn", "critical": "error"}.get(event["level"], event["level"])
    return event


def setup(level: str = "info", form: str = "logfmt", clock: Callable[[], float] = time.monotonic) -> None:
    """Configure all loggers of the process to write to standard error.

    The argument `form` is "logfmt" or "json".
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _name_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _scrub_values,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(
            key_order=["ts", "level", "msg"], drop_missing=True, bool_as_flag=False
        )
    )
    handler = LimitedHandler(sys.stderr, clock)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("msg"),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(LEVELS[level])
    for name in _VERBOSE:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def hush() -> None:
    """Log only critical events, because the command prints its own messages."""
    logging.getLogger().setLevel(logging.CRITICAL)


def logger(**context: str) -> structlog.stdlib.BoundLogger:
    """Return a logger that adds `context` to every line."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("exporter").bind(**context)
    return log
