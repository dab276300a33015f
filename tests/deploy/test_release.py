"""All files contain the same version, and workflows use only pinned actions."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def check(root: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([root / "scripts/release-check", *arguments], check=False, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of all files that contain the version."""
    for name in ("exporter/__init__.py", "scripts/release-check", "helm/avepoint-exporter/Chart.yaml",
                 "helm/avepoint-exporter/values.yaml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "exporter/__init__.py").write_text('__version__ = "1.2.3"\n', "utf-8")
    chart = tmp_path / "helm/avepoint-exporter/Chart.yaml"
    chart.write_text('name: x\nversion: 1.2.3\nappVersion: "1.2.3"\n', "utf-8")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [1.2.3] - 2026-11-23\n\n## [1.2.2] - 2026-01-01\n", "utf-8"
    )
    return tmp_path


def test_the_checkout_has_one_version() -> None:
    assert check(ROOT) == (0, "")


def test_a_release_has_one_version(tree: Path) -> None:
    assert check(tree, "v1.2.3") == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("exporter/__init__.py", "1.2.3", "1.2.4", "the tag is v1.2.3, but the version in exporter/__init__.py"),
        ("exporter/__init__.py", "1.2.3", "1.2", "'1.2' is not MAJOR.MINOR.PATCH"),
        ("helm/avepoint-exporter/Chart.yaml", "\nversion: 1.2.3", "\nversion: 1.2.2", "version is 1.2.2, not 1.2.3"),
        ("helm/avepoint-exporter/Chart.yaml", '"1.2.3"', '"1.2.2"', "appVersion is 1.2.2, not 1.2.3"),
        ("helm/avepoint-exporter/values.yaml", '  tag: ""', "  tag: 1.2.2", "image.tag is 1.2.2, not 1.2.3"),
        ("CHANGELOG.md", "## [1.2.3] - 2026-11-23", "## [Unreleased]", "must be '## [1.2.3] - YYYY-MM-DD'"),
        ("CHANGELOG.md", " - 2026-11-23", "", "must be '## [1.2.3] - YYYY-MM-DD'"),
    ],
)
def test_each_other_version_is_an_error(tree: Path, file: str, old: str, new: str, sentence: str) -> None:
    path = tree / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    code, output = check(tree, "v1.2.3")

    assert code == 1
    assert sentence in output


def test_another_tag_of_the_image_is_an_error(tree: Path) -> None:
    (tree / "README.md").write_text("docker run ghcr.io/avepoint-exporter/avepoint-exporter:1.2.2\n", "utf-8")

    assert check(tree, "v1.2.3") == (1, "release-check: README.md: names the image 1.2.2, not 1.2.3\n")


def test_between_releases_the_changelog_can_begin_with_unreleased(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [1.2.2] - 2026-01-01\n", "utf-8")

    assert check(tree) == (0, "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_actions_and_have_few_permissions(path: Path) -> None:
    text = path.read_text("utf-8")
    workflow: dict[str, Any] = yaml.safe_load(text)

    assert workflow["permissions"] == {}
    uses = re.findall(r"uses: (.*)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in uses), uses
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
        assert "timeout-minutes" in job, name
        assert "latest" not in job["runs-on"], name
        assert not any("${{ github.event" in step.get("run", "") for step in job["steps"]), name


def test_nothing_is_published_before_everything_is_checked() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    jobs: dict[str, Any] = yaml.safe_load(text)["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(before(each) for each in direct))

    for name, job in jobs.items():
        writes = {scope for scope, right in job["permissions"].items() if right == "write"}
        assert bool(writes) == name.startswith("publish-"), name
        if writes:
            assert {"check", "build", "image"} <= before(name), name
    assert "scripts/build_release.py" in text


def test_every_script_of_the_workflows_exists() -> None:
    for path in WORKFLOWS:
        for script in re.findall(r"(?:^|[ /])(scripts/[\w.-]+)", path.read_text("utf-8")):
            assert (ROOT / script).is_file(), script


def test_dependency_updates_cover_every_ecosystem() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]

    assert {each["package-ecosystem"] for each in updates} == {"docker", "docker-compose", "github-actions", "pip"}
