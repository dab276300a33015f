"""If many lines are similar, the log contains one line per minute, with the number of suppressed lines."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from exporter.log_limits import SUPPRESSED
from exporter.logs import logger, setup, write_suppressed


class Log:
    """A log that limits its lines. Tests set the clock."""

    def __init__(self, stream: io.StringIO) -> None:
        self.now = 0.0
        self._stream = stream

    def lines(self) -> list[dict[str, object]]:
        """Return the lines that were logged since the previous call. Omit the times."""
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        found = [json.loads(line) for line in text.splitlines()]
        return [{key: value for key, value in one.items() if key != "ts"} for one in found]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    log = Log(stream)
    setup("debug", "json", lambda: log.now)
    yield log
    logging.captureWarnings(capture=False)


def count(of: str, number: int, level: str = "error", **context: str) -> dict[str, object]:
    return {"level": level, "msg": SUPPRESSED, "similar_to": of, "count": number, **context}


def test_equal_lines_are_written_once_a_minute_with_a_count(log: Log) -> None:
    for _ in range(100):
        logger(account="a").error("refresh failed", error=ValueError("no"), request_id=str(object()), retry_after=1)
    assert [line["msg"] for line in log.lines()] == ["refresh failed"]
    log.now = 59
    write_suppressed()
    assert log.lines() == []
    log.now = 60
    write_suppressed()
    assert log.lines() == [count("refresh failed", 99, account="a")]
    logger(account="a").error("refresh failed", error=ValueError("no"))
    assert [line["msg"] for line in log.lines()] == ["refresh failed"]


def test_the_next_line_writes_the_counts_that_are_due(log: Log) -> None:
    for _ in range(3):
        logger().warning("x")
    log.now = 61
    logger().info("y")
    assert [(line["msg"], line.get("count")) for line in log.lines()] == [("x", None), (SUPPRESSED, 2), ("y", None)]


def test_nothing_is_lost_at_the_end(log: Log) -> None:
    for _ in range(3):
        logger().warning("x")
    write_suppressed(all_windows=True)
    write_suppressed(all_windows=True)
    assert [(line["msg"], line.get("count")) for line in log.lines()] == [("x", None), (SUPPRESSED, 2)]


def test_accounts_collectors_and_levels_have_limits_of_their_own(log: Log) -> None:
    for _ in range(2):
        for account in ("a", "b"):
            logger(account=account, collector="jobs").error("x")
            logger(account=account, collector="license").error("x")
            logger(account=account).warning("x")
    assert len(log.lines()) == 6


def test_different_lines_of_one_kind_are_written_up_to_a_limit(log: Log) -> None:
    for number in range(5000):
        logger(account="a").warning("customer failed", customer_id=f"c{number}", error=ValueError("no"))
    assert [line["customer_id"] for line in log.lines()] == [f"c{number}" for number in range(10)]
    write_suppressed(all_windows=True)
    assert log.lines() == [count("customer failed", 4990, "warn", account="a")]


def test_numbers_make_no_line_different(log: Log) -> None:
    web = logging.getLogger("exporter.web")
    for number in range(50):
        web.warning("limit of %d open connections reached", number)
        web.warning(f"attempt {number}")
    assert [line["msg"] for line in log.lines()] == ["limit of 0 open connections reached", "attempt 0"]


def test_a_message_that_is_never_the_same_fills_neither_log_nor_memory(log: Log) -> None:
    words = ["".join(chr(97 + int(digit)) for digit in str(number)) for number in range(3000)]
    for word in words:
        logging.getLogger("library").error(word)
    assert len(log.lines()) == 1000 + 10
    write_suppressed(all_windows=True)
    assert log.lines() == [count("", 3000 - 1010)]


def test_debug_lines_are_never_limited(log: Log) -> None:
    for _ in range(100):
        logger().debug("x")
    assert len(log.lines()) == 100
