"""Test how the exporter loads its configuration.

For each error, this directory contains a file that causes the error. Other tests check properties of all errors.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from exporter.avepoint.auth.credentials import certificate_mistakes
from exporter.collectors.jobs.options import JobsOptions
from exporter.collectors.registry import catalogue, families
from exporter.config.expectations import ExpectationException, Expectations
from exporter.config.load import account_names, load_config, parse_config
from exporter.config.schema import Account, Auth, Config, CustomerFilter, Labels, Requests, Tls
from exporter.config.secrets import read_client_secret, secret_errors
from exporter.errors import ConfigError
from tests.helpers import FakeClock

FILES = sorted(Path(__file__).parent.glob("invalid-*.yaml"))
SECRETS = ("hunter2", "31415926")
ROOT = Path(__file__).parents[2]
TENANT = """
accounts:
  - name: contoso
    type: tenant
    data_center: us
    auth: {client_id: app, client_secret: hunter2}
"""


def errors(text: str, folder: Path = Path("/nonexistent")) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, catalogue(), source="FILE", directory=folder)
    # pydantic and PyYAML quote values in their errors, so a traceback must not contain these errors.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return list(caught.value.errors)


def loaded(text: str) -> Config:
    return parse_config(text, catalogue(), source="FILE", directory=Path("/nonexistent"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text(" \n")
    monkeypatch.delenv("AVEPOINT_TEST_UNSET", raising=False)
    monkeypatch.setenv("AVEPOINT_TEST_EMPTY", "")
    monkeypatch.setenv("AVEPOINT_TEST_SET", "hunter2")
    return tmp_path


def test_there_are_enough_files() -> None:
    assert len(FILES) >= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.removeprefix("invalid-"))
def test_the_file_has_these_errors(file: Path, folder: Path) -> None:
    text = file.read_text(encoding="utf-8")
    copy = folder / "config.yaml"
    copy.write_text(text, encoding="utf-8")
    expected = [line.removeprefix("# expect: ") for line in text.splitlines() if line.startswith("# expect: ")]
    with pytest.raises(ConfigError) as caught:
        load_config(copy, catalogue())
    found = [line.replace(str(copy), "FILE").replace(str(folder), "FOLDER") for line in caught.value.errors]
    assert found == expected
    assert not any(secret in line for secret in SECRETS for line in found)
    assert all(line.isprintable() for line in found)


def test_the_example_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    for key, value in re.findall(r"^ *#? ?(\w+_file): +(\S+)", text, re.MULTILINE):
        assert value.startswith("secrets/"), key
        (tmp_path / value).parent.mkdir(exist_ok=True)
        (tmp_path / value).write_text("hunter2")
    monkeypatch.setenv("CONTOSO_SECRET", "hunter2")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "config.yaml", catalogue())
    assert [account.type for account in config.accounts] == ["tenant", "partner"]
    tenant, partner = config.accounts
    assert (tenant.requests, tenant.customers, tenant.api) == (Requests(), CustomerFilter(), "auto")
    for account in (tenant, partner):
        assert account.collectors == {name: kind() for name, kind in catalogue()[account.type].items()}


def test_the_example_shows_every_key() -> None:
    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    options = [kind for kinds in catalogue().values() for kind in kinds.values()]
    sections: list[type[BaseModel]] = [Config, Account, Auth, Requests, Tls, CustomerFilter, Labels]
    sections += [ExpectationException, Expectations, *options]
    for section in sections:
        for key in section.model_fields:
            assert re.search(rf"^[ #-]*{key}:", text, re.MULTILINE), key


def generator() -> Any:
    specification = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_generated_documents_are_current() -> None:
    assert generator().main(["--check"]) == 0


def test_stale_documents_are_reported_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = generator().main
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "metrics.md").write_text("old")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown == [f"{tmp_path / 'metrics.md'} is outdated; run `make docs`"]
    assert main(["--nonsense"], tmp_path) == 1


def test_every_key_and_every_metric_is_documented() -> None:
    module = generator()
    assert not re.search(r"^- .*:\s*$", module.configuration(), re.MULTILINE)
    for family in families():
        assert re.search(rf"^- `{family.name}`[: ]", module.metrics(), re.MULTILINE)


def test_the_smallest_file_has_every_collector_of_its_account_with_its_defaults() -> None:
    (account,) = loaded(TENANT).accounts
    assert set(account.collectors) == set(catalogue()["tenant"]) >= {"jobs", "license"}
    assert account.collectors["jobs"] == JobsOptions()
    assert account.collectors["jobs"].interval == 300
    partner = loaded(TENANT.replace("tenant", "partner").replace("data_center: us", ""))
    assert set(partner.accounts[0].collectors) == set(catalogue()["partner"]) >= {"customers", "protected_data"}


def test_options_are_read() -> None:
    text = (
        TENANT + "    collectors: {jobs: {interval: 1m, job_types: [restore, backup, restore]}, license: {enabled: no}}"
    )
    collectors = loaded(text).accounts[0].collectors
    jobs = collectors["jobs"]
    assert isinstance(jobs, JobsOptions)
    assert (jobs.interval, jobs.job_types) == (60, ("restore", "backup"))
    assert not collectors["license"].enabled


@pytest.mark.parametrize(
    "rest",
    ["", "requests:", "tls:", "collectors:", "collectors: {jobs: }", "collectors: {jobs: {interval: }}",
     "base_url:", "customers:", "environment:", "requests: {concurrency: , timeout: }"],
)  # fmt: skip
def test_keys_without_a_value_have_their_default(rest: str) -> None:
    assert loaded(TENANT + "    " + rest) == loaded(TENANT)


def test_anchors_and_merge_keys_may_be_used_in_any_order() -> None:
    text = """
