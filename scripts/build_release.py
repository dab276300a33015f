"""Build and check everything that a release publishes: build_release.py DIST [--work DIR].

The script needs Python 3.11 or newer and a package index. The script does not publish anything. Afterwards, DIST
contains:

  python/avepoint_exporter-VERSION-py3-none-any.whl, python/avepoint_exporter-VERSION.tar.gz
  chart/avepoint-exporter-VERSION.tgz
  avepoint-exporter-VERSION.cdx.json          SBOM of the wheel and of everything that it installs
  avepoint-exporter-assets-VERSION.tar.gz     the output of `avepoint-exporter assets`
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"


def main(arguments: list[str]) -> int:
    """Build the release, and return the exit code."""
    parser = argparse.ArgumentParser(description="Build and check everything that a release publishes.")
    parser.add_argument("dist", type=Path, metavar="DIST", help="directory for the results; must not exist")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="directory for environments (default: a temporary directory)"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            build(options.dist.resolve(), (options.work or Path(temporary)).resolve())
        except subprocess.CalledProcessError as error:
            print(f"build_release: {error}\n{error.stdout}{error.stderr}", file=sys.stderr)
            return 1
        except (ValueError, FileExistsError) as error:
            print(f"build_release: {error}", file=sys.stderr)
            return 1
    return 0


def build(dist: Path, work: Path) -> None:
    """Build everything into `dist`. Raise CalledProcessError or ValueError if a check fails."""
    dist.mkdir(parents=True)
    tools = environment(work / "tools", REQUIREMENTS / "release.txt")
    wheel, sdist = packages(tools, dist / "python", work)
    installed = environment(work / "installed", REQUIREMENTS / "runtime.txt")
    run(installed / "pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    run(installed / "pip", "check")
    version = run(installed / "avepoint-exporter", "--version").split()[1]
    for package in (wheel, sdist):
        if f"-{version}" not in package.name:
            raise ValueError(f"the version of {package.name} is not {version}")
    sbom(tools, installed, dist / f"avepoint-exporter-{version}.cdx.json", version)
    chart(tools, installed, dist / "chart", version)
    assets(installed, dist / f"avepoint-exporter-assets-{version}.tar.gz", work)
    for path in sorted(path for path in dist.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>9}  {path.relative_to(dist)}")


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a program and return its standard output."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AVEPOINT_"))}
    variables.setdefault("SOURCE_DATE_EPOCH", str(commit_time()))
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, env=variables)
    return done.stdout


def commit_time() -> int:
    """Return the Unix time of the last commit. Without Git, return the time of 2020-01-01.

    The build sets this time for all files. Therefore, two builds of a commit are identical.
    """
    command = ["git", "-C", str(ROOT), "log", "-1", "--pretty=%ct"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return int(done.stdout or 1577836800)


def environment(path: Path, requirements: Path) -> Path:
    """Create a virtual environment from locked requirements, and return the directory of its programs."""
    run(sys.executable, "-m", "venv", path)
    run(
        path / "bin" / "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        requirements,
    )
    return path / "bin"


def packages(tools: Path, target: Path, work: Path) -> tuple[Path, Path]:
    """Build the wheel and the sdist. Check their metadata, and check that the sdist builds the same wheel."""
    run(tools / "hatchling", "build", "-d", target)
    [wheel], [sdist] = target.glob("*.whl"), target.glob("*.tar.gz")
    run(tools / "twine", "check", "--strict", wheel, sdist)
    unpacked = work / "sdist"
    shutil.unpack_archive(sdist, unpacked)
    [source] = unpacked.iterdir()
    run(tools / "hatchling", "build", "-t", "wheel", "-d", work / "again", cwd=source)
    if contents(wheel) != contents(work / "again" / wheel.name):
        raise ValueError(f"{sdist.name} and the checkout do not build the same wheel")
    return wheel, sdist


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel, keyed by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sbom(tools: Path, installed: Path, target: Path, version: str) -> None:
    """Write the SBOM of the installed wheel. Add the version, because the tool cannot read it from pyproject.toml."""
    run(tools / "cyclonedx-py", "environment", "--pyproject", "pyproject.toml", "--mc-type", "application",
        "--output-reproducible", "--of", "JSON", "-o", target, installed / "python")  # fmt: skip
    document = json.loads(target.read_bytes())
    main_component = document["metadata"]["component"]
    main_component |= {"version": version, "purl": f"pkg:pypi/avepoint-exporter@{version}"}
    parts = [part for part in document["components"] if part["name"] not in ("pip", "setuptools")]
    document["components"] = parts
    references = {main_component["bom-ref"], *(part["bom-ref"] for part in parts)}
    document["dependencies"] = [each for each in document["dependencies"] if each["ref"] in references]
    if not {"cryptography", "httpx", "pydantic"} <= {part["name"] for part in parts if part["version"]}:
        raise ValueError(f"{target.name} lacks dependencies")
    target.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def chart(tools: Path, installed: Path, target: Path, version: str) -> None:
    """Package the chart. First, check that the copied files in the chart are identical to their sources."""
    run(installed / "python", ROOT / "scripts" / "sync-chart", "--check")
    target.mkdir()
    code = "import sys, helm_python; helm_python.package(sys.argv[1], destination=sys.argv[2])"
    run(tools / "python", "-c", code, ROOT / "helm" / "avepoint-exporter", target)
    if not (target / f"avepoint-exporter-{version}.tgz").is_file():
        raise ValueError(f"the version of the chart is not {version}")


def assets(installed: Path, target: Path, work: Path) -> None:
    """Pack the output of `avepoint-exporter assets`. The same files produce byte-identical archives."""
    name = target.name.removesuffix(".tar.gz")
    run(installed / "avepoint-exporter", "assets", "--output", work / name, cwd=work)

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() else 0o644
        member.mtime = commit_time()
        return member

    with gzip.GzipFile(target, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(work / name, arcname=name, filter=plain)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
