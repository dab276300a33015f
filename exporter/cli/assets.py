"""The command `avepoint-exporter assets` writes the example files of the repository to a directory."""

from pathlib import Path
from typing import Final

import click

from exporter.cli.flags import CONTEXT, FilePath, option

# These paths are relative to the root of the repository. In the wheel, the paths are relative to exporter/assets.
ASSETS: Final = (
    "config.example.yaml",
    "deploy/systemd",
    "grafana/dashboards",
    "grafana/provisioning",
    "prometheus/alertmanager.yml",
    "prometheus/prometheus.yml",
    "prometheus/rules",
)
_PACKAGE: Final = Path(__file__).resolve().parents[1]


@click.command(context_settings=CONTEXT, short_help="Write alert rules, dashboards and example configurations.")
@option("--output", type=FilePath(file_okay=False, path_type=Path), metavar="DIR", required=True,
              help="Directory to write to; created if it does not exist.")  # fmt: skip
@option("--force", is_flag=True, help="Overwrite existing files that differ.")
def assets(*, output: Path, force: bool) -> None:
    """Write alert rules, dashboards and example configurations to a directory.

    The files match this version of the exporter. After an upgrade, run the
    command again with --force. Without --force, the command does not
    overwrite files that differ.

    \b
    Examples:
      avepoint-exporter assets --output avepoint-assets
      avepoint-exporter assets --output avepoint-assets --force
    """  # noqa: D301 - click does not rewrap paragraphs that begin with \b
    files = asset_files()
    try:
        changed = [name for name, source in files.items() if _differs(output / name, source)]
        if changed and not force:
            listed = "".join(f"\n  {output / name}" for name in changed)
            raise click.ClickException(f"these files differ; use --force to overwrite them:{listed}")
        for name, source in files.items():
            target = output / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    except OSError as error:
        raise click.ClickException(f"cannot write to {output}: {error.strerror}: {error.filename}") from None
    click.echo(f"Wrote {len(files)} files to {output}.")


def asset_files() -> dict[str, Path]:
    """Return the source paths of the example files, keyed by the path relative to the output directory."""
    installed = _PACKAGE / "assets"
    root = installed if installed.is_dir() else _PACKAGE.parent
    return {path.relative_to(root).as_posix(): path for name in ASSETS for path in sorted(_files_of(root / name))}


def _files_of(path: Path) -> list[Path]:
    return [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]


def _differs(target: Path, source: Path) -> bool:
    return target.exists() and target.read_bytes() != source.read_bytes()
