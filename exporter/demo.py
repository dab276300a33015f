"""The demonstration: a configuration whose accounts live in the built-in simulator."""

import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from exporter import configfile
from exporter.collectors.registry import catalogue
from exporter.config import Config
from exporter.simulator.server import SimulatorServer
from exporter.simulator.simulator import Simulator
from exporter.simulator.tokens import Credentials

_DAY: Final = 86_400
_TEMPLATE: Final = """
accounts:
  - name: contoso
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {client_id}, client_secret: {client_secret}}}
    collectors:
      jobs: {{interval: 15s, window: {window}s, lookback: 7d}}
      license: {{interval: 30s}}
  - name: msp
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {client_id}, client_secret: {client_secret}}}
    requests: {{per_second: 200, concurrency: 16}}
    collectors:
      customers: {{interval: 60s}}
      protected_data: {{interval: 30s}}
"""


class Demo:
    """A simulator on this machine while it is entered, and the configuration to read it."""

    def __init__(self, *, customers: int, seed: int, speed: float) -> None:
        self._window = max(600, round(_DAY / speed))
        self._server = SimulatorServer(Simulator(customers=customers, seed=seed, speed=speed, now=time.time))

    def __enter__(self) -> Self:
        """Start the simulator."""
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self._server.__exit__(kind, error, traceback)

    def config(self) -> Config:
        """Give the configuration of the simulated accounts."""
        app = Credentials()
        text = _TEMPLATE.format(
            url=self._server.url, window=self._window, client_id=app.client_id, client_secret=app.client_secret
        )
        return configfile.parse(text, catalogue(), source="demo", folder=Path())
