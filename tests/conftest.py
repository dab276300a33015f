"""Options and fixtures that all tests share."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run soaks and floods in full length")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether soaks run in full length."""
    return bool(request.config.getoption("--soak"))
