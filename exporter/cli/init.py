"""`avepoint-exporter init`: a few questions or flags, and a configuration that works."""

import sys
from typing import Any

import click

from exporter.cli.check import run_check, show
from exporter.cli.flags import (
    CONTEXT,
    DONE,
    EPILOG,
    FILE,
    UNREADABLE,
    common,
    config_file,
    merged,
    option,
    unsharded,
)
from exporter.cli.questions import ENVIRONMENTS, TYPES, Questions
from exporter.collectors.registry import catalogue
from exporter.config.clouds import DATA_CENTERS
from exporter.config.template import ConfigFiles
from exporter.logs import hush, setup


def _data_centers(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    return [name for name in sorted(DATA_CENTERS) if name.startswith(typed)]


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Write a first configuration, and try it.")
@common
@option(
    "--type", type=click.Choice(TYPES), metavar="TYPE", help="tenant, an organisation's own; or partner, of Elements."
)
@option("--name", metavar="NAME", help='The label account="NAME" of its metrics.')
@option(
    "--environment",
    type=click.Choice(ENVIRONMENTS),
    metavar="CLOUD",
    help=f"{', '.join(ENVIRONMENTS)}; default: {ENVIRONMENTS[0]}.",
)
@option("--data-center", metavar="NAME", shell_complete=_data_centers, help="Where a tenant is, such as us or we.")
@option("--base-url", metavar="URL", help="Where the API answers, in place of the two above.")
@option("--token-url", metavar="URL", help="Where tokens are had, in place of the usual.")
@option("--client-id", metavar="ID", help="The id of the app registration.")
@option("--certificate-file", type=FILE, metavar="PATH",
        help="Certificate with its private key, .pem or .pfx; in place of a secret.")  # fmt: skip
@option("--secret-env", metavar="NAME",
        help="Variable with the client secret, or the certificate's password.")  # fmt: skip
@option("--secret-from", type=FILE, metavar="PATH", help="File with it; - is standard input.")
@option("--secret-file", type=FILE, metavar="PATH",
        help="Where it is kept, for this user alone; default: NAME.secret beside the configuration.")  # fmt: skip
@option("--force", is_flag=True, help="Replace files that are there.")
@option("--no-check", is_flag=True, help="Only write; do not try the account.")
@click.pass_context
def init(ctx: click.Context, /, *, force: bool, no_check: bool, **own: Any) -> None:  # noqa: ANN401 - one value a flag
    """Write a first configuration, keep its secret safe, and try the account.

    Asks for what no flag says. The secret is typed unseen, or comes from a
    variable or a file, never from the command line; it is kept in a file of
    mode 0600 beside the configuration. No file is overwritten.

    \b
    Examples:
      avepoint-exporter init
      avepoint-exporter init --type tenant --name contoso --data-center us \\
        --client-id 00000000-0000-0000-0000-000000000000 --secret-env SECRET
      pass avepoint/msp | avepoint-exporter init --type partner --name msp \\
        --client-id 00000000-0000-0000-0000-000000000000 --secret-from -
    """  # noqa: D301 - click's mark for lines that are kept as they are
    flags = merged(ctx, own)
    setup(flags["log_level"] or "error", flags["log_format"] or "logfmt")
    target = config_file(flags)
    if not force:
        ConfigFiles(target, None, catalogue()).refuse_existing()  # before anything is asked
    found = Questions(flags, target.absolute().parent, is_terminal=sys.stdin.isatty()).ask()
    files = ConfigFiles(target, found.kept, catalogue())
    if not force:
        files.refuse_existing()
    files.write(found.answers, found.secret, force=force)
    click.echo(f"Wrote {target}" + (f", and {files.secret} for this user alone." if files.secret else "."))
    if no_check:
        click.echo(f"Try it: avepoint-exporter check --config.file {target}")
        return
    hush()
    click.echo("Trying it; nothing is changed at AvePoint.\n")
    report = run_check(unsharded(flags) | {"config_file": str(target)})
    show(report, as_json=False)
    if report.is_fine:
        click.echo(f"\nServe it: avepoint-exporter --config.file {target}")
    else:
        click.echo(f"\nThe files stay. Mend what is wrong, then: avepoint-exporter check --config.file {target}")
    ctx.exit(DONE if report.is_fine else UNREADABLE)
