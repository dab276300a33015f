"""Warnings about settings that may have no effect, and about secret files that other users can read."""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

import click

from exporter.avepoint.auth.credentials import readable_secrets
from exporter.avepoint.proxies import invalid_variables
from exporter.cli.variables import flag_variables, unknown_variables
from exporter.config.load import located
from exporter.config.schema import Config
from exporter.config.web_load import FLAG, slow_hashes
from exporter.config.web_schema import WebConfig
from exporter.health.ineffective import ineffective_keys
from exporter.logs import logger
from exporter.web.tls import expired_certificates

_VARIABLES: Final = ("client_secret_env", "certificate_password_env")


def print_warnings(config: Config, path: Path) -> None:
    """Print each warning about the configuration, the environment and the secret files to standard error."""
    for line in (*readable_secrets(config), *_ineffective(config, path, _known_variables())):
        click.echo(f"avepoint-exporter: warning: {line}", err=True)


def print_web_warnings(config: WebConfig, path: Path | None, now: float) -> None:
    """Print each warning about the web configuration to standard error. `now` is a Unix time."""
    warnings = (*slow_hashes(config), *expired_certificates(config.tls_server_config, now))
    if path is not None and warnings:
        for line in located(warnings, path, FLAG):
            click.echo(f"avepoint-exporter: warning: {line}", err=True)


def logging_warnings(load: Callable[[], Config], path: Path) -> Callable[[], Config]:
    """Return a function that loads the configuration and logs a warning for each setting that may have no effect."""
    known = _known_variables()

    def loaded() -> Config:
        config = load()
        for line in _ineffective(config, path, known):
            logger().warning("a setting may have no effect", setting=line)
        return config

    return loaded


def _ineffective(config: Config, path: Path, known: Collection[str]) -> Iterator[str]:
    if errors := tuple(ineffective_keys(config)):
        yield from located(errors, path)
    used = [getattr(account.auth, key) for account in config.accounts for key in _VARIABLES]
    yield from unknown_variables(os.environ, known, filter(None, used))
    if any(account.proxy_url is None for account in config.accounts):
        yield from invalid_variables()


def _known_variables() -> frozenset[str]:
    root = click.get_current_context().find_root().command
    return flag_variables(root) if isinstance(root, click.Group) else frozenset()
