"""Find environment variables that begin with AVEPOINT_EXPORTER_ but do not set a flag."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

import click

from exporter.cli.usage import names_a_secret

_PREFIX: Final = "AVEPOINT_EXPORTER_"
_OF_A_SERVICE: Final = re.compile(
    r"(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_[A-Z]+(?:_[A-Z]+)?)", re.ASCII
)
_PORT: Final = re.compile(r"(?:\w+_)?PORT", re.ASCII)
_ADDRESS: Final = re.compile(r"[a-z]+://", re.ASCII)


def flag_variables(group: click.Group) -> frozenset[str]:
    """Return the names of the environment variables that set the flags of all commands."""
    parameters = [parameter for command in (group, *group.commands.values()) for parameter in command.params]
    return frozenset(parameter.envvar for parameter in parameters if isinstance(parameter.envvar, str))


def unknown_variables(environment: Mapping[str, str], known: Collection[str], used: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each variable that has the prefix, in any letter case, but does not set a flag.

    `known` contains the variables that set flags. `used` contains the variables that the configuration refers to.
    """
    settings = {*known, *used}
    names = {name.removeprefix(_PREFIX): name for name in known}
    for name, value in sorted(environment.items()):
        rest = re.sub(r"\W", "_", name).upper()
        if name in settings or not rest.startswith(_PREFIX):
            continue
        rest = rest.removeprefix(_PREFIX)
        if not (name.startswith(_PREFIX) and _is_of_a_service(rest, value)):
            yield f"{name}: does not set any flag; {_advice(rest, names)}"


def _advice(rest: str, names: Mapping[str, str]) -> str:
    close = get_close_matches(rest, names, n=1, cutoff=0.85 if names_a_secret(rest) else 0.6)
    if close:
        return f"did you mean {names[close[0]]}?"
    if names_a_secret(rest):
        return "if it contains the secret, set client_secret_env to its name"
    return "remove it (help: avepoint-exporter --help)"


def _is_of_a_service(rest: str, value: str) -> bool:
    """Return whether Kubernetes may have set the variable for a service whose name begins with avepoint-exporter."""
    return bool(_OF_A_SERVICE.fullmatch(rest) or (_PORT.fullmatch(rest) and _ADDRESS.match(value)))
