"""Structured logs on standard error, as logfmt or JSON, that cannot print a secret."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}

_LONGEST_VALUE: Final = 2000
# What a token, an assertion or a form field with a secret looks like, wherever it stands in a text.
_SECRET_SHAPES: Final = re.compile(
    r"(?i)(bearer\s+|basic\s+|(?:client_secret|client_assertion|access_token|password)[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"',&}]+"
)
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Libraries whose debug output holds headers and bodies.
_TALKATIVE: Final = ("httpx", "httpcore", "hpack", "h11", "asyncio", "uvicorn")


def scrub(text: str) -> str:
    """Give the text without secrets and control characters, at most 2,000 characters of it."""
    text = _JWT.sub("<secret>", _SECRET_SHAPES.sub(r"\1<secret>", text[: _LONGEST_VALUE * 2]))
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)[:_LONGEST_VALUE]


def _scrub_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = scrub(str(value) or type(value).__name__)
        elif isinstance(value, str):
            event[key] = scrub(value)
        elif value is not None and not isinstance(value, bool | int | float):
            event[key] = scrub(str(value))
    return event


def setup(level: str = "info", form: str = "logfmt") -> None:
    """Send every log line of the process to standard error in one form ("logfmt" or "json")."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _scrub_values,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"], drop_missing=True)
    )
    handler = logging.StreamHandler(sys.stderr)
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
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def logger(**context: str) -> structlog.stdlib.BoundLogger:
    """Give a logger that names the given context on every line."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("exporter").bind(**context)
    return log
