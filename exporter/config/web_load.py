"""From the file that --web.config.file names to its types; every mistake at once, no secret in any."""

import logging
from collections.abc import Hashable
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config.web_schema import MistakesError, WebConfig
from exporter.errors import ConfigError, why_unreadable

log = logging.getLogger("exporter.web")

_SLOW_COST = 14  # bcrypt's; above it a check takes seconds

# pydantic's kinds of mistakes, in the operator's words.
_WORDS = {
    "extra_forbidden": "unknown key in the file of --web.config.file; correct its spelling",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "string_type": "must be text (put it in quotes)",
    "path_type": "must be a path",
}


def read_web_config(path: Path) -> WebConfig:
    """Read and check the file; raise ConfigError with one line for every mistake."""
    try:
        data = yaml.load(path.read_bytes(), Loader=_StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except OSError as error:
        raise ConfigError([f"--web.config.file: {path} {why_unreadable(error)}"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"--web.config.file: {path} is not YAML{_place(error)}; look just above"]) from None
    try:
        return WebConfig.model_validate({} if data is None else data, context={"folder": path.parent})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ConfigError([line for detail in details for line in _lines(detail)]) from None


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, refusing a key that is there twice as Go does: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build one mapping."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.constructor.ConstructorError(problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _place(error: yaml.YAMLError) -> str:
    # PyYAML's own words quote the file, hence only the place.
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f" (or a key is there twice): line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _lines(detail: ErrorDetails) -> list[str]:
    path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in detail["loc"] if p != "[key]").lstrip(".")
    path = path or "--web.config.file"
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, MistakesError):
        return [f"{path}.{field}: {text}" for field, text in error.mistakes]
    return [f"{path}: {_message(detail)}"]


def _message(detail: ErrorDetails) -> str:
    if detail["type"] in _WORDS:
        return _WORDS[detail["type"]]
    return detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def warn_of_slow_hashes(config: WebConfig) -> None:
    """Log every user whose hash takes seconds; for what comes into force, not for what is only checked."""
    for user, secret in config.basic_auth_users.items():
        cost = int(secret.get_secret_value()[4:6])
        if cost > _SLOW_COST:
            log.warning("basic_auth_users.%s: cost %d makes the first check of a password take seconds", user, cost)