accounts:
  - &first
    name: contoso
    type: tenant
    data_center: us
    auth: &auth {client_id: app, client_secret: hunter2}
    requests: &slow {per_second: 1}
  - <<: *first
    name: fabrikam
    auth: {<<: *auth, client_id: other}
    requests: {<<: *slow, retries: 1}
"""
    one, two = loaded(text).accounts
    assert (one.auth.client_id, two.auth.client_id) == ("app", "other")
    assert (two.requests.per_second, two.requests.retries, two.data_center) == (1, 1, "us")


def test_a_merged_mapping_that_merges_itself_has_no_key_twice() -> None:
    text = (
        "accounts:\n  - name: a\n    type: tenant\n    data_center: us\n    auth: {client_id: x, client_secret: y}\n"
        "    collectors: {jobs: &b {<<: &a {interval: 1m}, interval: 2m}}\n    requests: {concurrency: 1}\n"
        "  - name: b\n    type: tenant\n    data_center: us\n    auth: {client_id: x, client_secret: y}\n"
        "    collectors: {license: {<<: *b}}\n"
    )
    assert [account.collectors["license"].interval for account in loaded(text).accounts] == [3600, 120]


@pytest.mark.parametrize(
    "text", ["\ufeff" + TENANT, "---\n" + TENANT, TENANT.replace("\n", "\r\n"), TENANT + "\n...\n"]
)
def test_harmless_forms_of_yaml(text: str) -> None:
    assert loaded(text) == loaded(TENANT)


def test_a_duplicate_key_is_shown_only_if_it_looks_like_a_key() -> None:
    assert errors("{hunter22: 1, hunter22: 2}") == [
        "FILE: invalid YAML at line 1, column 15: duplicate key hunter22; remove one"
    ]
    assert errors("{4hunter2: 1, 4hunter2: 2}") == [
        "FILE: invalid YAML at line 1, column 15: duplicate key; remove one"
    ]


def test_errors_are_unique_and_in_the_order_of_the_accounts() -> None:
    text = "accounts:\n" + "  - {name: a, type: partner, auth: {client_id: x}}\n" * 11
    found = errors(text)
    assert len(found) == 21
    assert [int(line.split("]")[0].removeprefix("accounts[")) for line in found] == sorted([*range(11), *range(1, 11)])


def test_a_file_nested_too_deeply() -> None:
    assert errors("accounts: " + "[" * 700) == ["FILE: invalid YAML: nested too deeply; see config.example.yaml"]


@pytest.mark.parametrize(
    "text",
    ["accounts: &a [*a]", "accounts: [&a {name: *a, collectors: *a, auth: *a}]", "accounts: !!set {a, b}",
     "accounts: !!omap [a: 1]", "accounts: !!binary aGk=", 'accounts: [{auth: {client_id: "\\ud800"}}]',
     'accounts: [{auth: {client_secret_file: "a\\0b"}}]', 'accounts: [{auth: {client_secret_env: "a\\0="}}]',
     "accounts: [{~: 1}]", "accounts: [{1.5: 1, 2020-01-01: 2}]", "accounts: [{type: {}, environment: [], name: {}}]"],
)  # fmt: skip
def test_odd_files_have_errors_in_one_line(text: str) -> None:
    assert all(line.isprintable() and line for line in errors(text))


def test_no_path_breaks_the_line(tmp_path: Path) -> None:
    text = TENANT.replace("client_secret: hunter2", 'client_secret_file: "/a\\nb\\e[31m"')
    name = "/a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"
    why = "no such file or directory; create it, or correct the path (FILE:6, account contoso)"
    assert errors(text) == [f"accounts[0].auth.client_secret_file: cannot read {name}: {why}"]
    assert len(errors(text.replace("/a", "/" + "a/" * 3000))[0]) == 1000


def test_a_missing_file_and_a_file_that_is_not_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cp1252.yaml").write_bytes("accounts:\n  # für alle".encode("cp1252"))
    expected = {
        "absent.yaml": "--config.file: cannot read absent.yaml: no such file or directory;"
        " create it, or correct the path (`avepoint-exporter init` creates the file)",
        ".": "--config.file: cannot read .: is a directory; use the path of a file",
        "cp1252.yaml": "cp1252.yaml: line 2 is not UTF-8; save the file as UTF-8",
    }
    for name, words in expected.items():
        with pytest.raises(ConfigError) as caught:
            load_config(Path(name), catalogue())
        assert caught.value.errors == (words,)


def test_relative_files_count_from_the_configuration_not_from_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config.yaml").write_text(TENANT.replace("client_secret: hunter2", "client_secret_file: secret"))
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    config = load_config(Path("../config.yaml"), catalogue())
    path = config.accounts[0].auth.client_secret_file
    assert path is not None
    assert path.is_absolute()
    assert path.read_text() == "hunter2"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("hunter2")
KEYS = st.sampled_from(
    ["accounts", "name", "type", "auth", "collectors", "jobs", "requests", "client_secret", "client_secret_env",
     "client_secret_file", "proxy_url", "base_url", "environment", "data_center", "include", "customers", "4hunter2"],
)  # fmt: skip
TREES = st.recursive(
    LEAVES | st.sampled_from(["tenant", "partner"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(KEYS, TREES, min_size=1, max_size=8), min_size=1, max_size=3))
def test_every_error_is_one_line_without_a_secret(accounts: list[object]) -> None:
    for line in errors(yaml.safe_dump({"accounts": accounts}, allow_unicode=True)):
        assert line.isprintable()
        assert re.match(r"accounts\[\d\]|FILE: invalid YAML", line)
        assert "hunter2" not in line.removesuffix(", account hunter2)")  # the account name is not a secret


def test_labels_of_the_file_apply_to_accounts_without_labels() -> None:
    partner = "  - {name: NAME, type: partner, auth: {client_id: app, client_secret: hunter2}MORE}\n"
    first = partner.replace("NAME", "one").replace("MORE", "")
    second = partner.replace("NAME", "two").replace("MORE", ", labels: {owner_email: hashed}")
    config = loaded(f"labels: {{organization: false}}\naccounts:\n{first}{second}")
    assert [account.labels.organization for account in config.accounts] == [False, True]
    assert [account.labels.owner_email for account in config.accounts] == [False, "hashed"]
    plain = loaded(f"accounts:\n{first}").accounts[0]
    assert (plain.labels.organization, plain.labels.owner_email) == (True, False)


def test_locations_of_a_multi_geo_tenant() -> None:
    assert loaded(TENANT.replace("data_center: us", "data_center: us\n    locations: [NAM, EUR]")).accounts[
        0
    ].locations == ("NAM", "EUR")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("accounts: [{name: a, tipe: tenant}, {name: b}]", ("a", "b")),
        ("accounts: [{name: 1}, {}, x, {name: [a]}]", ()),
        ("accounts: {name: a}", ()),
        ("accounts", ()),
        ("a: [", ()),
        ("[" * 5000, ()),
    ],
)
def test_names_are_found_in_a_file_with_errors(text: str, found: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    assert account_names(tmp_path / "config.yaml") == found


def test_no_names_are_found_without_a_readable_file(tmp_path: Path) -> None:
    assert account_names(tmp_path / "absent.yaml") == ()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert account_names(tmp_path / "binary") == ()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_files_of_other_systems_are_read(mark: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes((mark + TENANT.replace("\n", "\r\n")).encode(encoding))
    assert load_config(file, catalogue()) == loaded(TENANT)


@pytest.mark.parametrize("auth", ["client_secret_file: empty", "client_secret_file: blank", "certificate_file: empty"])
def test_an_empty_file_of_one_account_does_not_stop_the_others(auth: str, folder: Path) -> None:
    (folder / "config.yaml").write_text(TENANT.replace("client_secret: hunter2", auth))
    config = load_config(folder / "config.yaml", catalogue())
    assert len([*secret_errors(config), *certificate_mistakes(config, FakeClock())]) == 1


def test_a_secret_has_no_white_space_around_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVEPOINT_TEST_SET", "hunter2\r\n")
    (folder / "windows").write_bytes("hunter2\r\n".encode("utf-16"))
    for credential in (
        'client_secret: "hunter2\\n"',
        "client_secret_env: AVEPOINT_TEST_SET",
        "client_secret_file: windows",
    ):
        text = TENANT.replace("client_secret: hunter2", credential)
        config = parse_config(text, catalogue(), source="FILE", directory=folder)
        assert read_client_secret(config.accounts[0].auth) == "hunter2"
        assert list(secret_errors(config)) == []


def test_top_level_keys_for_anchors_are_ignored() -> None:
    text = "x-slow: &slow {per_second: 1}\nx-anything: [1, 2]\n" + TENANT + "    requests: *slow\n"
    assert loaded(text).accounts[0].requests.per_second == 1
    assert errors(TENANT + "    x-slow: 1\n")[0].startswith("accounts[0].x-slow: unknown key")


@pytest.mark.parametrize("value", ["050", "0x10", "1_0", "1:30"])
def test_only_decimal_integers_are_integers(value: str) -> None:
    (error,) = errors(TENANT + f"    requests: {{retries: {value}}}\n")
    assert error.startswith("accounts[0].requests.retries: must be an integer")


def test_an_id_of_digits_with_a_leading_zero_is_a_string() -> None:
    assert loaded(TENANT.replace("client_id: app", "client_id: 0123")).accounts[0].auth.client_id == "0123"
