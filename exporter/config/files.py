"""Functions that check paths, read PEM files, and detect changes to files."""

import os
import re
import ssl
import tempfile
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo

from exporter.config.text import decode_text, unexpanded
from exporter.errors import why_unreadable

_PROBE_BYTES: Final = 4096
_CERTIFICATE: Final = re.compile(
    r"^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----$.*?(?:^-----END[^\n]*$|(?=^-----BEGIN)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_TRUSTED: Final = re.compile(
    r"^-----BEGIN TRUSTED CERTIFICATE-----$([A-Za-z0-9+/=\s]*)^-----END TRUSTED CERTIFICATE-----$", re.MULTILINE
)

FileStamps = Mapping[Path, tuple[int, int, int] | None]
"""The modification time, size and inode of each file, or None for a file that does not exist."""


def existing_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the directory of the configuration file. Raise ValueError if the file does not exist.

    Error messages never contain a relative path, because the user may have entered a secret instead of a path.
    """
    directory, name = _place(path, info)
    if "\0" in str(path):
        raise ValueError("contains a NUL character; correct the path")
    found = directory / path
    try:
        if not S_ISREG(found.stat().st_mode):
            raise ValueError(f"{name} is not a regular file; use the path of a file")
    except PermissionError:
        return found
    except OSError as error:
        raise ValueError(unexpanded(str(path)) or f"cannot read {name}: {why_unreadable(error)}") from None
    return found


def readable_file(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path like `existing_file`. Raise ValueError if the file is missing, unreadable or empty."""
    found, (_, name) = existing_file(path, info), _place(path, info)
    try:
        with found.open("rb") as file:
            is_blank = not file.read(_PROBE_BYTES).strip()
    except OSError as error:
        raise ValueError(f"cannot read {name}: {why_unreadable(error)}") from None
    if is_blank:
        raise ValueError(f"{name} is empty; use a file that is not empty")
    return found


def _place(path: Path, info: ValidationInfo) -> tuple[Path, str]:
    """Return the directory of the configuration file, and the name of the file at `path` for error messages."""
    directory: Path = (info.context or {}).get("directory", Path())
    return directory, str(path) if path.is_absolute() else f"the file (looked in {directory})"


ExistingFile = Annotated[Path, AfterValidator(existing_file)]
"""A file that belongs to one account. If the file is unreadable or empty, only this account fails."""
ReadableFile = Annotated[Path, AfterValidator(readable_file)]


def pem_text(data: bytes) -> str:
    """Return the text of a PEM file without indentation. The text may be in UTF-16, because PowerShell writes UTF-16.

    Raise ValueError if only a part of the file is in UTF-16.
    """
    try:
        text = decode_text(data)
    except ValueError:
        text = data.decode("latin-1")  # Comments between the certificates may be in any encoding.
    if "\0" in text and "-----BEGIN" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file as UTF-8")
    return "".join(f"{line.strip()}\n" for line in text.split("\n"))


def load_authorities(tls: ssl.SSLContext, data: bytes) -> None:
    """Trust the certificates in a PEM file. Raise ValueError if the file has no certificate or an unreadable one."""
    text = pem_text(data)
    certificates = [*_CERTIFICATE.finditer(text)]
    if not certificates:
        raise ValueError("contains no PEM certificates; use certificates in PEM format")
    for certificate in certificates:
        try:
            _load_authority(tls, certificate[0].encode("ascii", "replace").decode() + "\n")
        except ssl.SSLError:
            line = text.count("\n", 0, certificate.start()) + 1
            raise ValueError(f"the certificate on line {line} is damaged; replace this certificate") from None


def _load_authority(tls: ssl.SSLContext, certificate: str) -> None:
    if "TRUSTED" not in certificate.partition("\n")[0]:
        tls.load_verify_locations(cadata=certificate)
        return
    # A trusted certificate lists its allowed and rejected uses. OpenSSL reads these uses only from a file.
    with text_file(certificate) as path:
        tls.load_verify_locations(path)


def plain_certificates(text: str) -> str:
    """Replace each trusted certificate (`openssl x509 -trustout`) with the same certificate in the usual format."""
    return _TRUSTED.sub(_plain, text)


def _plain(trusted: re.Match[str]) -> str:
    """Return the first DER sequence, which is the certificate. The second sequence lists the uses."""
    try:
        der = b64decode(trusted[1])
        length = der[1] & 0x7F
        end = 2 + length + int.from_bytes(der[2 : 2 + length]) if der[1] & 0x80 else 2 + length
    except (ValueError, IndexError):
        return trusted[0]
    return ssl.DER_cert_to_PEM_cert(der[:end])


@contextmanager
def text_file(text: str) -> Iterator[str]:
    """Return the path of a temporary file, because OpenSSL reads some certificates only from files.

    A file in memory keeps a private key off the disk, and needs no writable file system.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pem")
            path.write_text(text, "utf-8")
            yield str(path)


def file_stamps(paths: Iterable[Path]) -> FileStamps:
    """Return a stamp for each file. A new stamp means that the file has changed."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None
