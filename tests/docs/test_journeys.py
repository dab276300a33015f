"""Run the commands of each getting-started page and of docs/running.md in order, against the simulator."""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from tests.docs.commands import lines
from tests.docs.markdown import ROOT, Block, pages
from tests.e2e.processes import Prometheus, eventually, fetch, free_port, prometheus
from tests.programs import program
from tests.prometheus.expressions import exposed

pytestmark = pytest.mark.e2e

APP: Final = AppCredentials()
INSTALLS: Final = "python3 -m venv venv && venv/bin/pip install . && export PATH=$PWD/venv/bin:$PATH"
"""Not run, because the package is already first in PATH, and test_wheel.py installs the wheel."""
ASKS: Final = ["avepoint-exporter", "init"]
"""Not run, because it prompts for input. The test runs the manual steps on the page instead."""
SERVES: Final = "avepoint-exporter"
PAGES: Final = ("docs/getting-started-tenant.md", "docs/getting-started-partner.md")
FINDS_NOTHING: Final = ("avepoint_customer_up == 0", 'avepoint_customer_info{organization="Adatum"}')
"""Queries without a result, because no customer has a failure or the name in the example."""


def environment(**more: str) -> Mapping[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    plain = {key: value for key, value in os.environ.items() if not key.startswith("AVEPOINT_EXPORTER_")}
    return plain | {"PATH": path} | more


def typed(text: str, folder: Path, stdin: str = "") -> str:
    """Run a line in a shell, and return the output."""
    done = subprocess.run(["bash", "-c", text], input=stdin, capture_output=True, text=True, check=False, cwd=folder,
                          env=environment())  # fmt: skip
    assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
    return done.stdout


def pointed(text: str, url: str) -> str:
    """In an example configuration, set the simulator's URL and credentials."""
    config: dict[str, Any] = yaml.safe_load(text)
    for account in config["accounts"]:
        account.pop("data_center", None)
        account |= {"base_url": url, "token_url": f"{url}/connect/token"}
        account["auth"]["client_id"] = APP.client_id
    return yaml.safe_dump(config)


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(Simulator(customers=5, now=time.time)) as server:
        yield server


def _blocks(name: str) -> Iterator[Block]:
    return pages()[name].blocks()


def test_every_command_to_install_and_run_is_known() -> None:
    typed_lines = [
        line.text for block in _blocks("docs/running.md") if block.language == "console" for line in lines(block)
    ]
    assert typed_lines == [INSTALLS, SERVES]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leads_from_nothing_to_graphs(name: str, simulator: SimulatorServer, tmp_path: Path) -> None:
    scrape = next(block.text for block in _blocks("docs/running.md") if block.language == "yaml")
    for block in _blocks(name):
        if block.language == "yaml":
            (tmp_path / "config.yaml").write_text(pointed(block.text, simulator.url))
        for line in lines(block) if block.language == "console" else ():
            if next(line.commands()) != ASKS:
                typed(line.text, tmp_path, f"{APP.client_secret}\n")
    (secret,) = tmp_path.glob("*.secret")
    assert secret.stat().st_mode & 0o077 == 0
    with serving(tmp_path) as address:
        assert secret.stem in fetch(f"http://{address}/").text
        (tmp_path / "rules").symlink_to(ROOT / "prometheus" / "rules")
        config = scrape.replace("localhost:10087", address).replace("1m", "1s")
        with prometheus(program("prometheus"), tmp_path, config) as server:
            eventually(lambda: server.value("avepoint_up == 1"), what="a first scrape")
            _answers(server, [block.text.strip() for block in _blocks(name) if block.language == "promql"])
    assert "level=error" not in (tmp_path / "log").read_text()


@contextlib.contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[str]:
    """Run the exporter in this directory, and yield the exporter's address. Check that the exit code is 0."""
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as stderr:
        process = subprocess.Popen([SERVES, *arguments], stderr=stderr, cwd=folder,
                                   env=environment(AVEPOINT_EXPORTER_WEB_LISTEN_ADDRESS=address))  # fmt: skip
    try:
        eventually(lambda: fetch(f"http://{address}/-/ready").status == 200, what="ready")
        yield address
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def _answers(server: Prometheus, queries: list[str]) -> None:
    """Check that the queries in FINDS_NOTHING return no result, and that each other query returns a result."""
    assert queries
    assert server.query("avepoint_up == 0") == []
    for query in queries:
        is_empty = any(part in query for part in FINDS_NOTHING)
        assert bool(server.query(query)) is not is_empty, query


def test_credentials_are_made_as_the_page_says(tmp_path: Path) -> None:
    assert program("openssl")
    configs = []
    for block in _blocks("docs/credentials.md"):
        if block.language == "yaml":
            configs.append(block.text)
        for line in lines(block) if block.language == "console" else ():
            typed(line.text, tmp_path)
    by_pem, by_pfx = configs
    assert (tmp_path / "app.pem").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "app.key").exists()
    typed("openssl x509 -inform DER -in app.cer -noout", tmp_path)
    public = typed("openssl x509 -in app.crt -pubkey -noout", tmp_path)
    with SimulatorServer(Simulator(now=time.time, credentials=AppCredentials(public_key_pem=public))) as server:
        (tmp_path / "config.yaml").write_text(pointed(by_pem, server.url))
        typed("avepoint-exporter --config.check", tmp_path)
        typed("avepoint-exporter check", tmp_path)
        typed(
            "openssl pkcs12 -export -in app.pem -out app.pfx -passout pass:word && echo word > app.password", tmp_path
        )
        (tmp_path / "config.yaml").write_text(pointed(by_pfx, server.url))
        typed("avepoint-exporter check", tmp_path)


def test_shards_run_as_the_page_says(simulator: SimulatorServer, tmp_path: Path) -> None:
    account = {"name": "msp", "type": "partner", "auth": {"client_secret": APP.client_secret}}
    (tmp_path / "config.yaml").write_text(pointed(yaml.safe_dump({"accounts": [account]}), simulator.url))
    (block,) = (block for block in _blocks("docs/scaling.md") if block.language == "console")
    for line in lines(block):
        ((program_name, *arguments),) = line.commands()
        assert program_name == SERVES
        with serving(tmp_path, *arguments) as address:
            page = fetch(f"http://{address}/metrics").text
            assert f"\navepoint_exporter_shard {arguments[1]}.0\n" in page
            assert "\navepoint_exporter_total_shards 4.0\n" in page


def test_what_a_page_shows_first_is_exposed() -> None:
    for name in PAGES:
        text = " ".join(block.text for block in _blocks(name) if block.language == "promql")
        assert set(re.findall(r"avepoint_\w+", text)) <= set(exposed())
