"""Options and fixtures that all tests share."""

import logging
from collections.abc import Iterator

import pytest
import structlog


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run soaks and floods in full length")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether soaks run in full length."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a test does to the logs of the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
