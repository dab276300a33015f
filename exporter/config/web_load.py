"""Functions that load the file of --web.config.file. A ConfigError lists all errors in the file."""

import logging
from collections.abc import Iterator
from pathlib import Path

from exporter.config.validation import InvalidKey, require_valid, validate
from exporter.config.web_schema import WebConfig
from exporter.config.yaml_file import read_yaml

log = logging.getLogger("exporter.web")

FLAG = "--web.config.file"
_SLOW_COST = 14  # with a higher bcrypt cost, checking a password takes seconds


def load_web_config(path: Path) -> WebConfig:
    """Load a web configuration file. Raise ConfigError if the file is invalid. An empty file disables all features."""
    document = read_yaml(path, flag=FLAG)
    errors: list[InvalidKey] = []
    config = validate(WebConfig, {} if document.data is None else document.data, "", errors, path.parent)
    return require_valid(config, errors, document, str(path))


def warn_of_slow_hashes(config: WebConfig) -> None:
    """Log a warning for each user whose bcrypt hash takes seconds to check."""
    for key, message in slow_hashes(config):
        log.warning("%s: %s", key, message)


def slow_hashes(config: WebConfig) -> Iterator[InvalidKey]:
    """Yield a warning for each user whose bcrypt hash takes seconds to check."""
    for user, secret in config.basic_auth_users.items():
        cost = int(secret.get_secret_value()[4:6])
        if cost > _SLOW_COST:
            message = f"with bcrypt cost {cost}, the first check of a password takes seconds; use a lower cost"
            yield InvalidKey(f"basic_auth_users.{user}", message)
