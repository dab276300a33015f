"""A first configuration: made of a few answers, commented, and written so that nobody else can read its secret."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from exporter.avepoint.hints import where_registered
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config import load
from exporter.config.sections import format_duration
from exporter.errors import ConfigError

_IN_AUTH: Final = ("client_id", "client_secret_file", "certificate_file", "certificate_password_file")
_COMMENTS: Final[Mapping[str, str]] = {
    "name": 'the label account="…" of its metrics',
    "type": "tenant, or partner with customers",
    "environment": "commercial, us-gov, aos2 or fedramp",
    "data_center": "where the tenant is",
    "base_url": "where the API answers",
    "token_url": "where tokens are had",
    "client_id": "of the app registration",
    "client_secret_file": "read again at each use",
    "certificate_file": "read again at each use",
    "certificate_password_file": "holds the key's password",
}
_COLUMN: Final = 34
_HEAD: Final = """\
# Configuration of avepoint-exporter, written by `avepoint-exporter init`.
# What is commented out shows the defaults. Paths count from this file's folder.
# After a change: avepoint-exporter --config.check, and avepoint-exporter check.

accounts:
"""
_DEFAULTS: Final = """
    # api: auto                     # which generation: auto, modern or legacy
    # requests:                     # how hard AvePoint is asked
    #   concurrency: 8              # requests at the same time
    #   per_second: 10              # requests begun in a second
    #   timeout: 30s
    #   retries: 3
    # proxy_url: http://proxy.example.com:3128
    # collectors:                   # each is on unless it says enabled: false
"""

Answers = Mapping[str, str]
"""Keys of an account, those of its `auth` among them, with their values."""


def text(answers: Answers) -> str:
    """Write the configuration of one account, with a comment beside each key."""
    given = {key: answers[key] for key in _COMMENTS if answers.get(key)}
    lines = [_line(f"    {key}: {_quoted(value)}", key) for key, value in given.items() if key not in _IN_AUTH]
    lines[0] = "  - " + lines[0].lstrip()
    lines += ["    auth:"]
    lines += [_line(f"      {key}: {_quoted(value)}", key) for key, value in given.items() if key in _IN_AUTH]
    collectors = catalogue().get(answers.get("type", ""), {})
    options = [f"    #   {name}: {{interval: {format_duration(kind().interval)}}}" for name, kind in collectors.items()]
    return _HEAD + "\n".join([*lines, _DEFAULTS.rstrip("\n"), *options]) + "\n"


def _line(start: str, key: str) -> str:
    return f"{start:<{_COLUMN}}  # {_COMMENTS[key]}"


def _quoted(value: str) -> str:
    # JSON's quotes are YAML's too, and make a text of what looks like a number or a switch.
    is_plain = value.isascii() and value.isalpha() and yaml.safe_load(value) == value
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def problem(key: str, answers: Answers, folder: Path) -> str:
    """Say what the configuration file's rules have against an answer; "" for nothing."""
    path = f"accounts[0].auth.{key}: " if key in _IN_AUTH else f"accounts[0].{key}: "
    try:
        load.parse(text(answers), catalogue(), source="", folder=folder)
    except ConfigError as error:
        return next((line.removeprefix(path) for line in error.mistakes if line.startswith(path)), "")
    return ""


def permissions(account_type: str) -> tuple[tuple[str, str], ...]:
    """Give what an app of this kind of account may be granted: what for, and the later generation's permission."""
    purposes: dict[str, list[str]] = {}
    for kind in COLLECTORS:
        if kind.account_type == account_type:
            purpose = f"{kind.name}{', optional' * kind.optional}"
            purposes.setdefault(next(iter(kind.permissions.values())), []).append(purpose)
    return tuple(("; ".join(several), permission) for permission, several in purposes.items())


def registration(account_type: str) -> str:
    """Tell where an app is registered for this kind of account."""
    return where_registered(permissions(account_type)[0][1])


@dataclass(frozen=True, slots=True)
class Files:
    """Where a draft is written: the configuration, and its secret (None: there is none)."""

    config: Path
    secret: Path | None = None

    def refuse_existing(self) -> None:
        """Raise ConfigError for each file that would be overwritten."""
        mistakes = []
        if self.config.exists():
            mistakes.append(
                f"{self.config}: exists already; to add an account, write it below `accounts:` by hand or run init with"
                " another --config.file and copy it over; --force replaces the file"
            )
        if self.secret is not None and self.secret.exists():
            mistakes.append(f"{self.secret}: exists already; name another --secret-file, or replace it with --force")
        if mistakes:
            raise ConfigError(mistakes)

    def write(self, answers: Answers, secret: str, *, force: bool) -> None:
        """Write both, or neither; raises ConfigError. The secret is for this user alone from its first moment."""
        if self.secret is not None and self.secret.absolute() == self.config.absolute():
            raise ConfigError([f"{self.secret}: is the configuration too; name another --secret-file"])
        # A secret that is replaced is the last to be touched: whatever fails before, it is still there.
        is_replaced = force and self.secret is not None and self.secret.exists()
        if self.secret is not None and not is_replaced:
            _create(self.secret, secret + "\n", 0o600, force=False)
        try:
            content = text(answers)
            load.parse(content, catalogue(), source=str(self.config), folder=self.config.absolute().parent)
            _create(self.config, content, 0o644, force=force)
        except ConfigError:
            if self.secret is not None and not is_replaced:
                self.secret.unlink(missing_ok=True)
            raise
        if self.secret is not None and is_replaced:
            _create(self.secret, secret + "\n", 0o600, force=True)


def _create(path: Path, content: str, mode: int, *, force: bool) -> None:
    """Create a file that was not there; with `force` put it in the place of one that was, at once."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape"))
        if force:
            fresh.replace(path)
    except FileExistsError:
        raise ConfigError([f"{path}: exists already; --force replaces it"]) from None
    except OSError as error:
        if force:
            fresh.unlink(missing_ok=True)
        reason = (error.strerror or "unwritable").lower()
        where = (
            f"create the folder {path.parent}" if isinstance(error, FileNotFoundError) else "see who may write there"
        )
        raise ConfigError([f"{path}: cannot be written: {reason}; {where}, or name another --config.file"]) from None
