"""Collect the settings for `avepoint-exporter init` from flags and from answers on the terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, get_args

import click

from exporter.avepoint.hints import where_registered
from exporter.cli.flags import Flags
from exporter.cli.secret_input import ask_until_valid, certificate_problem, given_secret, password_of
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.schema import Account, AccountType
from exporter.config.secrets import client_secret_of
from exporter.config.template import Answers, answer_error
from exporter.errors import ConfigError

ENVIRONMENTS: Final[tuple[str, ...]] = get_args(Account.model_fields["environment"].annotation)
TYPES: Final[tuple[str, ...]] = get_args(AccountType)
_URLS: Final = ("base_url", "token_url")
_PASSWORD: Final = "Password of the private key (hidden; press Enter if there is none)"  # noqa: S105 - a question
_SET_PASSWORD: Final = "pass its password with --secret-env or --secret-from"  # noqa: S105 - words
_NO_TERMINAL: Final = "required, because standard input is not a terminal"
_ABOUT_ENVIRONMENTS: Final = """
AvePoint runs several clouds. If the organization did not sign up for a
government cloud, its account is in the commercial cloud."""
_ABOUT_DATA_CENTERS: Final = """
The organization chose its data center when it signed up for AvePoint.
If you do not know the data center, ask AvePoint's support. The data centers
are us, ca, au, sg, jp, kr, ne (Ireland), we (Netherlands), fr, de, ch, uk,
uae, za, qa. The data centers on Google Cloud are gcp-us, gcp-au, gcp-jp,
gcp-kr, gcp-we."""

Prompt = Callable[..., str]
"""A function that shows a question and returns the answer, like click.prompt."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings of a new account. If `secret_file` is set, `init` writes `secret` to this file.

    If there is no secret, `secret` is "".
    """

    answers: Answers
    secret: str
    secret_file: Path | None


def permissions(account_type: str) -> tuple[tuple[str, str], ...]:
    """Return a pair (collector names, permission) for each permission of the modern API."""
    collectors: dict[str, list[str]] = {}
    for kind in COLLECTORS:
        if kind.account_type == account_type:
            name = f"{kind.name}{', optional' * kind.optional}"
            collectors.setdefault(next(iter(kind.endpoints.permissions.values())), []).append(name)
    return tuple(("; ".join(names), permission) for permission, names in collectors.items())


def registration(account_type: str) -> str:
    """Return the page of AvePoint's portal for app registrations. The page depends on the account type."""
    return where_registered(permissions(account_type)[0][1])


