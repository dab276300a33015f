"""compose.yaml and the provisioning are complete. All referenced files exist. No port is open to the network."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.cli import command as avepoint_exporter
from tests.grafana.promql import ROOT
from tests.programs import program

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
CONFIGS: Final = ROOT / "deploy" / "compose"


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _mounts(service: str) -> list[tuple[Path | None, str]]:
    mounts: list[tuple[Path | None, str]] = []
    for volume in SERVICES[service].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("./"):
            assert mode == ["ro"], volume
            mounts.append((ROOT / source, target))
        else:
            assert source in COMPOSE["volumes"], volume
            mounts.append((None, target))
    return mounts


def test_the_four_are_there() -> None:
    assert set(SERVICES) == {"exporter", "prometheus", "alertmanager", "grafana"}
    assert SERVICES["exporter"]["build"] == "."
    assert (ROOT / "Dockerfile").is_file()


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_closed_and_pinned(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name != "exporter":
        assert re.fullmatch(r"docker\.io/[\w/-]+:v?\d+\.\d+\.\d+", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_exists(name: str) -> None:
    for source, target in _mounts(name):
        assert source is None or source.exists(), source
        assert target.startswith("/")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_exists(name: str) -> None:
    assert set(SERVICES[name].get("depends_on", [])) <= set(SERVICES)


def test_the_demo_takes_these_arguments() -> None:
    command = SERVICES["exporter"]["command"]
    options = {option for parameter in avepoint_exporter.commands["demo"].params for option in parameter.opts}
    flags = {argument for argument in command[1:] if argument.startswith("--")}
    assert command[0] == "demo"
    assert flags <= options | {option for parameter in avepoint_exporter.params for option in parameter.opts}


def test_prometheus_scrapes_the_exporter_and_loads_the_rules() -> None:
    config = _yaml(CONFIGS / "prometheus.yml")
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == ["exporter:10087"]
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    targets = {target: source for source, target in _mounts("prometheus")}
    folder, _, pattern = config["rule_files"][0].rpartition("/")
    source = targets[folder]
    assert source is not None
    assert list(source.glob(pattern))


def test_promtool_and_amtool_accept_the_configurations(tmp_path: Path) -> None:
    config = (CONFIGS / "prometheus.yml").read_text(encoding="utf-8")
    local = tmp_path / "prometheus.yml"
    local.write_text(config.replace("/etc/prometheus/rules", str(ROOT / "prometheus" / "rules")))
    commands = [
        [program("promtool"), "check", "config", str(local)],
        [program("amtool"), "check-config", str(ROOT / "prometheus" / "alertmanager.yml")],
    ]
    for command in commands:
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_grafana_finds_the_dashboards() -> None:
    targets = {target: source for source, target in _mounts("grafana")}
    provider = _yaml(ROOT / "grafana" / "provisioning" / "dashboards" / "avepoint.yaml")["providers"][0]
    assert targets[provider["options"]["path"]] == ROOT / "grafana" / "dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder = targets[home.rpartition("/")[0]]
    assert folder is not None
    assert json.loads((folder / home.rpartition("/")[2]).read_text())["uid"] == "avepoint-overview"


@pytest.mark.parametrize(
    "path",
    [CONFIGS / "datasource.yaml", ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"],
    ids=["compose", "example"],
)
def test_data_sources_have_no_uid_and_know_the_scrape_interval(path: Path) -> None:
    sources = _yaml(path)["datasources"]
    assert all("uid" not in source for source in sources)
    prometheus = sources[0]
    assert prometheus["url"] == "http://prometheus:9090"
    if path.parent == CONFIGS:
        interval = _yaml(CONFIGS / "prometheus.yml")["global"]["scrape_interval"]
        assert prometheus["jsonData"]["timeInterval"] == interval
