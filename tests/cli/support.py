"""Configurations, ports and real processes for command-line tests."""

import os
import socket
import subprocess
import sys

from avepoint_simulator.tokens import AppCredentials

TENANT = """
accounts:
  - name: contoso
    type: tenant
    data_center: us
    auth: {client_id: app, client_secret: hunter2}
"""


def simulated(
    url: str, *, name: str = "contoso", kind: str = "tenant", secret: str | None = None, rest: str = ""
) -> str:
    app = AppCredentials()
    return (
        f"  - name: {name}\n    type: {kind}\n    base_url: {url}\n    token_url: {url}/connect/token\n"
        f"    auth: {{client_id: {app.client_id}, client_secret: {secret or app.client_secret}}}\n"
        f"    requests: {{per_second: 1000, retries: 0}}\n{rest}"
    )


def ended(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a real process until it exits."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