class Questions:
    """Collects the settings from flags and, on a terminal, from answers to questions.

    `directory` is the directory of the configuration file.
    """

    def __init__(self, flags: Flags, directory: Path, prompt: Prompt = click.prompt, *, is_terminal: bool) -> None:
        self._flags = flags
        self._directory = directory
        self._prompt = prompt
        self._is_terminal = is_terminal
        self._answers: dict[str, str] = {}
        self._secret_file: Path | None = None
        self._mistakes: list[str] = []

    def settings(self) -> Settings:
        """Return the settings. Raise ConfigError if a setting is missing or invalid."""
        self._key("type", "Account type", choices=TYPES)
        if self._is_terminal and self._flags["client_id"] is None and self._answers.get("type"):
            self._show_permissions(self._answers["type"])
        self._key("name", "Account name, used as the value of the account label", default=self._answers.get("type"))
        self._urls()
        self._key("client_id", "Client ID of the app registration")
        secret = self._credential()
        if self._mistakes:
            raise ConfigError(self._mistakes)
        return Settings(self._answers, secret, self._secret_file)

    def _urls(self) -> None:
        """Collect the URLs from the flags. If a URL is missing, also collect the environment and the data center."""
        urls = [key for key in _URLS if self._flags[key] is not None]
        if len(urls) < len(_URLS) or self._flags["environment"] is not None:
            self._key("environment", "Cloud", _ABOUT_ENVIRONMENTS, choices=ENVIRONMENTS, default=ENVIRONMENTS[0])
        for key in urls:
            self._key(key, "")
        has_url = "base_url" in urls or self._answers.get("environment") != ENVIRONMENTS[0]
        if self._flags["data_center"] is not None or (self._answers.get("type") == "tenant" and not has_url):
            self._key("data_center", "Data center", _ABOUT_DATA_CENTERS)

    def _show_permissions(self, account_type: str) -> None:
        click.echo(f"\nRegister an app in {registration(account_type)}\nand grant it these read-only permissions:")
        for collectors, permission in permissions(account_type):
            click.echo(f"  {permission}  ({collectors})")
        click.echo()

    def _key(
        self, key: str, question: str, about: str = "", *, choices: Sequence[str] = (), default: str | None = None
    ) -> None:
        """Collect the value of one key from a flag or a question. Print `about` before the question."""
        given, flag = self._flags[key], f"--{key.replace('_', '-')}"
        if given is None and not self._is_terminal:
            given = default
        if given is None and not self._is_terminal:
            self._mistakes.append(f"{flag}: {_NO_TERMINAL}")
        elif given is None:
            if about:
                click.echo(about)
            kind = click.Choice(choices) if choices else None
            # Without a default, click repeats the question after an empty answer and prints no error.
            self._answers[key] = self._prompt(
                question, default=default or "", show_default=bool(default), type=kind,
                value_proc=self._checker(key, kind),
            )  # fmt: skip
        elif error := self._error(key, given):
            self._mistakes.append(f"{flag}: {error.replace('the key', 'the flag')}")
        else:
            self._answers[key] = given

    def _checker(self, key: str, kind: click.Choice[str] | None) -> Callable[[str], str]:
        def check(value: str) -> str:
            value = kind.convert(value, None, None) if kind else value.strip()
            if error := self._error(key, value):
                raise click.BadParameter(error)
            return value

        return check

    def _error(self, key: str, value: str) -> str:
        if not value:
            return "must not be empty"
        return answer_error(key, self._answers | {key: value}, self._directory, catalogue())

    def _credential(self) -> str:
        """Collect the path of the certificate, if any. Return the certificate's password or the client secret."""
        certificate = self._flags["certificate_file"]
        if certificate is None and self._has_no_source() and self._is_terminal:
            question = "Credential of the app"
            choice = self._prompt(question, type=click.Choice(["secret", "certificate"]), default="secret")
            certificate = self._prompt("Path of the certificate (.pem or .pfx)") if choice == "certificate" else None
        key, path = "client_secret_file", None
        if certificate is not None:
            key, path = "certificate_password_file", self._certificate(Path(certificate))
        secret = self._secret(path, is_optional=certificate is not None)
        if secret:
            name = self._answers.get("name", "account")
            self._secret_file = Path(self._flags["secret_file"] or self._directory / f"{name}.secret")
            self._answers[key] = self._relative(self._secret_file)
        return secret

    def _certificate(self, path: Path) -> Path | None:
        """Store the path of the certificate as an answer. Return the path, or None if the path is invalid."""
        self._answers["certificate_file"] = self._relative(path)
        if error := self._error("certificate_file", self._answers["certificate_file"]):
            self._mistakes.append(f"--certificate-file: {error}")
            return None
        return path

    def _has_no_source(self) -> bool:
        return self._flags["secret_env"] is None and self._flags["secret_from"] is None

    def _relative(self, path: Path) -> str:
        """Return a path relative to the configuration's directory, or the absolute path if the file is elsewhere."""
        path = path.absolute()
        return str(path.relative_to(self._directory) if path.is_relative_to(self._directory) else path)

    def _secret(self, certificate: Path | None, *, is_optional: bool) -> str:
        """Return the secret from an environment variable, a file, standard input or a hidden prompt."""
        check = partial(self._checked_password, certificate) if is_optional else self._checked_secret
        try:
            given = given_secret(self._flags["secret_env"], self._flags["secret_from"])
            if given is None and not self._is_terminal:
                if not is_optional:
                    raise ValueError(f"--secret-env or --secret-from: {_NO_TERMINAL}")
                given = "", ""
            if given is not None:
                return check(*given)
        except ValueError as error:
            self._mistakes.append(str(error))
            return ""
        question = _PASSWORD if is_optional else "Client secret (hidden)"
        return ask_until_valid(self._prompt, question, "" if is_optional else None, check)

    def _checked_secret(self, source: str, text: str | bytes) -> str:
        return client_secret_of(source, text, self._answers.get("client_id", ""))

    def _checked_password(self, certificate: Path | None, source: str, text: str | bytes) -> str:
        """Return the password. Raise ValueError if the password does not match the certificate."""
        password = password_of(source, text)
        problem, is_of_password = certificate_problem(certificate, password) if certificate is not None else ("", False)
        if is_of_password:
            raise ValueError(f"--certificate-file: {certificate}: {problem}; {_SET_PASSWORD}")
        if problem:
            self._mistakes.append(f"--certificate-file: {certificate}: {problem}; replace the file")
        return password
