"""What `avepoint-exporter init` must know: from its flags, else by asking whoever sits at the terminal."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import click

from exporter.avepoint.hints import where_registered
from exporter.cli.flags import Flags
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.schema import Account, AccountType
from exporter.config.template import Answers, answer_error
from exporter.errors import ConfigError

ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Account.model_fields["environment"].annotation)
TYPES: Final[tuple[str, ...]] = get_args(AccountType)
_BOTH: Final = 2
_ABOUT_CLOUDS: Final = """
AvePoint has several clouds. An account is in the commercial one, unless its
organisation signed up at one for governments."""
_ABOUT_DATA_CENTERS: Final = """
The data center was chosen when the organisation signed up to AvePoint, whose
support knows it if nobody else does. It is one of us, ca, au, sg, jp, kr,
ne (Ireland), we (Netherlands), fr, de, ch, uk, uae, za, qa; on Google Cloud
of gcp-us, gcp-au, gcp-jp, gcp-kr, gcp-we."""

Prompt = Callable[..., str]
"""Asks one question, as click.prompt does."""


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """The answers: an account's keys, the secret ("" for none), and the file to keep it in."""

    answers: Answers
    secret: str
    kept: Path | None


def permissions(account_type: str) -> tuple[tuple[str, str], ...]:
    """Return the collectors and the permission that each needs, for an app of this type of account."""
    purposes: dict[str, list[str]] = {}
    for kind in COLLECTORS:
        if kind.account_type == account_type:
            purpose = f"{kind.name}{', optional' * kind.optional}"
            purposes.setdefault(next(iter(kind.permissions.values())), []).append(purpose)
    return tuple(("; ".join(names), permission) for permission, names in purposes.items())


def registration(account_type: str) -> str:
    """Return where in AvePoint's portals an app for this type of account is registered."""
    return where_registered(permissions(account_type)[0][1])


