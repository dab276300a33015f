"""Build everything that release.yml publishes, and check the contents of the files."""

import email
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from exporter.cli.assets import ASSETS, asset_files
from tests.deploy.conftest import ROOT, Release

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_exactly_the_promised_files_are_built(release: Release) -> None:
    built = {path.relative_to(release.dist).as_posix() for path in release.dist.rglob("*") if path.is_file()}

    assert built == {
        f"avepoint-exporter-{release.version}.cdx.json",
        f"avepoint-exporter-assets-{release.version}.tar.gz",
        f"chart/avepoint-exporter-{release.version}.tgz",
        f"python/avepoint_exporter-{release.version}-py3-none-any.whl",
        f"python/avepoint_exporter-{release.version}.tar.gz",
    }


def test_the_wheel_holds_both_packages_and_the_assets(release: Release) -> None:
    with zipfile.ZipFile(release.file("python/*.whl")) as wheel:
        names = set(wheel.namelist())

        assert {"exporter/__main__.py", "exporter/py.typed", "avepoint_simulator/__init__.py"} <= names
        assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
            "avepoint_simulator",
            "exporter",
        }
        for name, source in asset_files().items():
            assert wheel.read(f"exporter/assets/{name}") == source.read_bytes()


def test_pypi_shows_a_page_without_broken_links(release: Release) -> None:
    with zipfile.ZipFile(release.file("python/*.whl")) as wheel:
        [name] = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    page = str(metadata.get_payload())

    assert metadata["Metadata-Version"] == "2.4"
    assert metadata["Author"] == "avepoint-exporter"
    assert {url.partition(",")[0] for url in metadata.get_all("Project-URL", [])} >= {"Homepage", "Source", "Changelog"}
    links = re.findall(r"\]\(([^)\s]+)|(?:src|href)=\"([^\"]+)", page)
    assert links
    assert [link for pair in links for link in pair if link and not link.startswith("https://")] == []
    assert "```mermaid" not in page
    for reference, path in re.findall(r"avepoint-exporter/(?:blob/)?(v[\d.]+)/([^)\s#\"]+)", page):
        assert reference == f"v{release.version}"
        assert (ROOT / path).exists(), path


def test_the_sbom_names_versions_and_all_that_is_installed(release: Release) -> None:
    sbom = json.loads(release.file("*.cdx.json").read_bytes())
    locked = re.findall(
        r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "runtime.txt").read_text("utf-8"), re.MULTILINE
    )
    listed = {(re.sub(r"[-_.]+", "-", part["name"]).lower(), part["version"]) for part in sbom["components"]}

    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["version"] == release.version
    assert sbom["metadata"]["component"]["purl"] == f"pkg:pypi/avepoint-exporter@{release.version}"
    assert listed <= set(locked)
    assert {"httpx", "pydantic", "cryptography"} <= {name for name, _ in listed}


def test_the_chart_has_the_version(release: Release) -> None:
    with tarfile.open(release.file("chart/*.tgz")) as archive:
        file = archive.extractfile("avepoint-exporter/Chart.yaml")
        assert file is not None
        chart = yaml.safe_load(file.read())

    assert (chart["version"], chart["appVersion"]) == (release.version, release.version)


def test_the_installed_command_writes_the_assets(release: Release, tmp_path: Path) -> None:
    command = [str(release.installed / "avepoint-exporter"), "assets", "--output", str(tmp_path / "out")]
    subprocess.run(command, check=True, cwd=tmp_path)
    written = {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in _files(tmp_path / "out")}

    assert written == {name: source.read_bytes() for name, source in asset_files().items()}
    with tarfile.open(release.file("*-assets-*.tar.gz")) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert packed == written.keys()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_wheel_takes_the_files_that_the_command_writes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert included == {name: f"exporter/assets/{name}" for name in ASSETS}
