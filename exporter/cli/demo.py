"""The command `avepoint-exporter demo` runs the exporter against the built-in simulator."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from exporter.cli.event_loop import run_server
from exporter.cli.flags import (
    CONTEXT,
    EPILOG,
    common,
    listening,
    listening_of,
    make_application,
    merged,
    option,
    sharding,
)
from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from exporter.config.schema import CollectorOptions, Config
from exporter.logs import setup
from exporter.web.protection import load_protection

if TYPE_CHECKING:
    from avepoint_simulator import AppCredentials, Scenario

_DAY: Final = 86_400
_CUSTOMERS: Final = 25
_CUSTOMERS_OF_INCIDENT: Final = 60  # AvePointManyCustomersAffected fires if ten customers have the same problem
_SHORTEST: Final = 30  # seconds between two refreshes of collectors whose default interval is at most an hour
_SCENARIOS: Final = ("healthy", "typical", "incident", "varied")
_CONFIGURATION: Final = """
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
_EXPIRED_ACCOUNT: Final = """
  - name: fabrikam
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {client_id}, client_secret: expired}}
    collectors: {tenant}
"""
_MANUAL_REQUESTS: Final = """\
To compare a metric with its source, send the exporter's request yourself:
  URL            {url}
  token URL      {url}/connect/token
  client id      {client_id}
  client secret  {client_secret}
These credentials are valid only for the simulator. Request a token, then
the license:
  TOKEN=$(curl --silent --data grant_type=client_credentials \\
    --data client_id={client_id} --data client_secret={client_secret} \\
    --data scope=microsoft365backup.subscriptionInfo.read.all \\
    {url}/connect/token | cut -d '"' -f 4)
  curl --header "Authorization: Bearer $TOKEN" \\
    {url}/backup/m365/cloudbackuplicenseconsumption
"""


class Speed(click.FloatRange):
    """A number in a range. NaN is not valid."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - the base class has the same types
        """Return the number. Raise UsageError if the value is not in the range."""
        found = super().convert(value, param, ctx)
        return found if found == found else self.fail("nan is not a number", param, ctx)  # noqa: PLR0124 - true unless NaN


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Run with a built-in simulator of AvePoint.")
@common
@sharding
@listening
@option("--customers", type=click.IntRange(0, 100_000), metavar="N",
        help=f"Number of customers in the partner account (default: {_CUSTOMERS}, or {_CUSTOMERS_OF_INCIDENT} for"
        " incident).")  # fmt: skip
@option("--seed", type=int, metavar="N", default=1, show_default=True,
        help="Seed of the generated data. The same seed generates the same data.")  # fmt: skip
@option("--scenario", type=click.Choice(_SCENARIOS), metavar="NAME", default="typical", show_default=True,
        help=f"Scenario to simulate: {', '.join(_SCENARIOS)}.")  # fmt: skip
@option("--speed", type=Speed(1, 3600), metavar="N", default=60.0, show_default=True,
        help="Speed of jobs and data growth, relative to real time.")  # fmt: skip
@click.pass_context
def demo(
    ctx: click.Context, /, customers: int | None, seed: int, scenario: "Scenario", speed: float,
    **own: Any,  # noqa: ANN401 - click passes one value per flag
) -> None:  # fmt: skip
    """Run with a built-in simulator of AvePoint, without credentials.

    The demo simulates the tenant account contoso and the partner account msp,
    and prints the URLs to open. By default, the demo listens
    on port 10087 and on all interfaces. To stop the demo, press Ctrl-C.

    \b
    Scenarios:
      healthy   no customer has a problem
      typical   5 % of the customers have a problem
      varied    many customers have problems, of every type
      incident  a third of the customers have no recent backup,
                ransomware is suspected, AvePoint throttles requests,
                all requests fail from minute 3 to minute 7, and the
                secret of a second tenant account, fabrikam, has expired

    \b
    Examples:
      avepoint-exporter demo
      avepoint-exporter demo --scenario incident
      avepoint-exporter demo --customers 500 \\
        --web.listen-address 127.0.0.1:8080
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    from avepoint_simulator import AppCredentials, Simulator, SimulatorServer  # noqa: PLC0415 - the simulator is not for production

    flags = merged(ctx, own)
    setup(flags["log_level"] or "info", flags["log_format"] or "logfmt")
    app = AppCredentials()
    customers = default_customers(scenario) if customers is None else customers
    simulator = Simulator(customers=customers, seed=seed, scenario=scenario, speed=speed, credentials=app)
    with SimulatorServer(simulator) as server:
        application = make_application(lambda: _configuration(server.url, app, speed, scenario), flags)
        listen = listening_of(flags)
        scheme = "http" if load_protection(listen.web_config).context is None else "https"
        manual = _MANUAL_REQUESTS.format(url=server.url, client_id=app.client_id, client_secret=app.client_secret)
        run_server(partial(application.serve, listen, partial(_announce, scheme, manual)))


def default_customers(scenario: "Scenario") -> int:
    """Return the default of --customers for a scenario."""
    return _CUSTOMERS_OF_INCIDENT if scenario == "incident" else _CUSTOMERS


def _configuration(url: str, app: "AppCredentials", speed: float, scenario: "Scenario") -> Config:
    options = {
        account_type: {name: {"interval": _interval(options)} for name, options in collectors.items()}
        for account_type, collectors in catalogue().items()
    }
    window = max(600, round(_DAY / speed))
    options["tenant"]["jobs"] = {"interval": "15s", "window": f"{window}s", "lookback": "7d"}
    options["partner"]["customers"] = {"interval": "60s"}
    collectors = {account_type: json.dumps(each) for account_type, each in options.items()}  # JSON is YAML
    template = _CONFIGURATION + (_EXPIRED_ACCOUNT if scenario == "incident" else "")
    text = template.format(url=url, client_id=app.client_id, client_secret=app.client_secret, **collectors)
    return parse_config(text, catalogue(), source="demo", directory=Path())


def _interval(options: type[CollectorOptions]) -> str:
    """Return a collector's interval for the demo, based on the collector's default interval."""
    return f"{round(_SHORTEST * max(1.0, options().interval / 3600))}s"


def _announce(scheme: str, manual: str, addresses: Sequence[str]) -> None:
    click.echo("\nThe demo is running. The first metrics appear within seconds. Open:")
    for address in addresses:
        host, _, port = address.rpartition(":")
        host = "localhost" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - compared, not bound
        click.echo(f"  {scheme}://{host}:{port}/         status page\n  {scheme}://{host}:{port}/metrics  metrics")
    click.echo(f"\n{manual}\nPress Ctrl-C to stop the demo.\n")
