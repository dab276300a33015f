"""Functions that detect changes to the configuration file, for `--config.watch`."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from exporter.clock import Clock
from exporter.config.files import file_stamps

INTERVAL: Final = 5.0
"""Seconds between two checks."""


class FileWatch:
    """Detects changes to a file. Changes before the creation of this object are ignored.

    The file is polled, because notifications do not work on network file systems or with Kubernetes ConfigMaps.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps = file_stamps([path])

    async def run(self, clock: Clock, on_change: Callable[[], Awaitable[None]]) -> None:
        """Call `on_change` after each change until the task is canceled."""
        while True:
            await clock.sleep(INTERVAL)
            stamps = file_stamps([self._path])
            if stamps != self._stamps:
                self._stamps = stamps
                await on_change()
