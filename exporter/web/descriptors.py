"""Raise the limit on open files, and keep a reserve of file descriptors for client connections."""

import contextlib
import errno
import os
import resource
from typing import Final

_MOST: Final = 65_536
_OTHER_FILES: Final = 64  # descriptors for listening sockets, the database, credentials and name lookups
_FEWEST_CLIENTS: Final = 8
_RESERVED: Final = 8
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def raise_limit() -> None:
    """Raise the soft limit on open files to the hard limit, because each connection needs a descriptor."""
    with contextlib.suppress(ValueError, OSError):  # the hard limit may exceed the limit of the system
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files() -> int:
    """Return the maximum number of files that the process can open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def client_share(most: int, files: int) -> int:
    """Return the maximum number of client connections. They can use about half of the descriptors."""
    return min(most, max(_FEWEST_CLIENTS, (files - _OTHER_FILES) // 2))


def is_exhausted(error: OSError) -> bool:
    """Return whether an error was caused by a lack of file descriptors or buffers."""
    return error.errno in _EXHAUSTED


class Reserve:
    """Spare file descriptors. To accept a client when no descriptor is free, the server closes a spare descriptor."""

    def __init__(self, size: int = _RESERVED) -> None:
        self._size = size
        self._held: list[int] = []
        self.refill()

    def release(self) -> bool:
        """Close one spare descriptor to make room for a client. Return False if the reserve is empty."""
        if self._held:
            os.close(self._held.pop())
            return True
        return False

    def refill(self) -> bool:
        """Refill the reserve with free descriptors, and return whether the reserve is full."""
        with contextlib.suppress(OSError):
            while len(self._held) < self._size:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        return len(self._held) == self._size

    def close(self) -> None:
        """Close all spare descriptors."""
        while self.release():
            pass
