"""Run a webhook that receives messages from Alertmanager, and shorten the durations in the rules."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import yaml

from tests.e2e.processes import eventually

RULES: Final = Path(__file__).resolve().parents[2] / "prometheus" / "rules" / "avepoint.rules.yaml"

Alert = dict[str, Any]


@dataclass(slots=True)
class Inbox:
    """Stores the received alerts and messages in the order of arrival. A message consists of a path and alerts."""

    alerts: list[Alert] = field(default_factory=list)
    messages: list[tuple[str, list[Alert]]] = field(default_factory=list)
    port: int = 0

    def find(self, name: str, status: str, **labels: str) -> Alert | None:
        for alert in reversed(self.alerts):
            wanted, given = {"alertname": name, **labels}, dict(alert["labels"])
            if alert["status"] == status and wanted.items() <= given.items():
                return alert
        return None


@contextmanager
def webhook() -> Iterator[Inbox]:
    """Run a webhook, and yield its inbox."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
            inbox.alerts += alerts
            inbox.messages.append((self.path, alerts))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield inbox
    server.shutdown()
    server.server_close()
    thread.join()


def impatient_rules() -> str:
    """Return the rules, with each duration reduced to a few seconds."""
    rules = yaml.safe_load(re.sub(r"\[(20|90)m\]", "[4s]", RULES.read_text()))
    for group in rules["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            for key in {"for", "keep_firing_for"} & rule.keys():
                rule[key] = "1s"
    return yaml.safe_dump(rules)


def received(inbox: Inbox, name: str, status: str, **labels: str) -> Alert:
    """Wait for an alert and return it."""
    found: Callable[[], Alert | None] = lambda: inbox.find(name, status, **labels)  # noqa: E731 - a probe
    return eventually(found, what=f"{name} {status}")
