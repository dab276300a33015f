"""Functions that decode text files, check paths and secrets, and detect changes to files."""

import codecs
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo

from exporter.errors import why_unreadable

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # must come before UTF-16, because both marks begin with the same bytes
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PROBE_BYTES: Final = 4096
_REFERENCE: Final = re.compile(r"\$\{[^{}]*\}|\$[A-Za-z_]\w*|%\w+%|\{\{.*\}\}", re.ASCII)

FileStamps = Mapping[Path, tuple[int, int, int] | None]
"""Modification time, size and inode of each file, or None if the file does not exist."""


def decode_text(data: bytes) -> str:
    """Decode text in UTF-8, UTF-32 or UTF-16. PowerShell writes UTF-16 by default.

    Raise ValueError if the data is invalid.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in data[:2]:
        encoding = "utf-16-be" if data.startswith(b"\0") else "utf-16-le"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file as UTF-8") from None


def check_no_reference(value: str) -> str:
    """Return the value. Raise ValueError if the value is a reference to a variable, such as ${NAME}."""
    if _REFERENCE.fullmatch(value.strip()):
        raise ValueError(
            "is a variable reference, but variables are not expanded; enter the value, or use a key that ends in _env"
        )
    return value


def check_secret(secret: str) -> str:
    """Return a secret without surrounding white space. Raise ValueError if the secret is invalid."""
    secret = check_no_reference(secret.strip())
    if not secret:
        raise ValueError("must not be empty")
    if secret.startswith("-----BEGIN"):
        raise ValueError("is a certificate or key in PEM format; use certificate_file")
    if len(secret.splitlines()) > 1:
        raise ValueError("has more than one line; keep only the line with the secret")
    if secret[0] == secret[-1] and secret[0] in "\"'`" and len(secret) > 1:
        raise ValueError("begins and ends with a quotation mark; remove both marks")
    if not secret.isprintable():
        raise ValueError("contains an invisible character; copy the secret again")
    return secret


def readable_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the directory of the configuration file.

    Raise ValueError if the file is unreadable or empty. Error messages never contain a relative path, because the user
    may have entered a secret instead of a path.
    """
    directory: Path = (info.context or {}).get("directory", Path())
    name = str(path) if path.is_absolute() else f"the file (looked in {directory})"
    check_no_reference(str(path))
    if path.parts[:1] == ("~",):
        raise ValueError("~ is not expanded; use an absolute path")
    path = directory / path
    try:
        if not S_ISREG(path.stat().st_mode):
            raise ValueError(f"{name} is not a regular file; use the path of a file")
        with path.open("rb") as file:
            is_blank = not file.read(_PROBE_BYTES).strip()
    except OSError as error:
        raise ValueError(f"cannot read {name}: {why_unreadable(error)}") from None
    if is_blank:
        raise ValueError(f"{name} is empty; use another file")
    return path


ReadableFile = Annotated[Path, AfterValidator(readable_file)]


def file_stamps(paths: Iterable[Path]) -> FileStamps:
    """Return a stamp for each file. A new stamp means that the file has changed."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None