class Questions:
    """Gets the answers: from the flags, else by asking, else there are mistakes. `folder` is the configuration's."""

    def __init__(self, flags: Flags, folder: Path, prompt: Prompt = click.prompt, *, is_terminal: bool) -> None:
        self._flags = flags
        self._folder = folder
        self._prompt = prompt
        self._is_terminal = is_terminal
        self._answers: dict[str, str] = {}
        self._kept: Path | None = None
        self._mistakes: list[str] = []

    def ask(self) -> Found:
        """Give them all; raises ConfigError with all that is missing or wrong."""
        self._one("type", "Kind of account", choices=TYPES)
        if self._is_terminal and self._flags["client_id"] is None and self._answers.get("type"):
            self._tell_permissions(self._answers["type"])
        self._one("name", "Its name, the label account=… of its metrics")
        self._place()
        self._one("client_id", "Id of the app registration (client id)")
        secret = self._credential()
        if self._mistakes:
            raise ConfigError(self._mistakes)
        return Found(self._answers, secret, self._kept)

    def _place(self) -> None:
        """Find out where the account is, as far as no address says it."""
        addresses = [key for key in ("base_url", "token_url") if self._flags[key] is not None]
        if len(addresses) < _BOTH or self._flags["environment"] is not None:
            self._one("environment", "Cloud", _ABOUT_CLOUDS, choices=ENVIRONMENTS, default=ENVIRONMENTS[0])
        for key in addresses:
            self._one(key, "")
        is_placed = "base_url" in addresses or self._answers.get("environment") != ENVIRONMENTS[0]
        if self._flags["data_center"] is not None or (self._answers.get("type") == "tenant" and not is_placed):
            self._one("data_center", "Data center", _ABOUT_DATA_CENTERS)

    def _tell_permissions(self, account_type: str) -> None:
        wanted = permissions(account_type)
        click.echo(f"\nRegister an app in {registration(account_type)}\nwith these permissions, which only read:")
        for purpose, permission in wanted:
            click.echo(f"  {permission}  ({purpose})")
        click.echo()

    def _one(
        self, key: str, question: str, about: str = "", *, choices: Sequence[str] = (), default: str | None = None
    ) -> None:
        """Get one answer that the configuration's rules accept; what `about` says is told before it is asked for."""
        given, flag = self._flags[key], f"--{key.replace('_', '-')}"
        if given is None and not self._is_terminal:
            given = default
        if given is None and not self._is_terminal:
            self._mistakes.append(f"{flag}: is needed where nobody can be asked: standard input is no terminal")
        elif given is None:
            if about:
                click.echo(about)
            kind = click.Choice(choices) if choices else None
            self._answers[key] = self._prompt(question, default=default, type=kind, value_proc=self._checker(key, kind))
        elif wrong := self._problem(key, given):
            self._mistakes.append(f"{flag}: {wrong}")
        else:
            self._answers[key] = given

    def _checker(self, key: str, kind: click.Choice[str] | None) -> Callable[[str], str]:
        def check(value: str) -> str:
            value = kind.convert(value, None, None) if kind else value.strip()
            if wrong := self._problem(key, value):
                raise click.BadParameter(wrong)
            return value

        return check

    def _problem(self, key: str, value: str) -> str:
        return answer_error(key, self._answers | {key: value}, self._folder, catalogue())

    def _credential(self) -> str:
        """Get the certificate's path, where there is one, and the secret or its password."""
        certificate = self._flags["certificate_file"]
        if certificate is None and self._has_no_source() and self._is_terminal:
            question = "The app proves itself by its"
            choice = self._prompt(question, type=click.Choice(["secret", "certificate"]), default="secret")
            certificate = self._prompt("Path of the certificate, .pem or .pfx") if choice == "certificate" else None
        key = "client_secret_file"
        if certificate is not None:
            key, path = "certificate_password_file", self._from_folder(Path(certificate))
            if wrong := self._problem("certificate_file", path):
                self._mistakes.append(f"--certificate-file: {wrong}")
            self._answers["certificate_file"] = path
        secret = self._secret(is_optional=certificate is not None)
        if secret:
            name = self._answers.get("name", "account")
            self._kept = Path(self._flags["secret_file"] or self._folder / f"{name}.secret")
            self._answers[key] = self._from_folder(self._kept)
        return secret

    def _has_no_source(self) -> bool:
        return self._flags["secret_env"] is None and self._flags["secret_from"] is None

    def _from_folder(self, path: Path) -> str:
        """Write a path as it counts from the configuration's folder."""
        path = path.absolute()
        return str(path.relative_to(self._folder) if path.is_relative_to(self._folder) else path)

    def _secret(self, *, is_optional: bool) -> str:
        """Get the secret from where it is; nobody sees it typed."""
        name, source = self._flags["secret_env"], self._flags["secret_from"]
        if name is not None and source is not None:
            return self._wrong("--secret-env: has --secret-from beside it; only one of them can be used")
        if name is not None:
            secret = os.environ.get(name, "").strip()
            return secret or self._wrong(
                f"--secret-env: the environment variable {name} is not set, or empty; export it, or use --secret-from"
            )
        if source is not None:
            return self._read(source)
        if self._is_terminal:
            question = "Password of its key, unseen (Enter for none)" if is_optional else "Client secret, unseen"
            default = "" if is_optional else None
            return str(self._prompt(question, hide_input=True, default=default, show_default=False)).strip()
        return "" if is_optional else self._wrong("--secret-env: or --secret-from is needed where nobody can be asked")

    def _read(self, source: str) -> str:
        try:
            secret = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text"
            return self._wrong(
                f"--secret-from: {source} cannot be read: {(reason or 'unreadable').lower()}; correct the path"
            )
        return secret.strip() or self._wrong(f"--secret-from: {source} is empty; put the secret into it")

    def _wrong(self, mistake: str) -> str:
        self._mistakes.append(mistake)
        return ""
