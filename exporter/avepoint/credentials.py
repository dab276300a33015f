"""Which credential an account has, and what can be said of it before it is used."""

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from exporter.avepoint.auth import ClientSecret, Credential
from exporter.avepoint.observer import Observer
from exporter.clock import Clock
from exporter.config.schema import Account, Config
from exporter.errors import TokenError

_FILES: Final = ("client_secret_file", "certificate_file", "certificate_password_file")


def credential(account: Account, clock: Clock, observer: Observer, log: structlog.stdlib.BoundLogger) -> Credential:
    """Give the account's credential; a certificate that cannot be used is logged, and told again at each use."""
    if account.auth.certificate_file is None:
        return ClientSecret(account.auth)
    from exporter.avepoint.certificate import ClientCertificate  # noqa: PLC0415 - cryptography is slow to load

    certificate = ClientCertificate(account.auth, account.identity_url, clock, observer.certificate)
    try:
        certificate.load()
    except TokenError as error:
        log.error("certificate not usable", error=error, **error.context())
    return certificate


def certificate_mistakes(config: Config, clock: Clock) -> Iterator[str]:
    """Give a line for each certificate of the configuration that cannot be used now."""
    for index, account in enumerate(config.accounts):
        if account.auth.certificate_file is not None:
            from exporter.avepoint.certificate import ClientCertificate  # noqa: PLC0415 - as above

            try:
                ClientCertificate(account.auth, account.identity_url, clock, lambda _: None).load()
            except TokenError as error:
                yield f"accounts[{index}].auth.certificate_file: {error}; {error.hint}"


def warn_of_readable_secrets(account: Account, log: structlog.stdlib.BoundLogger) -> None:
    """Warn of files with secrets that other users of this machine can read."""
    for key, path in _open_files(account):
        log.warning("secret file is open to others", key=key, file=str(path), hint=_closing(path))


def readable_secrets(config: Config) -> Iterator[str]:
    """Give a line for each file with a secret that other users of this machine can read: no mistake, but a danger."""
    for index, account in enumerate(config.accounts):
        for key, path in _open_files(account):
            yield f"accounts[{index}].{key}: the file is open to others; {_closing(path)}"


def _open_files(account: Account) -> Iterator[tuple[str, Path]]:
    for key in _FILES:
        path: Path | None = getattr(account.auth, key)
        if path is not None and _is_open_to_others(path):
            yield f"auth.{key}", path


def _closing(path: Path) -> str:
    return f"chmod g-w,o-rwx {shlex.quote(str(path))}"


def _is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP))
    except OSError:  # gone since the configuration was read; whoever uses it says so
        return False
