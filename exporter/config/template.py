"""The commented configuration file and the secret file that the command `init` writes."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Final

import yaml

from exporter.config.load import Catalogue, parse_config
from exporter.config.sections import format_duration
from exporter.errors import ConfigError

_IN_AUTH: Final = ("client_id", "client_secret_file", "certificate_file", "certificate_password_file")
_COMMENTS: Final[Mapping[str, str]] = {
    "name": "value of the label account",
    "type": "tenant or partner",
    "environment": "commercial, us-gov, aos2 or fedramp",
    "data_center": "data center of the tenant",
    "base_url": "URL of the API",
    "token_url": "URL for token requests",
    "client_id": "id of the app registration",
    "client_secret_file": "read for each token request",
    "certificate_file": "read for each token request",
    "certificate_password_file": "password of the private key",
}
_COLUMN: Final = 34
_HEAD: Final = """\
# Configuration of avepoint-exporter, written by `avepoint-exporter init`.
# Commented-out keys show the defaults. Paths are relative to this file.
# After a change, run: avepoint-exporter --config.check; avepoint-exporter check

accounts:
"""
_DEFAULTS: Final = """
    # api: auto                     # API version: auto, modern or legacy
    # requests:                     # limits on the requests to AvePoint
    #   concurrency: 8              # concurrent requests
    #   per_second: 10              # average requests per second
    #   timeout: 30s
    #   retries: 3
    # proxy_url: http://proxy.example.com:3128
    # collectors:                   # all are enabled by default
"""

Answers = Mapping[str, str]
"""The values of one account's keys, including the keys in its section `auth`."""


def config_text(answers: Answers, catalogue: Catalogue) -> str:
    """Return a configuration with one account and a comment for each key."""
    given = {key: answers[key] for key in _COMMENTS if answers.get(key)}
    lines = [_line(f"    {key}: {_quoted(value)}", key) for key, value in given.items() if key not in _IN_AUTH]
    lines[0] = "  - " + lines[0].lstrip()
    lines += ["    auth:"]
    lines += [_line(f"      {key}: {_quoted(value)}", key) for key, value in given.items() if key in _IN_AUTH]
    collectors = catalogue.get(answers.get("type", ""), {})
    options = [f"    #   {name}: {{interval: {format_duration(kind().interval)}}}" for name, kind in collectors.items()]
    return _HEAD + "\n".join([*lines, _DEFAULTS.rstrip("\n"), *options]) + "\n"


def _line(start: str, key: str) -> str:
    return f"{start:<{_COLUMN}}  # {_COMMENTS[key]}"


def _quoted(value: str) -> str:
    # A JSON string is also a YAML string. Without quotes, YAML could interpret a string as a number or a boolean.
    is_plain = value.isascii() and value.isalpha() and yaml.safe_load(value) == value
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def answer_error(key: str, answers: Answers, directory: Path, catalogue: Catalogue) -> str:
    """Return the configuration error for an answer, or "" if the answer is valid."""
    path = f"accounts[0].auth.{key}: " if key in _IN_AUTH else f"accounts[0].{key}: "
    try:
        parse_config(config_text(answers, catalogue), catalogue, source="", directory=directory)
    except ConfigError as error:
        return next((line.removeprefix(path) for line in error.errors if line.startswith(path)), "")
    return ""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """The paths of the configuration file and of the optional secret file that `init` writes."""

    config: Path
    secret: Path | None
    catalogue: Catalogue

    def check(self, *, force: bool) -> None:
        """Raise ConfigError if a file cannot be written, or if a file exists and `force` is false."""
        paths = [(self.config, "--config.file"), *([(self.secret, "--secret-file")] if self.secret is not None else [])]
        if errors := [f"{path}: {problem}" for path, flag in paths if (problem := _problem(path, flag, force=force))]:
            raise ConfigError(errors)

    def write(self, answers: Answers, secret: str, *, force: bool) -> None:
        """Write the configuration file and the secret file.

        Raise ConfigError if a file cannot be written. If the configuration file cannot be written, the secret file is
        not changed. Only the current user can read the secret file.
        """
        if self.secret is not None and self.secret.absolute() == self.config.absolute():
            raise ConfigError([f"{self.secret}: the configuration file has the same path; use another --secret-file"])
        # Replace an existing secret last. Otherwise, a failure to write the configuration would lose the old secret.
        is_replaced = force and self.secret is not None and self.secret.is_file()
        if self.secret is not None and not is_replaced:
            _create(self.secret, secret + "\n", 0o600, force=False)
        try:
            content = config_text(answers, self.catalogue)
            parse_config(content, self.catalogue, source=str(self.config), directory=self.config.absolute().parent)
            _create(self.config, content, 0o644, force=force)
        except ConfigError:
            if self.secret is not None and not is_replaced:
                self.secret.unlink(missing_ok=True)
            raise
        if self.secret is not None and is_replaced:
            _create(self.secret, secret + "\n", 0o600, force=True)


def _problem(path: Path, flag: str, *, force: bool) -> str:
    """Return the reason why a file cannot be written, or "" if it can be written."""
    try:
        is_file = S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{(error.strerror or 'unusable').lower()}; use another {flag}"
    if not is_file:
        return f"is not a regular file; use another {flag}"
    return "" if force else f"file exists; use --force to replace the file, or use another {flag}"


def _create(path: Path, content: str, mode: int, *, force: bool) -> None:
    """Create a file. If `force` is true, replace an existing file atomically."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape"))
        if force:
            fresh.replace(path)
    except FileExistsError:
        raise ConfigError([f"{path}: file exists; use --force to replace it"]) from None
    except OSError as error:
        if force:
            fresh.unlink(missing_ok=True)
        reason = (error.strerror or "unwritable").lower()
        where = (
            f"create the directory {path.parent}" if isinstance(error, FileNotFoundError) else "check its permissions"
        )
        raise ConfigError([f"{path}: cannot write the file: {reason}; {where}, or use another --config.file"]) from None
