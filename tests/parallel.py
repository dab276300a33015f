"""Assign tests to the workers of pytest-xdist.

The scheduler groups tests by file. The mark `xdist_group` has no effect in pytest 9.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # the library has no types

_GROUPS: Final = {
    "tests/deploy/test_rehearsal.py": "release",
    "tests/deploy/test_wheel.py": "release",
    "tests/e2e/test_flood.py": "machine",
    "tests/e2e/test_memory.py": "machine",
    "tests/e2e/test_scale.py": "machine",
    "tests/e2e/test_status_page.py": "browser",
    "tests/grafana/test_queries.py": "dashboards",
}
"""Files whose tests run in one worker: they share a slow fixture, or each of them needs most of the machine."""


class Groups(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Run all tests of a group on the same worker, and every other test on the next free worker."""

    def _split_scope(self, nodeid: str) -> str:
        return _GROUPS.get(nodeid.partition("::")[0], nodeid)
