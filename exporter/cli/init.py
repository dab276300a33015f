"""The command `avepoint-exporter init` writes and tests a first configuration."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from exporter.cli.check import run_check, show
from exporter.cli.flags import (
    CONTEXT,
    DONE,
    EPILOG,
    FILE,
    UNREADABLE,
    Flags,
    common,
    config_file,
    merged,
    option,
    unsharded,
)
from exporter.cli.questions import ENVIRONMENTS, TYPES, Questions, Settings
from exporter.collectors.registry import catalogue
from exporter.config.clouds import DATA_CENTERS
from exporter.config.template import ConfigFiles
from exporter.errors import ConfigError
from exporter.logs import hush, setup


def _complete_data_center(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    return [name for name in sorted(DATA_CENTERS) if name.startswith(typed)]


@click.command(context_settings=CONTEXT, epilog=EPILOG, short_help="Write a first configuration and test it.")
@common
@option("--type", type=click.Choice(TYPES), metavar="TYPE",
        help="Account type: tenant for one organization, partner for Elements.")  # fmt: skip
@option(
    "--name", metavar="NAME", help="Account name, used as the value of the account label (default: the account type)."
)
@option("--environment", type=click.Choice(ENVIRONMENTS), metavar="CLOUD",
        help=f"Cloud: {', '.join(ENVIRONMENTS)} (default: {ENVIRONMENTS[0]}).")  # fmt: skip
@option("--data-center", metavar="NAME", shell_complete=_complete_data_center,
        help="Data center of a tenant account, such as us or we.")  # fmt: skip
@option("--base-url", metavar="URL", help="URL of the API (default: derived from --environment and --data-center).")
@option("--token-url", metavar="URL", help="URL of the token service (default: derived from --environment).")
@option("--client-id", metavar="ID", help="Client ID of the app registration.")
@option("--certificate-file", type=FILE, metavar="PATH",
        help="Certificate and private key (.pem or .pfx) to use instead of a client secret.")  # fmt: skip
@option("--secret-env", metavar="NAME",
        help="Environment variable that contains the client secret or the certificate's password.")  # fmt: skip
@option("--secret-from", type=FILE, metavar="PATH",
        help="File with the client secret or the certificate's password. Use - for standard input.")  # fmt: skip
@option("--secret-file", type=FILE, metavar="PATH",
        help="File to write the secret to (default: NAME.secret in the configuration's directory).")  # fmt: skip
@option("--force", is_flag=True, help="Replace existing files.")
@option("--no-check", is_flag=True, help="Do not test the account.")
@click.pass_context
def init(ctx: click.Context, /, *, force: bool, no_check: bool, **own: Any) -> None:  # noqa: ANN401 - click passes one value per flag
    """Write a first configuration and its secret file, and test the account.

    On a terminal, init prompts for the settings that flags do not set. No
    flag accepts the secret itself. Enter the secret at a hidden prompt, or
    pass it in an environment variable or a file. The secret file has mode
    0600. Existing files are overwritten only with --force. The test reads at
    most three customers of a partner account, like check --quick.

    \b
    Examples:
      avepoint-exporter init
      avepoint-exporter init --type tenant --name contoso --data-center us \\
        --client-id 00000000-0000-0000-0000-000000000000 --secret-env SECRET
      pass avepoint/msp | avepoint-exporter init --type partner --name msp \\
        --client-id 00000000-0000-0000-0000-000000000000 --secret-from -
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    flags = merged(ctx, own)
    setup(flags["log_level"] or "error", flags["log_format"] or "logfmt")
    target = config_file(flags)
    ConfigFiles(target, None, catalogue()).check(force=force)  # before the first prompt
    settings = _settings(flags, target)
    files = ConfigFiles(target, settings.secret_file, catalogue())
    files.check(force=force)
    files.write(settings.answers, settings.secret, force=force)
    shown = files.secret and _short(files.secret)
    click.echo(f"Wrote {target}" + (f" and {shown} (mode 0600)." if shown else "."))
    if files.secret is not None and _is_exposed_to_git(files.secret):
        click.echo(
            f"avepoint-exporter: warning: git does not ignore {shown}; to avoid committing the"
            " secret, add this file to .gitignore", err=True,
        )  # fmt: skip
    if no_check:
        click.echo(f"To test it, run: avepoint-exporter check --config.file {target}")
        return
    ctx.exit(_test(flags, target))


def _settings(flags: Flags, target: Path) -> Settings:
    is_terminal = sys.stdin is not None and sys.stdin.isatty()
    try:
        return Questions(flags, target.absolute().parent, is_terminal=is_terminal).settings()
    except click.Abort:
        raise ConfigError(["init: canceled; no file was written"]) from None


def _short(path: Path) -> Path:
    """Return a path relative to the working directory. If the file is elsewhere, return the path unchanged."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _is_exposed_to_git(path: Path) -> bool:
    """Return whether git could commit a file, because the file is in a repository and is not ignored.

    Return False if git is not installed.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the command is constant except for the file name
            ["git", "check-ignore", "--quiet", "--", path.name],  # noqa: S607 - git is on the user's PATH
            cwd=path.absolute().parent, capture_output=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 1


def _test(flags: Flags, target: Path) -> int:
    """Test the new configuration, print the report, and return the exit code."""
    hush()
    click.echo("Testing the account. The requests change nothing in AvePoint.\n")
    report = run_check(unsharded(flags) | {"config_file": str(target)}, quick=True)
    show(report, as_json=False)
    if report.is_ok:
        click.echo(f"\nTo serve metrics, run: avepoint-exporter --config.file {target}")
        return DONE
    click.echo(f"\nThe files were kept. Fix the errors, then run: avepoint-exporter check --config.file {target}")
    return UNREADABLE
