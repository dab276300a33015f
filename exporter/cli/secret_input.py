"""Read the client secret or the password of a certificate for `avepoint-exporter init`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from exporter.clock import SystemClock
from exporter.config.text import decode_text

Check = Callable[[str, str | bytes], str]
"""A function (source, text) that returns the secret. If the secret is invalid, the function raises ValueError."""


def given_secret(variable: str | None, source: str | None) -> tuple[str, str | bytes] | None:
    """Return the name and the content of the source that a flag selects, or None if no flag is set.

    Raise ValueError if the source is unreadable or empty.
    """
    if variable is not None and source is not None:
        raise ValueError("--secret-env: cannot be combined with --secret-from; remove one of them")
    if source is not None:
        return _read(source)
    if variable is None:
        return None
    if not (text := os.environ.get(variable, "")).strip():
        raise ValueError(
            f"--secret-env: the environment variable {variable} is missing or empty; set it, or use --secret-from"
        )
    return f"--secret-env: the environment variable {variable}", text


def _read(source: str) -> tuple[str, bytes]:
    if source == "-" and sys.stdin is None:
        raise ValueError("--secret-from: standard input is closed; pipe the secret to the command")
    try:
        text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ValueError(f"--secret-from: cannot read {source}: {reason}; correct the path") from None
    if not text.strip():
        what = "standard input is empty; pipe the secret to the command"
        raise ValueError(f"--secret-from: {what if source == '-' else f'{source} is empty; write the secret to it'}")
    return f"--secret-from: {'standard input' if source == '-' else source}", text


def ask_until_valid(prompt: Callable[..., str], question: str, default: str | None, check: Check) -> str:
    """Ask for a secret until it is valid. At a hidden prompt, click itself would not show the error message."""
    while True:
        try:
            return check("the answer", str(prompt(question, hide_input=True, default=default, show_default=False)))
        except ValueError as error:
            click.echo(f"Error: {error}")


def password_of(source: str, text: str | bytes) -> str:
    """Return the password without a line break at its end. Raise ValueError if `text` cannot be decoded."""
    try:
        return (decode_text(text) if isinstance(text, bytes) else text).strip("\r\n")
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def certificate_problem(path: Path, password: str) -> tuple[str, bool]:
    """Return the reason why a certificate is unusable, or "", and whether the password is the cause."""
    from exporter.avepoint.auth.key_file import (  # noqa: PLC0415 - cryptography is slow to load
        KeyFile,
        KeyFileError,
        check_dates,
        parse_in_child,
    )

    try:
        pair = parse_in_child(KeyFile(path.read_bytes(), os.fsencode(password) or None))
        check_dates(pair, SystemClock().time())
    except KeyFileError as error:
        return error.problem, error.is_of_password
    except OSError as error:
        return f"cannot read the file: {(error.strerror or 'unknown error').lower()}", False
    return "", False
