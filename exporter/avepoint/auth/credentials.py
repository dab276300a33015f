"""Client secrets and certificates, and functions that check their files."""

import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog

from exporter.avepoint.observer import Observer
from exporter.clock import Clock
from exporter.config.schema import Account, Auth, Config
from exporter.config.secrets import read_client_secret
from exporter.errors import TokenError, why_unreadable

_FILES: Final = ("client_secret_file", "certificate_file", "certificate_password_file")
_READ_AGAIN: Final = "correct auth.client_secret_file or auth.client_secret_env; no restart is needed"


class Credential(Protocol):
    """A client secret or certificate.

    The files of a credential are read for each token request, so a changed file requires no reload.
    """

    def form(self) -> Mapping[str, str]:
        """Return the fields that authenticate a token request. Raise TokenError if the credential cannot be read."""


class ClientSecret:
    """A secret from the configuration, a file or an environment variable."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def __repr__(self) -> str:
        return "ClientSecret(…)"

    def form(self) -> Mapping[str, str]:
        """Return the secret as a field of the token request."""
        return {"client_secret": self._read()}

    def _read(self) -> str:
        try:
            return read_client_secret(self._auth)
        except OSError as error:
            reason, _, advice = why_unreadable(error).partition("; ")
            message, hint = f"cannot read {self._auth.client_secret_file}: {reason}", f"{advice}; no restart is needed"
        except ValueError as error:
            message, hint = str(error), _READ_AGAIN
        raise TokenError(message, reason="credential", hint=hint)


def credential(account: Account, clock: Clock, observer: Observer) -> Credential:
    """Return the credential of an account. The files of the credential are read later, for each token request."""
    if account.auth.certificate_file is None:
        return ClientSecret(account.auth)
    from exporter.avepoint.auth.certificate import ClientCertificate  # noqa: PLC0415 - cryptography is slow to load

    return ClientCertificate(account.auth, account.identity_url, clock, observer.certificate)


def certificate_mistakes(config: Config, clock: Clock) -> Iterator[str]:
    """Yield an error message for each configured certificate that cannot be used."""
    for index, account in enumerate(config.accounts):
        if account.auth.certificate_file is not None:
            from exporter.avepoint.auth.certificate import ClientCertificate  # noqa: PLC0415 - slow to load

            certificate = ClientCertificate(account.auth, account.identity_url, clock, lambda _: None)
            key = "certificate_password_file"
            try:
                certificate.password()
                key = "certificate_file"
                certificate.load()
            except TokenError as error:
                yield f"accounts[{index}].auth.{key}: {error}; {error.hint} (account {account.name})"


def warn_of_readable_secrets(account: Account, log: structlog.stdlib.BoundLogger) -> None:
    """Log a warning for each secret file that other users of this machine can read."""
    for key, path in _open_files(account):
        log.warning("other users can read the secret file", key=key, file=str(path), hint=_closing(path))


def readable_secrets(config: Config) -> Iterator[str]:
    """Yield an error message for each secret file that other users of this machine can read."""
    for index, account in enumerate(config.accounts):
        for key, path in _open_files(account):
            yield f"accounts[{index}].{key}: other users can read the file; {_closing(path)}"


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
    except OSError:  # The file is missing, so the next token request raises an error.
        return False
