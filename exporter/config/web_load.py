"""Functions that load the file of --web.config.file. A ConfigError lists all errors in the file."""

import logging
from pathlib import Path

from exporter.config.validation import InvalidKey, require_valid, validate
from exporter.config.web_schema import WebConfig
from exporter.config.yaml_file import read_yaml

log = logging.getLogger("exporter.web")

_SLOW_COST = 14  # with a higher bcrypt cost, checking a password takes seconds


def load_web_config(path: Path) -> WebConfig:
    """Load a web configuration file. Raise ConfigError if the file is invalid. An empty file disables all features."""
    document = read_yaml(path, flag="--web.config.file")
    errors: list[InvalidKey] = []
    config = validate(WebConfig, {} if document.data is None else document.data, "", errors, path.parent)
    return require_valid(config, errors, document, str(path))


def warn_of_slow_hashes(config: WebConfig) -> None:
    """Log a warning for each user whose bcrypt hash takes seconds to check."""
    for user, secret in config.basic_auth_users.items():
        cost = int(secret.get_secret_value()[4:6])
        if cost > _SLOW_COST:
            log.warning(
                "basic_auth_users.%s: with bcrypt cost %d, the first check of a password takes seconds", user, cost
            )
