"""An exporter in its own process responds to scrapes."""

import concurrent.futures
import re
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.docs.markdown import blocks
from tests.e2e.processes import Exporter, eventually, exporter, fetch, prometheus
from tests.programs import Monitoring

pytestmark = pytest.mark.e2e

SCRAPE = """
global: {{scrape_interval: 5s, scrape_timeout: 5s{more}}}
scrape_configs:
  - job_name: avepoint
    static_configs: [{{targets: ["{target}"]}}]
"""


_CURRENT = ", scrape_native_histograms: true"
"""With this setting, current Prometheus prefers protocol buffers but accepts text."""


def _series(page: str) -> list[str]:
    return [line.rsplit(" ", 1)[0] for line in page.splitlines() if not line.startswith("#")]


def _ready(running: Exporter) -> None:
    eventually(lambda: fetch(f"{running.url}/-/ready").status == 200, what="ready")


def test_prometheus_scrapes_the_demo_without_an_error(tmp_path: Path, soak: bool, monitoring: Monitoring) -> None:
    with exporter(tmp_path, "demo", "--customers", "30") as running:
        _ready(running)
        target = running.url.removeprefix("http://")
        config = SCRAPE.format(target=target, more=_CURRENT if monitoring.is_current else "")
        with prometheus(monitoring.program("prometheus"), tmp_path, config) as server:
            scrapes = 60 if soak else 3
            eventually(lambda: server.value(f"count_over_time(up[1h]) >= {scrapes}"), within=900, what="scrapes")
            assert server.value("min_over_time(up[1h])") == 1
            assert [target["lastError"] for target in server.targets()] == [""]
            assert server.value("count(avepoint_protected_objects)") == float(
                len(re.findall(r"^avepoint_protected_objects\{", running.metrics(), re.MULTILINE))
            )
            assert "out-of-order" not in (tmp_path / "prometheus.log").read_text()
        assert running.stop() == 0
        assert "unexpectedly" not in running.log.read_text()


def test_a_full_page_is_valid_in_both_formats(tmp_path: Path, monitoring: Monitoring) -> None:
    with exporter(tmp_path, "demo", "--customers", "30") as running:
        _ready(running)
        page = running.metrics()
        series = _series(page)
        assert len(series) == len(set(series))
        assert "_created" not in page
        openmetrics = fetch(f"{running.url}/metrics", headers={"Accept": "application/openmetrics-text"}).text
        assert openmetrics.endswith("# EOF\n")
        families = {family.name for family in text_string_to_metric_families(openmetrics)}  # type: ignore[no-untyped-call]
        assert {"avepoint_jobs", "avepoint_protected_data_bytes", "avepoint_license_purchased_seats"} <= families
        checked = _promtool(monitoring, page)
        assert checked == "", checked


def _promtool(monitoring: Monitoring, page: str) -> str:
    command = [monitoring.program("promtool"), "check", "metrics"]
    result = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


def test_health_is_answered_during_fifty_scrapes(tmp_path: Path, soak: bool) -> None:
    with exporter(tmp_path, "demo", "--customers", "1000") as running:
        eventually(lambda: "avepoint_customer_up" in running.metrics(), what="a first customer")
        slowest = 0.0
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            scrapes = [pool.submit(fetch, f"{running.url}/metrics") for _ in range(50)]
            while True:
                began = time.monotonic()
                assert fetch(f"{running.url}/-/healthy").status == 200
                slowest = max(slowest, time.monotonic() - began)
                if all(scrape.done() for scrape in scrapes):
                    break
            assert [scrape.result().status for scrape in scrapes] == [200] * 50
        # The target is 0.1 s during a refresh. In this test, the simulator runs in the test's own process.
        assert slowest < 1 or not soak


def test_sigterm_ends_it_while_everything_refreshes(tmp_path: Path, soak: bool) -> None:
    with exporter(tmp_path, "demo", "--customers", "500") as running:
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 5 or not soak


def test_the_sample_in_the_readme_is_from_the_page_of_the_demo(tmp_path: Path) -> None:
    """The metric names and labels are equal, except for shortened ids. Sample values depend on the time."""
    (block,) = (block for block in blocks() if (block.page, block.language) == ("README.md", "text"))
    with exporter(tmp_path, "demo") as running:
        _ready(running)
        page = "\n".join(_series(running.metrics()))
    for series in _series(block.text):
        assert re.search(rf"^{re.escape(series).replace('…', '[0-9a-f-]+')}$", page, re.MULTILINE), series
