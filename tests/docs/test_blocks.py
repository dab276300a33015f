"""Each fenced block in the documents is valid in its language."""

import configparser
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import bcrypt
import promql_parser as promql
import pytest
import yaml
from helm_python import HelmError

from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from exporter.errors import ConfigError
from exporter.web.protection import load_protection
from tests.docs.markdown import ROOT, Block, blocks, pages
from tests.grafana.promql import known
from tests.helm.chart import CHART, account, manifests
from tests.programs import program
from tests.prometheus.expressions import Walk

CHECKED: Final = frozenset({"yaml", "promql", "json", "ini", "console", "python"})
"""Languages that are checked. test_commands.py checks console, and test_collector_example.py checks python."""
UNCHECKED: Final = {
    ("README.md", "text"): "sample metrics, shortened",
    ("docs/architecture.md", "mermaid"): "a drawing, as above",
    ("docs/command-line.md", "text"): "written from --help; its examples are read by test_commands.py",
    ("docs/contributing-a-collector.md", "text"): "metrics; test_collector_example.py compares them",
    ("docs/running.md", "text"): "a component of Grafana Alloy, which the tests do not have",
    ("docs/scaling.md", "text"): "a formula in words",
}
"""Blocks that are not checked, with the reason."""
_FILE_KEY: Final = re.compile(r"^\s*(?:\w+_file|ca_file): (\S+)$", re.MULTILINE)
_UNIT: Final = ROOT / "deploy" / "systemd" / "avepoint-exporter.service"
_CHART_PAGES: Final = ("helm/avepoint-exporter/README.md", "docs/kubernetes.md")


def test_every_block_is_checked_or_says_why_not() -> None:
    others = {(block.page, block.language) for block in blocks() if block.language not in CHECKED}
    assert others == {(page, language) for page, language in UNCHECKED if page in pages()}


@pytest.mark.parametrize(
    "block", [block for block in blocks() if block.language in CHECKED - {"console", "python"}], ids=str
)
def test_a_block_is_what_its_reader_takes(block: Block, tmp_path: Path) -> None:
    CHECKS[block.language](block, tmp_path)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", "accounts: [{name: contoso, type: tenant}]"),
        ("yaml", "tls_server_config: {cert_file: exporter.crt}"),
        ("yaml", "scrape_configs: [{scrape: often}]"),
        ("yaml", "rule_files: [elsewhere/*.yaml]\nscrape_configs: []"),
        ("yaml", "groups: [{name: own, rules: [{record: a:b:c, expr: avepoint_nonsense}]}]"),
        ("yaml", "route: {receiver: nobody}"),
        ("yaml", "nobody: {reads: this}"),
        ("promql", "sum("),
        ("promql", "avepoint_nonsense"),
        ("promql", 'avepoint_up\navepoint_up{customer_id="x"}'),
        ("json", "{"),
        ("ini", "[Service]\nLoadCredentials=x"),
    ],
)
def test_what_is_wrong_is_refused(language: str, text: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError, ConfigError)):
        CHECKS[language](Block("docs/x.md", 1, language, text), tmp_path)


def test_chart_values_that_are_wrong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HelmError):
        CHECKS["yaml"](Block("docs/kubernetes.md", 1, "yaml", "shards: many"), tmp_path)


def check_yaml(block: Block, folder: Path) -> None:
    data = yaml.safe_load(block.text)
    readers = [reader for matches, reader in READERS if matches(data, block)]
    assert len(readers) == 1, f"whose file is this? {sorted(data)}"
    readers[0](block.text, folder)


def exporter_reads(text: str, folder: Path) -> None:
    """Create the files that a configuration names, and load the configuration."""
    for name in _FILE_KEY.findall(text):
        here = Path(name).name
        (folder / here).write_text("something")
        text = text.replace(name, here)
    config = parse_config(text, catalogue(), source="document", directory=folder)
    assert config.accounts


def web_reads(text: str, folder: Path) -> None:
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout",
               "exporter.key", "-out", "exporter.crt"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    path = folder / "web.yaml"
    path.write_text(text)
    protection = load_protection(path)
    assert protection.context is not None
    for stored in yaml.safe_load(text)["basic_auth_users"].values():
        assert bcrypt.checkpw(b"test", stored.encode())  # the page contains this password


def prometheus_reads(text: str, folder: Path) -> None:
    (folder / "rules").symlink_to(ROOT / "prometheus" / "rules")
    said = _accepts(text, folder, "promtool", "check", "config")
    assert "rule_files" not in text or re.search(r"SUCCESS: [1-9]\d* rules found", said), said


def rules_read(text: str, folder: Path) -> None:
    _accepts(text, folder, "promtool", "check", "rules", "--lint=all", "--lint-fatal")
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            assert query_findings(rule["expr"]) == []


def alertmanager_reads(text: str, folder: Path) -> None:
    _accepts(text, folder, "amtool", "check-config")


def chart_reads(text: str, folder: Path) -> None:
    values = yaml.safe_load(text)
    assert manifests({**account(client_secret="x"), **values})
    assert folder.is_dir()


def _accepts(text: str, folder: Path, *command: str) -> str:
    path = folder / "given.yaml"
    path.write_text(text)
    done = subprocess.run([program(command[0]), *command[1:], str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _has(*keys: str) -> Callable[[Mapping[str, Any], Block], bool]:
    return lambda data, block: not set(keys).isdisjoint(data) and block.page not in _CHART_PAGES


def _is_chart_values(data: Mapping[str, Any], block: Block) -> bool:
    return block.page in _CHART_PAGES and set(data) <= set(
        yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    )


READERS: Final[tuple[tuple[Callable[[Mapping[str, Any], Block], bool], Callable[[str, Path], None]], ...]] = (
    (_has("accounts"), exporter_reads),
    (_has("tls_server_config", "basic_auth_users"), web_reads),
    (_has("scrape_configs", "remote_write"), prometheus_reads),
    (_has("groups"), rules_read),
    (_has("route"), alertmanager_reads),
    (_is_chart_values, chart_reads),
)


def query_findings(text: str) -> list[str]:
    """Return the errors in a query, such as invalid syntax or unknown metric names."""
    walk = Walk(known())
    try:
        walk.labels(promql.parse(text))
    except ValueError as error:
        return [str(error)]
    return walk.findings


def queries(text: str) -> Iterator[str]:
    """Yield the query of a block. If the block is not a single query, yield one query per line."""
    try:
        promql.parse(text)
    except ValueError:
        yield from text.strip().splitlines()
    else:
        yield text


def check_promql(block: Block, _: Path) -> None:
    for query in queries(block.text):
        assert query_findings(query) == [], query


def check_ini(block: Block, _: Path) -> None:
    """Check that a drop-in for systemd sets only keys that the unit also sets."""
    given, unit = (configparser.ConfigParser(strict=False, interpolation=None, delimiters="=") for _ in range(2))
    given.read_string(block.text)
    unit.read(_UNIT)
    for section in given.sections():
        assert set(given[section]) <= set(unit[section])


def check_json(block: Block, _: Path) -> None:
    json.loads(block.text)


CHECKS: Final[Mapping[str, Callable[[Block, Path], None]]] = {
    "yaml": check_yaml, "promql": check_promql, "json": check_json, "ini": check_ini,
}  # fmt: skip
