"""The limit of open files of the process, and descriptors in reserve for clients."""

import contextlib
import errno
import os
import resource
from typing import Final

_MOST: Final = 65_536
_OTHER_FILES: Final = 64  # listening sockets, the state, credentials and name lookups
_FEWEST_CLIENTS: Final = 8
_RESERVED: Final = 8
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def raise_limit() -> None:
    """Raise the soft limit of open files to the hard limit, because each connection needs a descriptor."""
    with contextlib.suppress(ValueError, OSError):  # not allowed, or the true limit is lower
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files() -> int:
    """Return the number of files that the process can open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def client_share(most: int, files: int) -> int:
    """Return the number of client connections: at most half of the descriptors, because AvePoint needs some too."""
    return min(most, max(_FEWEST_CLIENTS, (files - _OTHER_FILES) // 2))


def is_exhausted(error: OSError) -> bool:
    """Return whether an error means that the process or the system has no free descriptors or buffers."""
    return error.errno in _EXHAUSTED


class Reserve:
    """Descriptors that are kept open, so that clients can connect when there are no others."""

    def __init__(self, size: int = _RESERVED) -> None:
        self._size = size
        self._held: list[int] = []
        self.refill()

    def release(self) -> bool:
        """Free one descriptor. Return whether there was one."""
        if self._held:
            os.close(self._held.pop())
            return True
        return False

    def refill(self) -> bool:
        """Take as many descriptors as are missing. Return whether the reserve is full."""
        with contextlib.suppress(OSError):
            while len(self._held) < self._size:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        return len(self._held) == self._size

    def close(self) -> None:
        """Free all descriptors."""
        while self.release():
            pass
