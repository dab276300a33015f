"""The exporter warns of unknown variables AVEPOINT_EXPORTER_…, except the variables that Kubernetes sets."""

import re
from collections.abc import Mapping

import pytest

from exporter.cli import command, run
from exporter.cli.variables import flag_variables, unknown_variables

# Kubernetes sets these variables for the service avepoint-exporter and for services with longer names, such as
# avepoint-exporter-0.
KUBERNETES: Mapping[str, str] = {
    f"AVEPOINT_EXPORTER{more}_{name}": value
    for more in ("", "_0", "_STORAGE", "_LOG")
    for name, value in {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "9766",
        "SERVICE_PORT_METRICS": "9766",
        "SERVICE_PORT_HTTP_METRICS": "9766",
        "PORT": "tcp://10.0.0.1:9766",
        "PORT_9766_TCP": "tcp://10.0.0.1:9766",
        "PORT_9766_TCP_PROTO": "tcp",
        "PORT_9766_TCP_PORT": "9766",
        "PORT_9766_TCP_ADDR": "10.0.0.1",
    }.items()
}
KNOWN = flag_variables(command)


def warnings(environment: Mapping[str, str], *used: str) -> list[str]:
    return list(unknown_variables(environment, KNOWN, used))


def test_no_variable_of_a_service_sets_a_flag() -> None:
    pattern = re.compile(r"AVEPOINT_EXPORTER_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
    assert len(KNOWN) > 25
    assert [name for name in KNOWN if pattern.fullmatch(name)] == []
    assert all(pattern.fullmatch(name) for name in KUBERNETES)


def test_variables_of_services_cause_no_warning() -> None:
    assert warnings(KUBERNETES) == []


def test_variables_of_flags_and_of_the_configuration_cause_no_warning() -> None:
    environment = {**dict.fromkeys(KNOWN, ""), "AVEPOINT_EXPORTER_SECRET": "x", "PATH": "/bin", "AVEPOINT_SECRET": "x"}
    assert warnings(environment, "AVEPOINT_EXPORTER_SECRET") == []
    assert len(warnings(environment)) == 1


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("AVEPOINT_EXPORTER_CONFIG", "AVEPOINT_EXPORTER_CONFIG_FILE"),
        ("AVEPOINT_EXPORTER_CONFIG.FILE", "AVEPOINT_EXPORTER_CONFIG_FILE"),
        ("AVEPOINT_EXPORTER_LISTEN_ADDRESS", "AVEPOINT_EXPORTER_WEB_LISTEN_ADDRESS"),
        ("AVEPOINT_EXPORTER_STORAGEURL", "AVEPOINT_EXPORTER_STORAGE_URL"),
        ("Avepoint_Exporter_Shard", "AVEPOINT_EXPORTER_SHARD"),
    ],
)
def test_the_warning_suggests_a_similar_variable(name: str, suggestion: str) -> None:
    [warning] = warnings({name: "x"})
    assert warning == f"{name}: does not set any flag; did you mean {suggestion}?"


def test_a_port_that_a_user_sets_causes_a_warning() -> None:
    assert len(warnings({"AVEPOINT_EXPORTER_PORT": "9766", "AVEPOINT_EXPORTER_WEB_PORT": "9766"})) == 2


def test_the_check_passes_in_a_pod_next_to_a_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in KUBERNETES.items():
        monkeypatch.setenv(name, value)
    assert run(["--config.check", "--config.file", "no-such.yaml"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot read no-such.yaml" in line
