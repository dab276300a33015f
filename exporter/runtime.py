"""Settings of Python and of the C library for a server that runs for months."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_OLD_COLLECTIONS: Final = 50
"""Number of partial garbage collections per full garbage collection.

The exporter needs few full garbage collections, because the data from AvePoint forms no reference cycles.
"""
_SWITCH_INTERVAL: Final = 0.0005  # maximum seconds until a rendering thread yields to the event loop
_M_MMAP_THRESHOLD: Final = -3  # a parameter of mallopt(3)
_LARGE: Final = 128 * 1024
"""Minimum size, in bytes, of an allocation that glibc returns to the operating system as soon as it is freed.

By default, glibc raises this limit up to 32 MiB. The process would then keep the memory of large metrics pages.
"""


@contextmanager
def settings_of_a_server() -> Iterator[None]:
    """Disable garbage collection during startup.

    After startup, limit the delays that garbage collection and threads cause.
    """
    with suppress(AttributeError, OSError, TypeError):  # Only glibc has the function mallopt.
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    gc.disable()  # During a restore, a collection would take up to 100 ms and free no memory.
    try:
        yield
    finally:
        gc.freeze()  # Collections skip frozen objects. This makes a full collection up to 100 ms faster.
        gc.enable()
        gc.set_threshold(*gc.get_threshold()[:2], _OLD_COLLECTIONS)
        sys.setswitchinterval(_SWITCH_INTERVAL)


def trim_memory() -> None:
    """Return unused memory to the operating system, including memory between used blocks.

    This takes a few milliseconds.
    """
    with suppress(AttributeError, OSError, TypeError):  # Only glibc has the function malloc_trim.
        ctypes.CDLL(None).malloc_trim(0)
