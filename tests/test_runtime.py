"""The exporter configures the garbage collector, and the memory allocator of the C library."""

import platform
import subprocess
import sys

import pytest

from tests.programs import UNAVAILABLE

_GC = """
import gc
from exporter.runtime import settings_of_a_server
with settings_of_a_server():
    assert not gc.isenabled()
assert gc.isenabled()
assert gc.get_freeze_count() > 0
assert gc.get_threshold()[2] > 10
"""
_MEMORY = """
from exporter.runtime import settings_of_a_server
{settings}
large = b"x" * 30 * 2**20
del large
both = [b"x" * size for _ in range(30) for size in (2**20, 1000)]
del both[::2]
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""
_HOLES = """
from exporter.runtime import trim_memory
small = [b"x" * size for size in [1000] * 60_000]
kept = small[::50]
del small
{trim}
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""
_SETTINGS = "with settings_of_a_server(): pass"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_garbage_is_collected_after_the_start_only() -> None:
    assert run(_GC) == ""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason=f"{UNAVAILABLE}glibc")
def test_memory_of_large_pages_returns_to_the_operating_system() -> None:
    assert int(run(_MEMORY.format(settings=_SETTINGS))) < int(run(_MEMORY.format(settings=""))) - 10 * 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason=f"{UNAVAILABLE}glibc")
def test_memory_between_objects_returns_to_the_operating_system() -> None:
    assert int(run(_HOLES.format(trim="trim_memory()"))) < int(run(_HOLES.format(trim=""))) - 20 * 2**20
