"""Settings of the interpreter and of the C library for a server that runs for months."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_OLD_COLLECTIONS: Final = 50
"""Number of partial garbage collections per full one.

Full ones may be rare, because results form no reference cycles.
"""
_SWITCH_INTERVAL: Final = 0.0005  # maximum seconds before a rendering thread yields to the event loop
_M_MMAP_THRESHOLD: Final = -3  # a parameter of mallopt(3)
_LARGE: Final = 128 * 1024
"""When an allocation of at least this size, in bytes, is freed, glibc returns it to the operating system.

By default, glibc raises this limit up to 32 MiB, so that a process keeps the memory of large pages.
"""


@contextmanager
def settings_of_a_server() -> Iterator[None]:
    """Start without garbage collections; then keep collections and rendering threads from delaying the event loop."""
    with suppress(AttributeError, OSError, TypeError):  # Only glibc has this function.
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    gc.disable()  # Restored state has no cycles, but a collection during a restore takes up to 100 ms.
    try:
        yield
    finally:
        gc.freeze()  # Full collections skip imported modules and restored state, which saves up to 100 ms each.
        gc.enable()
        gc.set_threshold(*gc.get_threshold()[:2], _OLD_COLLECTIONS)
        sys.setswitchinterval(_SWITCH_INTERVAL)
