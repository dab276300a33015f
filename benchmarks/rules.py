"""Measure the CPU time and the series that the rules add: `python -m benchmarks.rules --customers 1000 --incident`.

Two Prometheus servers scrape the same page, but only one server evaluates the rules. The page has twelve workloads per
customer.
"""

import argparse
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.portfolio import SERVICE, WORKLOADS

_RULES = Path(__file__).parent.parent / "prometheus" / "rules" / "avepoint.rules.yaml"
_COLLECTORS = ("customers", "customer_jobs", "protected_data", "subscriptions")
WRONG = {False: (0.05, 3), True: (0.30, 12)}
"""For each value of `--incident`: the share of customers with a problem, and the affected workloads per customer."""
_OF_JOBS = ("last_job_start_timestamp_seconds", "last_job_finish_timestamp_seconds", "last_job_duration_seconds",
            "last_success_timestamp_seconds")  # fmt: skip
_RESULTS = ("successful", "failed", "skipped", "warning")
_STATES = ("finished", "failed", "failed_to_start", "finished_with_exception", "partially_finished", "stopped")


def page(customers: int, wrong: float, workloads: int) -> bytes:
    """Return a metrics page. `wrong` is the share of customers that have problems in `workloads` workloads."""
    account = 'account="msp"'
    lines = ["avepoint_exporter_build_info 1", "avepoint_exporter_shard 0", "avepoint_exporter_total_shards 1",
             "process_start_time_seconds 1"]  # fmt: skip
    lines += [f'avepoint_up{{{account},collector="{name}"}} 1' for name in _COLLECTORS]
    for number in range(customers):
        lines += _customer(f'{account},customer_id="{number:036}"', number, workloads * (number < wrong * customers))
    return ("\n".join(lines) + "\n").encode()


def _customer(of: str, number: int, wrong: int) -> Iterator[str]:
    yield f'avepoint_customer_info{{{of},organization="Organization {number}",country="Iceland"}} 1'
    yield from (f'avepoint_customer_up{{{of},collector="{name}"}} 1' for name in _COLLECTORS)
    yield from (f"avepoint_customer_{name}_objects{{{of}}} {number}" for name in ("scanned", "protected"))
    yield from (f'avepoint_customer_protected_data_bytes{{{of},storage="{name}"}} 7' for name in ("avepoint", "byos"))
    yield from (
        f'avepoint_customer_backups_completed_total{{{of},result="{name}"}} 7' for name in ("success", "failure")
    )
    for index, workload in enumerate(WORKLOADS):
        scan = f'{of},tenant_id="{number}",service_type="{SERVICE}",workload="{workload}"'
        yield from (f"avepoint_{name}_objects{{{scan}}} 7" for name in ("scanned", "protected"))
        yield from (f'avepoint_protected_data_bytes{{{scan},storage="{name}"}} 7' for name in ("avepoint", "byos"))
        subject = f'{of},product="Microsoft 365",workload="{workload}"'
        yield f"avepoint_backup_due_timestamp_seconds{{{subject}}} 7"
        job = f'{subject},job_type="backup"'
        yield from (f"avepoint_{name}{{{job}}} 7" for name in _OF_JOBS)
        yield from (f'avepoint_last_job_objects{{{job},result="{name}"}} 7' for name in _RESULTS)
        yield from (f'avepoint_jobs_completed_total{{{job},state="{name}"}} 7' for name in _STATES)
        yield f'avepoint_last_job_state{{{job},state="finished"}} 1'
        if index < wrong:
            problem = f'{subject},problem="backup_overdue",severity="critical"'
            yield f"avepoint_problem{{{problem}}} 1"
            yield f"avepoint_problem_start_timestamp_seconds{{{problem}}} 7"


@contextmanager
def serve(body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@dataclass(slots=True)
class Prometheus:
    pid: int
    url: str

    def cpu(self) -> float:
        """Return the CPU seconds of the process."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def value(self, query: str) -> float:
        """Return the value of a query. If the result is empty, return 0."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{urlencode({'query': query})}") as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0


@contextmanager
def run_prometheus(program: str, target: int, *, rules: bool) -> Iterator[Prometheus]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "global": {"scrape_interval": "1m", "evaluation_interval": "1m"},
            "rule_files": [str(_RULES)] if rules else [],
            "scrape_configs": [
                {
                    "job_name": "avepoint",
                    "scrape_timeout": "50s",
                    "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                },
                {"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
            ],
        }
        (Path(folder) / "prometheus.yml").write_text(json.dumps(config))
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
        command = [program, *options, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        with subprocess.Popen(command) as process:
            try:
                yield Prometheus(process.pid, f"http://127.0.0.1:{port}")
            finally:
                process.terminate()
                process.wait()


def measure(customers: int, minutes: int, warm_up: int, program: str, *, incident: bool) -> str:
    """Return a line with the cost of the rules: CPU seconds per minute, and additional series.

    `warm_up` is in minutes.
    """
    with ExitStack() as stack:
        target = stack.enter_context(serve(page(customers, *WRONG[incident])))
        with_rules = stack.enter_context(run_prometheus(program, target, rules=True))
        without = stack.enter_context(run_prometheus(program, target, rules=False))
        time.sleep(60 * warm_up)
        before = with_rules.cpu(), without.cpu()
        time.sleep(60 * minutes)
        cost = (with_rules.cpu() - before[0] - without.cpu() + before[1]) / minutes
        base = (without.cpu() - before[1]) / minutes
        series = with_rules.value("prometheus_tsdb_head_series"), without.value("prometheus_tsdb_head_series")
        firing = with_rules.value('count(ALERTS{alertstate="firing"})')
    return (
        f"{customers} customers{', incident' if incident else ''}: {cost:.2f} s of CPU per minute for the rules "
        f"({base:.2f} s without rules), {series[0] / series[1]:.3f} times the series of {series[1]:.0f}, {firing:.0f} alerts"
    )


def main() -> None:
    """Measure one portfolio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument(
        "--incident", action="store_true", help="make the backups of 30 %% of the customers overdue, instead of 5 %%"
    )
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=13, help="minutes before the measurement (alerts fire after 10)")
    parser.add_argument("--program", default="prometheus")
    options = parser.parse_args()
    print(
        measure(options.customers, options.minutes, options.warm_up, options.program, incident=options.incident),
        flush=True,
    )


if __name__ == "__main__":
    main()
