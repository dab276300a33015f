"""`avepoint-exporter demo`: the exporter against its own simulator."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

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
from exporter.logs import setup
from exporter.web.tls import load_protection


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Run against a built-in simulator; needs nothing.")
@common
@sharding
@listening
@option("--customers", type=click.IntRange(0, 100_000), metavar="N", default=25, show_default=True,
        help="Customers of the partner.")  # fmt: skip
@option("--seed", type=int, metavar="N", default=1, show_default=True, help="Another seed, another portfolio.")
@option("--speed", type=click.FloatRange(1, 3600), metavar="N", default=60.0, show_default=True,
        help="How much faster than in life jobs run and data grow.")  # fmt: skip
@click.pass_context
def demo(ctx: click.Context, /, customers: int, seed: int, speed: float, **own: Any) -> None:  # noqa: ANN401 - one value a flag
    """Run against a built-in simulator of AvePoint: no credentials, no configuration.

    It shows a tenant and a partner whose backups run, fail and grow, and says
    how to ask the simulator by hand. Stop it with Ctrl-C.

    \b
    Examples:
      avepoint-exporter demo
      avepoint-exporter demo --customers 500 \\
        --web.listen-address 127.0.0.1:8080
    """  # noqa: D301 - click\'s mark for lines that are kept as they are
    from exporter.cli.demo_config import Demo  # noqa: PLC0415 - the simulator is not loaded in production

    flags = merged(ctx, own)
    setup(flags["log_level"] or "info", flags["log_format"] or "logfmt")
    with Demo(customers=customers, seed=seed, speed=speed) as simulated:
        application = make_application(simulated.config, flags)
        where = listening_of(flags)
        scheme = "http" if load_protection(where.web_config).context is None else "https"
        asyncio.run(application.serve(where, announce=partial(_tell_what_to_open, scheme, simulated.by_hand())))


def _tell_what_to_open(scheme: str, by_hand: str, addresses: Sequence[str]) -> None:
    click.echo("\nThe demo is running; numbers appear within seconds. Open:")
    for address in addresses:
        host, _, port = address.rpartition(":")
        host = "localhost" if host in ("", "0.0.0.0", "[::]") else host  # noqa: S104 - shown, not listened on
        click.echo(f"  {scheme}://{host}:{port}/         status page\n  {scheme}://{host}:{port}/metrics  the metrics")
    click.echo(f"\n{by_hand}\nStop it with Ctrl-C.\n")
