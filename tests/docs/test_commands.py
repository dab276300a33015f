"""All programs, flags, make targets, metrics and keys in the documents exist."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import bcrypt
import click
import helm_python
import pytest

from exporter.cli import command, run
from tests.docs.commands import Line, all_lines
from tests.docs.markdown import ROOT, Page, blocks, pages
from tests.e2e.processes import eventually, exporter, fetch
from tests.grafana.promql import known
from tests.helm.chart import CHART, manifests
from tests.programs import program

FLAGS: Final[Mapping[str, frozenset[str]]] = {
    "cosign verify": frozenset({"--certificate-oidc-issuer", "--certificate-identity-regexp"}),
    "curl": frozenset({"--head", "--fail", "--compressed", "--output", "--write-out"}),
    "docker compose down": frozenset({"--volumes"}),
    "docker compose up": frozenset({"--build", "--detach"}),
    "docker run": frozenset({"--publish", "--read-only", "--cap-drop", "--security-opt", "--volume", "--rm", "--env"}),
    "helm install": frozenset({"--namespace", "-f", "--set", "--wait", "--timeout"}),
    "helm test": frozenset({"--namespace"}),
    "install": frozenset({"-d", "-m"}),
    "kubectl create": frozenset({"--namespace", "--from-file"}),
    "ln": frozenset({"-sfn"}),
    "openssl req": frozenset({"-x509", "-newkey", "-sha256", "-days", "-nodes", "-subj", "-keyout", "-out"}),
    "openssl x509": frozenset({"-in", "-outform", "-out"}),
    "pip install": frozenset(),
    "pipx install": frozenset(),
    "systemctl daemon-reload": frozenset(),
    "systemctl enable": frozenset({"--now"}),
    **dict.fromkeys(("cat", "export", "rm", "umask"), frozenset()),
}
"""The flags of other programs in the documents.

Only the flags are checked if a command would change this machine, or needs a cluster, a registry or root. The other
commands run, below or in test_journeys.py.
"""
HELPS: Final[Mapping[str, Sequence[str]]] = {
    "curl": ["curl", "--help", "all"],
    "docker run": ["docker", "run", "--help"],
    "kubectl create": ["kubectl", "create", "secret", "generic", "--help"],
    "openssl req": ["openssl", "req", "-help"],
    "openssl x509": ["openssl", "x509", "-help"],
    "systemctl enable": ["systemctl", "--help"],
}
_UNTOLD: Final = frozenset({"-sha256", "--namespace"})
"""Flags that all commands of a program accept, and that the help of the command omits."""
_DOTTED: Final = re.compile(r"(?:requests|customers|tls|auth|collectors)\.\w+")
_OTHERS: Final = frozenset({"--build-arg", "--secret", "--granted"})
"""Flags in the text that belong to other programs, such as docker build and the simulator."""
_METRIC: Final = re.compile(r"(?<![\w/.-])(?:[a-z_]+:)?avepoint[_:][a-z0-9_:]*[a-z0-9](?![\w*…/-]|\.\w)")


def flags_of(words: Sequence[str]) -> Iterator[str]:
    return (word.partition("=")[0] for word in words if word.startswith("-"))


def takes(name: str, words: Sequence[str]) -> None:
    unknown = set(flags_of(words)) - FLAGS[name]
    assert not unknown, f"{name}: {unknown}"


def check_exporter(words: Sequence[str]) -> None:
    """Check that the exporter accepts the arguments. The function adds --help, so the exporter only prints its help."""
    assert run([*words, "--help"]) == 0, words


def check_make(words: Sequence[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(words) <= set(targets)


def check_script(name: str, words: Sequence[str]) -> None:
    shown = subprocess.run([ROOT / name, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(flag in shown for flag in flags_of(words))


def check_python(words: Sequence[str]) -> None:
    kind, what, *rest = words
    if kind == "-c":
        return  # run below
    assert kind == "-m"
    assert find_spec(what) is not None, what
    assert what != "pytest" or all((ROOT / path).exists() for path in rest)


def check_docker(words: Sequence[str]) -> None:
    if words[0] == "compose":
        takes(f"docker compose {words[1]}", words)
        return
    image = next(index for index, word in enumerate(words) if word.startswith("ghcr.io/"))
    takes(f"docker {words[0]}", words[:image])
    check_exporter(words[image + 1 :])


def check_helm(words: Sequence[str]) -> None:
    """Check that the chart can be rendered with this release name."""
    takes(f"helm {words[0]}", words)
    helm_python.validate_release_name(words[1])
    if words[0] == "install":
        assert words[2].rpartition("/")[2] == CHART.name
        assert manifests({})
    else:
        tests = [text for text in manifests({"demo": {"enabled": True}}).values() if "helm.sh/hook: test" in text]
        assert (words[0], bool(tests)) == ("test", True)


OURS: Final[Mapping[str, Callable[[Sequence[str]], None]]] = {
    "avepoint-exporter": check_exporter, "docker": check_docker, "helm": check_helm, "make": check_make,
    "python": check_python, "python3": check_python,
}  # fmt: skip


def check(words: Sequence[str]) -> None:
    """Check that a program accepts the arguments of a command."""
    program, arguments = Path(words[0]).name, words[1:]
    if words[0].startswith("scripts/"):
        check_script(words[0], arguments)
    elif program in OURS:
        OURS[program](arguments)
    else:
        plain = [
            word
            for word in arguments
            if word in ("create", "daemon-reload", "enable", "install", "req", "verify", "x509")
        ]
        name = program if program in FLAGS else f"{program} {plain[0]}"
        takes(name, arguments)


@pytest.mark.parametrize("line", all_lines(), ids=str)
def test_a_command_is_taken_by_its_program(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    found = list(line.commands())
    assert found
    for words in found:
        check(words)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "avepoint-exporter --config.chek",
        "avepoint-exporter chek",
        "make nonsense",
        "docker run --nonsense ghcr.io/x demo",
        "docker run ghcr.io/x demo --nonsense",
        "python -m nonsense",
        "helm install avepoint oci://x/other",
        "curl --nonsense",
    ],
)
def test_a_wrong_command_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        check(shlex.split(text))


@pytest.mark.parametrize("name", [name for name, words in HELPS.items() if shutil.which(words[0])])
def test_flags_of_programs_that_are_here_exist(name: str) -> None:
    done = subprocess.run(HELPS[name], capture_output=True, text=True, check=False)
    shown = done.stdout + done.stderr
    assert shown
    assert [flag for flag in FLAGS[name] - _UNTOLD if not re.search(rf"{flag}\b", shown)] == []


def ours() -> Iterator[click.Parameter]:
    """Return every parameter of the exporter's commands."""
    for one in (command, *command.commands.values()):
        yield from one.get_params(click.Context(one))


