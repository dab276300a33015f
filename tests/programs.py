"""Programs that are not Python packages; where one is missing a test skips, but never in CI."""

import os
import shutil

import pytest


def program(*names: str) -> str:
    """Give the path of the first of the names that is installed; else skip with the reason, or fail where CI=true."""
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    reason = f"{' or '.join(names)} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip it")
    pytest.skip(reason)
