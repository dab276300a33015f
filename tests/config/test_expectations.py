"""Test the section `expectations`: inherited keys and documented defaults."""

from pathlib import Path

from exporter.collectors.registry import catalogue
from exporter.config.expectations import Expectations
from exporter.config.load import parse_config

ACCOUNT = "- {name: contoso, type: tenant, data_center: us, auth: {client_id: app, client_secret: hunter2}"


def expectations(file: str = "{}", account: str = "{}") -> Expectations:
    text = f"expectations: {file}\naccounts:\n  {ACCOUNT}, expectations: {account}}}\n"
    [loaded] = parse_config(text, catalogue(), source="FILE", directory=Path("/nonexistent")).accounts
    return loaded.expectations


def test_without_a_section_the_defaults_apply() -> None:
    assert expectations() == Expectations()
    assert expectations().backup_age == 26 * 3600


def test_an_account_inherits_the_keys_that_it_does_not_set() -> None:
    file = "{backup_age: 8d, ignore: [job_stuck], exceptions: [{workloads: [Teams], backup_age: 1d}]}"

    merged = expectations(file, "{job_runtime: 2h, ignore: []}")

    assert (merged.backup_age, merged.job_runtime, merged.ignore) == (8 * 86_400, 7200, ())
    assert [one.workloads for one in merged.exceptions] == [("Teams",)]
    assert expectations(file, "{exceptions: []}").exceptions == ()


def test_an_exception_contains_only_the_limits_that_it_sets() -> None:
    [exception] = expectations("{exceptions: [{products: [Google Workspace], ignore: [job_incomplete]}]}").exceptions

    assert exception.own_limits() == {"ignore": ("job_incomplete",)}
