"""The Alertmanager example sends only a few messages when many of 1,000 customers have a problem."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.config.sections import parse_duration
from tests.e2e.processes import eventually, fetch, free_port, prometheus, running
from tests.e2e.receiver import Inbox, impatient_rules, received, webhook
from tests.programs import Monitoring

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_ROOT: Final = Path(__file__).resolve().parents[2]
_TEMPO: Final = 60
"""The durations in the example's routes are divided by this factor, so that a minute takes a second."""
_MOST_MESSAGES: Final = 20
_CUSTOMERS: Final = 1000
_SCRAPE: Final = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: avepoint
    static_configs: [{{targets: ["127.0.0.1:{page}"]}}]
"""
_EXPORTER: Final = """
avepoint_exporter_build_info 1
avepoint_exporter_shard 0
avepoint_exporter_total_shards 1
process_start_time_seconds 1
avepoint_up{account="msp",collector="customers"} 1
"""


@dataclass(slots=True)
class Page:
    """A fake metrics page of 1,000 customers. `wrong` is the number of customers with a problem."""

    wrong: int = 0
    problem: str = 'problem="backup_overdue",severity="critical"'
    port: int = 0

    def text(self) -> str:
        """Return the current text of the page."""
        lines = [_EXPORTER.strip()]
        for number in range(_CUSTOMERS):
            of = f'account="msp",customer_id="c{number}"'
            lines.append(f'avepoint_customer_info{{{of},organization="Org {number}"}} 1')
            lines.append(f'avepoint_customer_up{{{of},collector="customer_jobs"}} 1')
            if number < self.wrong:
                lines += self._problems(of)
        return "\n".join(lines) + "\n"

    def _problems(self, of: str) -> Iterator[str]:
        for workload in ("Teams", "Exchange Online"):
            subject = f'product="Microsoft 365",workload="{workload}"'
            yield f"avepoint_problem{{{of},{self.problem},{subject}}} 1"
            job = 'problem="job_failed",severity="warning",job_type="backup"'
            yield f"avepoint_problem{{{of},{job},{subject}}} 1"


@contextmanager
def _served() -> Iterator[Page]:
    page = Page()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield page
    server.shutdown()
    server.server_close()
    thread.join()


def _example(inbox: Inbox) -> str:
    """Return the Alertmanager example, with shorter durations and the webhook in every receiver."""
    config = yaml.safe_load((_ROOT / "prometheus" / "alertmanager.yml").read_text())
    for route in (config["route"], *config["route"]["routes"]):
        for key in {"group_wait", "group_interval", "repeat_interval"} & route.keys():
            route[key] = f"{int(parse_duration(route[key]) / _TEMPO * 1000)}ms"
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = f"http://127.0.0.1:{inbox.port}{urlsplit(hook['url']).path}"
    return yaml.safe_dump(config)


@contextmanager
def _alertmanager(monitoring: Monitoring, folder: Path, inbox: Inbox) -> Iterator[int]:
    (folder / "alertmanager.yml").write_text(_example(inbox))
    port = free_port()
    command = [
        monitoring.program("prometheus-alertmanager", "alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, folder):
        eventually(lambda: fetch(f"http://127.0.0.1:{port}/-/ready").status == 200, what="Alertmanager")
        yield port


def test_a_bad_night_is_few_messages(tmp_path: Path, monitoring: Monitoring) -> None:
    (tmp_path / "rules.yaml").write_text(impatient_rules())
    with _served() as page, webhook() as inbox, _alertmanager(monitoring, tmp_path, inbox) as port:
        scrape = _SCRAPE.format(alertmanager=port, page=page.port)
        with prometheus(monitoring.program("prometheus"), tmp_path, scrape) as scraped:
            eventually(lambda: scraped.value("account:avepoint_customers:count == 1000"), what="all customers")

            page.wrong = 300
            many = received(inbox, "AvePointManyCustomersAffected", "firing", problem="backup_overdue")
            assert many["annotations"]["summary"] == "300 of 1000 customers of msp have the problem backup_overdue"
            time.sleep(2 * 60 / _TEMPO)
            assert len(inbox.messages) < _MOST_MESSAGES

            for page.wrong in range(290, 0, -10):  # for an hour, more and more customers recover
                time.sleep(2 * 60 / _TEMPO)
            page.wrong = 1
            received(inbox, "AvePointBackupOverdue", "firing", customer_id="c0")
            assert len(inbox.messages) < _MOST_MESSAGES

            page.wrong = 0
            received(inbox, "AvePointBackupOverdue", "resolved", customer_id="c0")


def test_one_customer_is_one_message(tmp_path: Path, monitoring: Monitoring) -> None:
    (tmp_path / "rules.yaml").write_text(impatient_rules())
    with _served() as page, webhook() as inbox, _alertmanager(monitoring, tmp_path, inbox) as port:
        scrape = _SCRAPE.format(alertmanager=port, page=page.port)
        page.wrong = 1
        with prometheus(monitoring.program("prometheus"), tmp_path, scrape):
            overdue = received(inbox, "AvePointBackupOverdue", "firing", customer_id="c0")
            time.sleep(2 * 60 / _TEMPO)
            # Ignore AvePointExporterAbsent, because it may fire before the first scrape.
            of_customers = [path for path, [alert, *_] in inbox.messages if "account" in alert["labels"]]
            assert sorted(of_customers) == ["/backup-team", "/night-duty"]
            assert overdue["labels"]["organization"] == "Org 0"
            assert "Org 0" in overdue["annotations"]["summary"]
            page_of_runbook = overdue["annotations"]["runbook_url"].partition("/blob/main/")[2]
            assert (_ROOT / page_of_runbook).is_file()


def test_an_overdue_backup_stays_overdue_if_prometheus_restarts(tmp_path: Path, monitoring: Monitoring) -> None:
    (tmp_path / "rules.yaml").write_text(impatient_rules())
    overdue = 'count(ALERTS{alertname="AvePointBackupOverdue", alertstate="firing", customer_id="c0"}) == 2'
    with _served() as page, webhook() as inbox, _alertmanager(monitoring, tmp_path, inbox) as port:
        scrape = _SCRAPE.format(alertmanager=port, page=page.port)
        program = monitoring.program("prometheus")
        page.wrong = 1
        with prometheus(program, tmp_path, scrape) as scraped:
            eventually(lambda: scraped.value(overdue), what="overdue")
            received(inbox, "AvePointBackupOverdue", "firing", customer_id="c0")
            page.problem = 'problem="success_unknown",severity="info"'
            eventually(
                lambda: scraped.value('count(avepoint_problem{problem="backup_overdue"}) or vector(0)') == 0,
                what="the exporter has restarted without persistent state",
            )
            time.sleep(3)
            assert scraped.value(overdue) == 2, "the alert still fires, because the rule keeps it"
        with prometheus(program, tmp_path, scrape) as scraped:
            eventually(lambda: scraped.value(overdue), what="the alert fires after the restart")
            time.sleep(3)
            assert scraped.value(overdue) == 2
            assert inbox.find("AvePointBackupOverdue", "resolved") is None
