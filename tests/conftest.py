"""Options and fixtures that all tests share."""

import logging
import os
import sys
import threading
from collections.abc import Generator, Iterator

import hypothesis
import pytest
import structlog

from tests.parallel import Groups
from tests.postgresql import PostgresServer, postgresql
from tests.programs import UNAVAILABLE, Monitoring

# On a busy machine, any example may take longer than Hypothesis allows by default.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

_UNMEASURED = tuple(f"tests/{name}/" for name in ("deploy", "docs", "e2e", "grafana", "helm", "prometheus", "truth"))
"""Directories whose tests do not count for coverage, because they test everything together, or no Python code.

Coverage doubles the duration of a test, and the tests of the single packages alone reach the required coverage.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run soak and flood tests for their full duration")
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ from the fixed responses")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `--numprocesses=auto`: one per processor, and one more for tests that wait."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    """Return the scheduler that assigns tests to parallel workers."""
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start slow tests first. Then, parallel workers end at about the same time. A soak test may take an hour."""
    if config.getoption("--soak"):
        for item in items:
            item.add_marker(pytest.mark.timeout(3600))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage during some tests. pytest-cov's mark `no_cover` has no effect in parallel workers."""
    tracer, of_threads = sys.gettrace(), threading.gettrace()
    if not item.nodeid.startswith(_UNMEASURED) or not type(tracer).__module__.startswith("coverage"):
        return (yield)
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
        threading.settrace(of_threads)


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether soak tests run for their full duration."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgresServer]:
    with postgresql() as server:
        yield server


@pytest.fixture
def postgres(_postgresql: PostgresServer) -> PostgresServer:
    """A PostgreSQL server with an empty database."""
    _postgresql.clear()
    return _postgresql


@pytest.fixture(params=["debian", "current"])
def monitoring(request: pytest.FixtureRequest) -> Monitoring:
    """Prometheus and Alertmanager, both in the oldest supported release and in the current release."""
    return Monitoring(request.param)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Restore the log configuration after each test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In test logs, escape characters that UTF-8 cannot encode. In CI, report skipped tests as failed."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    is_skipped = report.skipped and not hasattr(report, "wasxfail") and UNAVAILABLE not in str(report.longrepr)
    if is_skipped and os.environ.get("CI") == "true":
        report.outcome, report.longrepr = "failed", f"CI must not skip a test: {report.longrepr}"
    return report
