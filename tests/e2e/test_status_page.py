"""Test the status page in Chromium: three widths, light and dark mode, no JavaScript, keyboard and screen reader."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.faults import Faults
from avepoint_simulator.server import SimulatorServer
from tests.e2e.processes import Exporter, eventually, exporter, fetch
from tests.programs import from_npm, program

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
CUSTOMERS = 320
CONFIG = """
accounts:
  - name: contoso
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    api: modern
    auth: {{client_id: simulator, client_secret: open-sesame}}
    requests: {{retries: 0}}
    collectors: {{jobs: {{interval: 1s}}, license: {{interval: 1s}}}}
  - name: msp
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    api: modern
    auth: {{client_id: simulator, client_secret: open-sesame}}
    requests: {{per_second: 500, concurrency: 16, retries: 0}}
    collectors: {{customers: {{interval: 5s}}, protected_data: {{interval: 5s}}}}
"""
Visit = dict[str, Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """An exporter after a dozen refreshes. One collector is down, and some customers have failed."""
    folder = tmp_path_factory.mktemp("exporter")
    faults = Faults(probability=0.03, kinds=["not_found", "server_error"], endpoints=["overview_v3"])
    faults.always = {"license_modern": "forbidden"}
    with SimulatorServer(Simulator(customers=CUSTOMERS, faults=faults)) as server:
        (folder / "config.yaml").write_text(CONFIG.format(url=server.url))
        with exporter(folder, "--config.file", "config.yaml") as process:
            page = f"{process.url}/"
            eventually(lambda: len(re.findall("<rect", fetch(page).text)) > 30, what="some refreshes")
            eventually(lambda: "?account=msp&amp;state=failed" in fetch(page).text, what="a failed customer")
            yield process


@pytest.fixture(scope="module")
def modules(request: pytest.FixtureRequest) -> Path:
    """Install a browser driver and an accessibility checker from npm. Keep the installation between test runs."""
    return from_npm(request.config.cache.mkdir("browser"), *PACKAGES)


def browse(modules: Path, *visits: Visit) -> list[dict[str, Any]]:
    """Open one page after the other, and return what the browser measured on each page."""
    browser = program("chromium", "google-chrome")
    command = [program("node"), str(Path(__file__).parent / "browser.cjs"), str(modules)]
    wanted = json.dumps({"browser": browser, "visits": visits})
    result = subprocess.run(command, input=wanted, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    met: list[dict[str, Any]] = json.loads(result.stdout)["visits"]
    return met


def test_the_page_is_clean_at_every_width_in_light_and_dark(running: Exporter, modules: Path, tmp_path: Path) -> None:
    visits: list[Visit] = [
        {"url": f"{running.url}/", "width": width, "scheme": scheme, "axe": True, "script": True,
         "screenshot": str(tmp_path / f"status-{width}-{scheme}.png")}
        for width in (360, 800, 1280)
        for scheme in ("light", "dark")
    ]  # fmt: skip
    for visit, met in zip(visits, browse(modules, *visits), strict=True):
        where = f"{visit['width']} {visit['scheme']}"
        assert met["status"] == 200
        assert met["errors"] == [], where
        assert met["requests"] == [visit["url"]], "the page loads no other files"
        assert met["axe"]["violations"] == [], where
        assert met["axe"]["incomplete"] == [], where
        assert met["axe"]["passes"] > 15
        assert met["overflow"] <= 0, f"{where}: the page is wider than the screen"
        assert Path(visit["screenshot"]).read_bytes().startswith(b"\x89PNG")


def test_customers_are_found_without_javascript(running: Exporter, modules: Path) -> None:
    def visit(*actions: tuple[str, Any]) -> Visit:
        return {"url": f"{running.url}/", "width": 360, "scheme": "light", "actions": actions}

    failed, named, paged, none = browse(
        modules,
        visit(("fill", {"account": "msp", "state": "failed"}), ("text", "#customers ~ table tbody .badge")),
        visit(("fill", {"text": '  a"><script>alert(1)</script>'}), ("text", "main")),
        visit(("follow", "nav[aria-label='Pages of customers'] a:text-is('Next')"), ("text", "[aria-current=page]")),
        visit(("text", "script")),
    )
    assert failed["done"][0].endswith("?q=&account=msp&state=failed#customers")
    assert failed["done"][1].count("failed") > 0
    assert "up" not in failed["done"][1]
    assert "No customers match." in named["done"][1][0]
    assert paged["done"][0].endswith("?page=2#customers")
    assert paged["done"][1] == ["2"]
    assert none["done"] == [[]], "the page must contain no script"
    for met in (failed, named, paged, none):
        assert met["errors"] == []


def test_it_is_worked_by_keyboard_and_read_by_a_screen_reader(running: Exporter, modules: Path) -> None:
    tabs = [("tab", None), ("press", "Enter"), ("tab", None), ("tree", None)]
    (met,) = browse(modules, {"url": f"{running.url}/", "width": 360, "scheme": "dark", "actions": tabs})
    skip, main, first, tree = met["done"]
    assert skip == {"text": "Skip to content", "outline": "solid", "visible": True}
    assert main == "main"
    assert (first["outline"], first["visible"]) == ("solid", True)
    assert re.search(r'img "Last \d+ refreshes: ', tree)
    assert re.search(r'heading "Errors" \[level=2\]', tree)
    # On a phone, tables look like cards. For screen readers, the tables must remain tables.
    assert re.search(r'table "State of each collector"', tree)
    assert re.search(r'rowheader "Collector license', tree)
    assert re.search(r'cell "State down"', tree)