each_page = pytest.mark.parametrize(
    "page", [page for page in pages().values() if page.name != "CHANGELOG.md"], ids=lambda page: page.name
)


@each_page
def test_flags_and_variables_in_the_text_exist(page: Page) -> None:
    flags = {flag for parameter in ours() for flag in parameter.opts}.union(_OTHERS, *FLAGS.values())
    variables = {parameter.envvar for parameter in ours()}
    for code in page.code():
        if code.startswith("--"):
            assert re.split(r"[ =]", code)[0] in flags, code
        assert set(re.findall(r"AVEPOINT_EXPORTER_[A-Z_]+", code)) <= variables, code


@each_page
def test_commands_in_the_text_are_taken(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    for code in page.code():
        if code.startswith("avepoint-exporter "):
            check_exporter(shlex.split(code)[1:])
        if match := re.fullmatch(r"make ([a-z-]+)", code):
            check_make([match[1]])
        if code.startswith("scripts/") and (ROOT / code.split()[0]).is_file() and " " in code:
            check(shlex.split(code))
    assert "Traceback" not in capsys.readouterr().err


def test_commands_in_blocks_of_text_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks("text"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("avepoint-exporter ") and "[" not in line:
                check_exporter(shlex.split(re.split(r"[|>]", line)[0])[1:])
    assert "Traceback" not in capsys.readouterr().err


@each_page
def test_metrics_in_the_text_are_exposed_or_recorded(page: Page) -> None:
    series = known()
    for code in page.code():
        for name in set(_METRIC.findall(code)) - {"avepoint_simulator"}:  # a package
            histogram = f"{name}_bucket" in series
            assert name in series or histogram, f"{name} in {code}"


@each_page
def test_keys_in_the_text_are_of_the_configuration(page: Page) -> None:
    keys = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for code in page.code():
        if _DOTTED.fullmatch(code) and page.name != "helm/avepoint-exporter/README.md":  # keys of the chart
            assert f"accounts[].{code}`" in keys, code


def test_names_that_do_not_exist_are_found() -> None:
    assert _METRIC.findall("avepoint_nonsense{a='b'}") == ["avepoint_nonsense"]
    assert _METRIC.findall("avepoint:backup_age_seconds:threshold") == ["avepoint:backup_age_seconds:threshold"]
    assert _METRIC.findall("account:avepoint_up:min == 0") == ["account:avepoint_up:min"]
    assert _METRIC.findall("avepoint-exporter avepoint_") == []


@pytest.mark.parametrize("line", [line for line in all_lines() if "localhost:10087" in line.text], ids=str)
def test_calls_to_the_exporter_are_answered(line: Line, tmp_path: Path) -> None:
    assert program("curl")
    with exporter(tmp_path, "demo", "--customers", "2") as demo:
        eventually(lambda: fetch(f"{demo.url}/-/ready").status == 200, what="ready")
        text = line.text.replace("http://localhost:10087", demo.url)
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
        assert re.match(r"200 [1-9]\d+", done.stdout)


def test_a_hash_can_be_made_as_the_page_says(tmp_path: Path) -> None:
    (line,) = (line for line in all_lines() if "bcrypt" in line.text)
    text = line.text.removeprefix("venv/bin/python")
    assert text != line.text, "the Python of the environment that README.md creates"
    text = sys.executable + text
    done = subprocess.run(["setsid", "bash", "-c", text], input="word\n", capture_output=True, text=True, check=True,
                          cwd=tmp_path)  # fmt: skip
    assert bcrypt.checkpw(b"word", done.stdout.strip().rpartition(" ")[2].encode())


def test_every_program_that_is_explained_is_used() -> None:
    typed = " ".join(line.text for line in all_lines())
    inline = " ".join(code for page in pages().values() for code in page.code())
    for name in FLAGS:
        assert name.split()[0] in typed + inline, name
    assert blocks("console")
