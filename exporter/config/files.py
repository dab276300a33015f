"""Functions that check paths and detect changes to files."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo

from exporter.config.text import unexpanded
from exporter.errors import why_unreadable

_PROBE_BYTES: Final = 4096

FileStamps = Mapping[Path, tuple[int, int, int] | None]
"""Modification time, size and inode of each file, or None if the file does not exist."""


def readable_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the directory of the configuration file.

    Raise ValueError if the file is unreadable or empty. Error messages never contain a relative path, because the user
    may have entered a secret instead of a path.
    """
    directory: Path = (info.context or {}).get("directory", Path())
    name = str(path) if path.is_absolute() else f"the file (looked in {directory})"
    if "\0" in str(path):
        raise ValueError("contains a NUL character; correct the path")
    found = directory / path
    try:
        if not S_ISREG(found.stat().st_mode):
            raise ValueError(f"{name} is not a regular file; use the path of a file")
        with found.open("rb") as file:
            is_blank = not file.read(_PROBE_BYTES).strip()
    except OSError as error:
        raise ValueError(unexpanded(str(path)) or f"cannot read {name}: {why_unreadable(error)}") from None
    if is_blank:
        raise ValueError(f"{name} is empty; use a file that is not empty")
    return found


ReadableFile = Annotated[Path, AfterValidator(readable_file)]


def file_stamps(paths: Iterable[Path]) -> FileStamps:
    """Return a stamp for each file. A new stamp means that the file has changed."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None
