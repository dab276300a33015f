"""Options and fixtures that all tests share."""

import logging
from collections.abc import Generator, Iterator

import pytest
import structlog


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run soaks and floods in full length")
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ anew from the canned responses")


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what a test logged and no encoding holds, so that parallel workers can send their reports."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
