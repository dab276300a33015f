"""The troubleshooting page quotes only messages that Prometheus or the exporter prints."""

import re
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest

from exporter.avepoint.hints import not_there
from tests.docs.markdown import ROOT
from tests.e2e.processes import Exporter, eventually, exporter, prometheus
from tests.programs import program

PAGE: Final = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_LOG_WORDS: Final = ("collector is off", "no token for", "unauthorized_client", "credential", "invalid_scope")
_TLS: Final = "tls_server_config: {cert_file: web.crt, key_file: web.key"
_WEB: Final = {
    "plain": "{}",
    "tls": f"{_TLS}}}",
    "mutual": f"{_TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: web.crt}}",
    "password": "basic_auth_users: {prometheus: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay}",
}
_TRUSTS: Final = "scheme: https, tls_config: {ca_file: web.crt}"
_CUT: Final = "EOF|connection reset by peer|server closed idle connection"
SEEN: Final = {
    "refused": ("nobody", "", "connection refused"),
    "no-password": ("password", "", "server returned HTTP status 401"),
    "https-to-http": ("plain", "scheme: https", "server gave HTTP response to HTTPS client"),
    "http-to-https": ("tls", "scheme: http", _CUT),
    "no-certificate": ("mutual", _TRUSTS.replace("ca_file: web.crt", "insecure_skip_verify: true"), _CUT),
    "unknown-authority": ("tls", "scheme: https, tls_config: {server_name: other}", "signed by unknown authority"),
    "wrong-name": ("tls", _TRUSTS.replace("}", ", server_name: elsewhere}"), "certificate is valid for"),
    "address": ("tls", _TRUSTS, "cannot validate certificate for"),
    "small": ("plain", "body_size_limit: 1KB", "body size limit exceeded"),
    "few": ("plain", "sample_limit: 1", "sample limit exceeded"),
    "path": ("plain", "metrics_path: /nonsense", "server returned HTTP status 404"),
    "probe": ("plain", "metrics_path: /probe, params: {account: [nobody]}", "server returned HTTP status 404"),
}
"""Failing scrapes: the exporter, the scrape settings, and the error message of Prometheus."""


@pytest.mark.e2e
def test_prometheus_says_what_the_page_says(tmp_path: Path) -> None:
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-addext",
               "subjectAltName=DNS:other", "-keyout", "web.key", "-out", "web.crt"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    with (
        _listening(tmp_path, "plain") as plain,
        _listening(tmp_path, "tls") as tls,
        _listening(tmp_path, "mutual") as mutual,
        _listening(tmp_path, "password") as password,
    ):
        where = {"plain": plain, "tls": tls, "mutual": mutual, "password": password}
        targets = {name: one.url.removeprefix("http://") for name, one in where.items()} | {"nobody": "127.0.0.1:9"}
        jobs = [
            f"  - {{job_name: {name}, static_configs: [{{targets: ['{targets[of]}']}}]{settings and ', '}{settings}}}"
            for name, (of, settings, _) in SEEN.items()
        ]
        config = "\n".join(["global: {scrape_interval: 1s, scrape_timeout: 1s}", "scrape_configs:", *jobs])
        with prometheus(program("prometheus"), tmp_path, config) as server:
            eventually(lambda: server.value(f"count(up) == {len(SEEN)}"), what="every target was scraped")
            errors = {target["scrapePool"]: target["lastError"] for target in server.targets()}
    for name, (_, _, words) in SEEN.items():
        assert re.search(words, errors[name]), f"{name}: {errors[name]}"
        assert all(re.search(rf"^- .*\*.*{one}", PAGE, re.MULTILINE) for one in words.split("|")), words


def _listening(folder: Path, name: str) -> AbstractContextManager[Exporter]:
    (folder / f"{name}.yaml").write_text(_WEB[name])
    return exporter(folder, "demo", "--customers", "1", "--web.config.file", f"{name}.yaml")


def test_what_a_404_may_mean_stands_in_the_order_of_the_hint() -> None:
    section = PAGE.partition("## 404 from AvePoint")[2].partition("\n## ")[0]
    runbook = (ROOT / "docs" / "runbooks" / "AvePointAccountUnreadable.md").read_text(encoding="utf-8")
    (step,) = re.findall(r"^\d\. .*\b404\b.*$", runbook, re.MULTILINE)
    last = "(the license of the product|the product is not licensed)"
    for words in (section, step, not_there("the permission")):
        assert re.search(rf"(?s)the permission.*data_center.*{last}", words), words


@pytest.mark.parametrize("words", _LOG_WORDS)
def test_the_words_of_the_log_are_those_of_the_code(words: str) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "exporter").rglob("*.py"))
    assert words in code
    assert words.removesuffix(" for") in " ".join(PAGE.split())
