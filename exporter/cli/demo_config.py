"""The demonstration: a configuration whose accounts live in the built-in simulator."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from exporter.config.schema import Config

_DAY: Final = 86_400
_TEMPLATE: Final = """
accounts:
  - name: contoso
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {client_id}, client_secret: {client_secret}}}
    collectors: {tenant}
  - name: msp
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {client_id}, client_secret: {client_secret}}}
    requests: {{per_second: 200, concurrency: 16}}
    collectors: {partner}
"""
_BY_HAND: Final = """\
To follow a number by hand, ask the simulator what the exporter asks:
  URL            {url}
  token URL      {url}/connect/token
  client id      {client_id}
  client secret  {client_secret}
These open nothing but the simulator. A token, and the licence that it opens:
  TOKEN=$(curl --silent --data grant_type=client_credentials \\
    --data client_id={client_id} --data client_secret={client_secret} \\
    --data scope=microsoft365backup.subscriptionInfo.read.all \\
    {url}/connect/token | cut -d '"' -f 4)
  curl --header "Authorization: Bearer $TOKEN" \\
    {url}/backup/m365/cloudbackuplicenseconsumption
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

    def by_hand(self) -> str:
        """Say how to ask the simulator without the exporter."""
        app = AppCredentials()
        return _BY_HAND.format(url=self._server.url, client_id=app.client_id, client_secret=app.client_secret)

    def config(self) -> Config:
        """Give the configuration of the simulated accounts."""
        app, kinds = AppCredentials(), catalogue()
        often = {kind: {name: {"interval": "30s"} for name in names} for kind, names in kinds.items()}
        often["tenant"]["jobs"] = {"interval": "15s", "window": f"{self._window}s", "lookback": "7d"}
        often["partner"]["customers"] = {"interval": "60s"}
        collectors = {kind: json.dumps(options) for kind, options in often.items()}  # JSON is YAML
        text = _TEMPLATE.format(
            url=self._server.url, client_id=app.client_id, client_secret=app.client_secret, **collectors
        )
        return parse_config(text, kinds, source="demo", directory=Path())
