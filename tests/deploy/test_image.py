"""Build, run and check the image with scripts/build-image. The script prints the result of each check."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import program

ROOT = Path(__file__).resolve().parents[2]
LINES = (
    r"^contents: no installer, compiler or cache, nothing setuid or setgid$",
    r"^metrics: \d{3,} samples in demo mode$",
    r"^process: user 10001:10001, no capabilities, no new privileges, read-only$",
    r"^health check: succeeds while the exporter runs, fails if nothing listens$",
    r"^exit: code 0, [0-4]?\d{1,3} ms after SIGTERM$",
    r"^size: \d+ MB, of which the base is \d+ MB$",
    r"^layers:$",
)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(900)  # a new machine first downloads the packages of the base image
def test_it_is_built_and_runs_hardened() -> None:
    for name in ("buildah", "podman", "runc", "debootstrap"):
        program(name)
    if os.geteuid() != 0:
        pytest.skip("only root can build the base image")
    done = subprocess.run([ROOT / "scripts" / "build-image"], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    for line in LINES:
        assert re.search(line, done.stdout, re.MULTILINE), f"{line}\n{done.stdout}"


def test_hadolint_finds_nothing() -> None:
    hadolint = program("hadolint", str(Path(sys.executable).parent / "hadolint"))
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_the_dockerfile_is_pinned_and_unprivileged() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")

    assert re.search(
        r"^ARG BASE_IMAGE=docker\.io/library/python:[\d.]+-slim-\w+@sha256:[0-9a-f]{64}$", text, re.MULTILINE
    )
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == [
        "${BASE_IMAGE} AS dependencies",
        "dependencies AS code",
        "${BASE_IMAGE}",
    ]
    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*CMD \["python"', text, re.MULTILINE)
    assert "curl" not in text


def test_the_context_has_only_files_that_are_copied() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    admitted = {line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)

    assert "*" in ignored
    assert admitted == {name.rstrip("/") for copy in copies for name in copy.split()}
