"""Prometheus misses no scrape, even if AvePoint does not respond to one of ten accounts."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avepoint_simulator import AppCredentials, Simulator, SimulatorServer
from tests.e2e.processes import exporter, prometheus
from tests.programs import program

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.soak]

ACCOUNT = """
  - name: {name}
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    requests: {{per_second: 1000}}
    collectors: {{jobs: {{interval: 5s}}, license: {{interval: 5s}}}}
"""
SCRAPE = """
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}
scrape_configs:
  - job_name: avepoint
    static_configs: [{{targets: ["{target}"]}}]
"""


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Run a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_prometheus_misses_no_scrape(tmp_path: Path, soak: bool) -> None:
    seconds, interval = (300, 15) if soak else (15, 3)
    with silent_server() as silent, SimulatorServer(Simulator(customers=0, seed=3)) as server:
        urls = {"hangs": silent, **{f"works{number}": server.url for number in range(9)}}
        accounts = [ACCOUNT.format(name=name, url=url, app=AppCredentials()) for name, url in urls.items()]
        (tmp_path / "config.yaml").write_text("accounts:" + "".join(accounts))
        with exporter(tmp_path, "--config.file", "config.yaml") as running:
            config = SCRAPE.format(interval=interval, target=running.url.removeprefix("http://"))
            with prometheus(program("prometheus"), tmp_path, config) as scraper:
                time.sleep(seconds + interval + 7)  # skip the first scrapes, because they wait for the first refresh
                window = f"[{seconds}s]"
                longest = scraper.value(f"max_over_time(scrape_duration_seconds{window})")
                scrapes = scraper.value(f"count_over_time(up{window})")
                print(f"{scrapes:.0f} scrapes, longest {longest:.3f} s")  # noqa: T201 - shows the result
                assert scraper.value(f"min_over_time(up{window})") == 1
                assert scrapes is not None
                assert scrapes >= seconds // interval - 1
                assert longest is not None
                assert soak <= (longest < 1)
                assert scraper.value("count(count by (account) (avepoint_up == 1))") == 9
            assert running.stop() == 0
            assert len(re.findall("account=hangs", running.log.read_text())) < 20
