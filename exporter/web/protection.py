"""Reload the web configuration when its file or a certificate file changes."""

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.config.files import FileStamps, file_stamps
from exporter.config.load import located
from exporter.config.web_load import FLAG, load_web_config, warn_of_slow_hashes
from exporter.config.web_schema import WebConfig
from exporter.errors import ConfigError
from exporter.web.tls import UnusableTlsError, build_context

log = logging.getLogger("exporter.web")


@dataclass(frozen=True, slots=True)
class Protection:
    """The loaded web configuration. `context` is None for plain HTTP. `users` maps user names to password hashes."""

    config: WebConfig
    context: ssl.SSLContext | None
    users: Mapping[bytes, bytes]


def load_protection(path: Path | None) -> Protection:
    """Load the web configuration and its certificates. Raise ConfigError if one of these files is invalid."""
    return _protection(load_web_config(path), path) if path else Protection(WebConfig(), None, {})


def _protection(config: WebConfig, path: Path) -> Protection:
    tls = config.tls_server_config
    try:
        return Protection(config, build_context(tls) if tls.enabled else None, config.users)
    except UnusableTlsError as error:
        raise ConfigError([*located([error.invalid], path, FLAG)]) from None


class LiveProtection:
    """Checks the files at most once per `interval` seconds, and reloads the web configuration if a file has changed."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float], interval: float = 1.0) -> None:
        self._path = path
        self._clock = clock
        self._interval = interval
        self._error = ""
        self._stamps: FileStamps = {}
        self._current = self._load()
        warn_of_slow_hashes(self._current.config)
        self._checked = clock()

    def current(self) -> Protection:
        """Return the current protection. If a file has changed, reload the files first.

        If the new files are invalid, log each error once and keep the old protection.
        """
        now = self._clock()
        if self._path and now - self._checked >= self._interval:
            self._checked = now
            if not self._stamps or self._stamps != file_stamps(self._stamps):
                self._reload()
        return self._current

    def _reload(self) -> None:
        try:
            protection = self._load()
            _refuse_weaker(self._current.config, protection.config)
        except ConfigError as error:
            # Without stamps, each check loads the files again. Comparing stamps is not sufficient here, because the new
            # configuration may refer to files that have no stamps yet.
            self._stamps = {}
            if str(error) != self._error:
                log.error("web configuration %s not reloaded; the old configuration is kept: %s", self._path, error)
            self._error = str(error)
            return
        self._current = protection
        self._error = ""
        warn_of_slow_hashes(protection.config)
        log.info("web configuration %s reloaded", self._path)

    def _load(self) -> Protection:
        if self._path is None:
            return load_protection(None)
        # Read the stamps before the content. If a file changes between the two steps, the next check detects the
        # change.
        stamps = dict(file_stamps([self._path]))
        config = load_web_config(self._path)
        stamps |= file_stamps(config.files())
        protection = _protection(config, self._path)
        self._stamps = stamps
        return protection


def _refuse_weaker(old: WebConfig, new: WebConfig) -> None:
    """Raise ConfigError if a reload would turn TLS on or off, or weaken authentication.

    Such a reload can happen while another program is writing the file.
    """
    before, after = old.tls_server_config, new.tls_server_config
    changes = (
        ("tls_server_config", "TLS was enabled or disabled", before.enabled != after.enabled),
        (
            "tls_server_config.client_auth_type",
            "client certificates are no longer required",
            before.verifies_clients and not after.verifies_clients,
        ),
        (
            "tls_server_config.client_allowed_sans",
            "the list is empty",
            bool(before.client_allowed_sans) and not after.client_allowed_sans,
        ),
        ("basic_auth_users", "no user remains", bool(old.basic_auth_users) and not new.basic_auth_users),
    )
    errors = [
        f"{path}: {what}; to apply this change, restart the exporter" for path, what, is_weaker in changes if is_weaker
    ]
    if errors:
        raise ConfigError(errors)
