"""`check --report` prints properties of AvePoint's responses. The report contains no personal data."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avepoint_simulator import (
    ActivityRecord,
    AppCredentials,
    CustomerJob,
    CustomerRecord,
    FrequencyRecord,
    JobError,
    JobRecord,
    LicenseRecord,
    ProtectedRow,
    RetentionRecord,
    ServiceRetention,
    Simulator,
    SimulatorServer,
    StaticPortfolio,
    SubscriptionRecord,
    Switches,
    Tenant,
    unix_ns,
)
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.load import parse_config
from exporter.diagnose.assumptions import API_VERSION, ASSUMPTIONS, OTHER
from exporter.diagnose.bug_report import bug_report
from exporter.diagnose.examination import check_accounts
from exporter.diagnose.findings import Findings
from exporter.diagnose.progress import SilentProgress
from exporter.diagnose.report import Report
from exporter.engine.accounts import Accounts
from tests.helpers import NOW, FakeClock

HOSTILE = "Jane Doe <jane.doe@fabrikam.example> 4111-1111 10.1.2.3 hunter2"
PARTS = ("Jane", "Doe", "jane", "fabrikam", "4111", "10.1.2.3", "hunter2", "@", "7c9e6679", "contoso")
CUSTOMER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PARAMETERS = {"other_host", "latency_seconds", "latency_jitter_seconds", "token_lifetime_seconds", "granted_scopes"}
"""Fields of Switches that are parameters of the simulator and no open questions."""
VERSIONS = sorted({
    (endpoint.template, version)
    for kind in COLLECTORS
    for version, endpoint in kind.endpoints.versions.items()
})  # fmt: skip


def hostile_portfolio() -> StaticPortfolio:
    start = unix_ns(NOW - 3600)
    text = HOSTILE
    return StaticPortfolio(
        customer_list=(
            CustomerRecord(id=CUSTOMER, organization=text, owner_email=text, country=text, tenants=(
                Tenant(id=text, name=text), Tenant(id=text + "2", name=text),
            )),
        ),
        rows=(
            ProtectedRow(customer_id=CUSTOMER, owner_email=text, service_type=text, service_module=text,
                         scanned_objects=1, protected_objects=1, avepoint_bytes=text, byos_bytes=text),
        ),
        subscription_list=(
            SubscriptionRecord(customer_id=CUSTOMER, service=text, name=text, package=text, model=text, source=text,
                               payment_type=text, storage=text, retention=text, purchased_capacity=text,
                               protected_capacity=text, consumed_storage=text),
        ),
        customer_job_list=(
            CustomerJob(customer_id=CUSTOMER, job_type=7, job_module=text, status=text, id=text, start_unix_ns=start,
                        backup_bytes=text),
        ),
        job_list=(
            JobRecord(id=text, job_type=1, object_type=1, state=text, start_unix_ns=start,
                      errors=(JobError(value=text, url=text),)),
        ),
        license_record=LicenseRecord(purchased_user_seats=1, assigned_user_seats=1, purchased_storage_gb=1,
                                     protected_gb=1),
        activity_list=(
            ActivityRecord(tenant_id=text, tenant_owner=text, service_type=0, detected_unix_ns=start, unusual_sites=1),
        ),
        frequency_list=(FrequencyRecord(service_type=0, times_a_day=1, starts_unix_ns=(start,)),),
        retention_list=(
            RetentionRecord(period=text, customized=text, services=(ServiceRetention(service_type=0, period=text),)),
        ),
    )  # fmt: skip


async def report_of(simulator: Simulator, **switches: Any) -> Report:
    """Run a check on a tenant account and a partner account against a simulator."""
    simulator.switches = Switches(**switches)
    app = AppCredentials()
    with SimulatorServer(simulator) as server:
        accounts = "".join(
            f'  - {{name: contoso-{kind}, type: {kind}, base_url: "{server.url}", requests: {{per_second: 1000}},'
            f' token_url: "{server.url}/connect/token",'
            f" auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}}}\n"
            for kind in ("tenant", "partner")
        )
        config = parse_config(f"accounts:\n{accounts}", catalogue(), source="x", directory=Path())
        clock = FakeClock()
        return await check_accounts(
            config, lambda observe: Accounts(clock=clock, observe=observe, forget=lambda _: None), clock,
            SilentProgress(), customers_at_most=None,
        )  # fmt: skip


def allowed(line: str) -> bool:
    """Return whether every word in a line of the report is a number or a name from the code."""
    names = "|".join(one.name for one in COLLECTORS)
    paths = "|".join(re.escape(path) for path, _ in VERSIONS)
    outcomes = "|".join(re.escape(outcome) for one in ASSUMPTIONS for outcome in (*one.outcomes, OTHER))
    rows = "|".join(re.escape(one.name) for one in ASSUMPTIONS)
    forms = (
        r"", r"avepoint-exporter [\w.+-]+, Python 3\.\d+, check --report",
        r"account \d+: (tenant|partner), api (auto|modern|legacy)",
        r"  clock offset: (not seen|[+-]\d+ s)",
        r"  requests by status: \d+ x (\d+|timeout|connect|parse)(, \d+ x (\d+|timeout|connect|parse))*",
        rf"  collector ({names}): (ok|failed|off|skipped)(, (modern|legacy))?",
        rf"  ({paths}): \d+ requests, median [\d.]+ s, longest [\d.]+ s",
        rf"  ({rows}) +(not seen|({outcomes}) \(\d+\)(, ({outcomes}) \(\d+\))*)",
    )  # fmt: skip
    return any(re.fullmatch(form, line) for form in forms)


@pytest.mark.parametrize("api_versions", ["both", "legacy"])
async def test_a_hostile_server_puts_nothing_into_the_block(api_versions: str) -> None:
    simulator = Simulator(hostile_portfolio(), now=lambda: NOW)
    block = bug_report(await report_of(simulator, api_versions=api_versions))
    assert [part for part in PARTS if part in block] == []
    assert [line for line in block.splitlines() if not allowed(line)] == []
    assert "job states                   unknown (" in block
    assert simulator.requests


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(HOSTILE),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["data", "metadata", "value", "jobs", "state", "status", "jobType", "startTime", "totalCount",
                         "nextLink", "duration", "backupSize", "jobStatus", "tenantId", HOSTILE]),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(path=st.sampled_from([path for path, _ in VERSIONS]), response=JSON, index=st.sampled_from(["0", "1", HOSTILE]))
def test_findings_contain_only_outcomes_of_the_table(path: str, response: object, index: str) -> None:
    findings = Findings()
    findings.response(path, {"PageIndex": index, "PageSize": 5, "location": HOSTILE}, response)
    for assumption in ASSUMPTIONS:
        assert set(findings.counts(assumption)) <= {*assumption.outcomes, OTHER}


@pytest.mark.parametrize(("path", "version"), VERSIONS)
def test_the_api_version_of_a_response_is_that_of_the_collectors_endpoint(path: str, version: str) -> None:
    findings = Findings()
    findings.response(path, {}, {})
    assert findings.counts(API_VERSION) == {version: 1}


def test_the_simulator_has_a_switch_for_every_assumption_that_names_one() -> None:
    named = {switch for assumption in ASSUMPTIONS for switch in assumption.switches}
    assert named == {field.name for field in fields(Switches)} - PARAMETERS
    assert len({assumption.name for assumption in ASSUMPTIONS}) == len(ASSUMPTIONS)


def outcomes(report: Report) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for account in report.accounts:
        for name, counts in account.observations.outcomes.items():
            found.setdefault(name, set()).update(counts)
    return found


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, {"API version": {"modern", "legacy"}, "page base": {"0"}, "overview shape": {"paged"}}),
        ({"api_versions": "legacy"}, {"API version": {"legacy"}, "error field": {"absent"}}),
        ({"page_base": 1, "next_link": "none"}, {"page base": {"0", "1 (page 0 returns the same rows)"}}),
        ({"page_base": 1, "index_zero": "empty"}, {"page base": {"1 (page 0 is empty)"}}),
        ({"legacy_key_case": "camel"}, {"key case": {"camelCase", "PascalCase"}}),
        ({"product_keys": "mixed"}, {"key case": {"camelCase", "PascalCase", "mixed"}}),
        ({"next_link": "unprefixed"}, {"next link": {"absent", "empty", "path"}}),
        ({"next_link": "none"}, {"next link": {"absent"}}),
        ({"page_size_cap": 7}, {"page size": {"as requested", "smaller"}}),
        ({"total_key": "totalNumber"}, {"total key": {"totalCount", "totalNumber"}}),
        ({"details_keys": "Number"}, {"details keys": {"Number", "Count"}}),
        ({"state_spelling": "compact"}, {"format of job states": {"compact"}}),
        ({"overview_shape": "bare"}, {"overview shape": {"bare array"}}),
        ({"overview_tenants": False}, {"several tenants": {"no tenant"}}),
        ({"iso_form": "seven"},
         {"date form": {"ISO 8601 with 7 digits", "ISO 8601 with whole seconds", "MM/DD/YYYY", "ticks"}}),
        ({"subscription_dates": "seen"},
         {"date form": {"ISO 8601 with Z", "MM-DD-YYYY with time", "YYYY-MM-DD", "ticks"}}),
        ({"no_time": "null"}, {"no time": {"null", "N/A"}}),
        ({"job_status": "text"}, {"format of customer statuses": {"name"}}),
        ({"job_words": "int"}, {"format of customer jobs": {"number"}}),
        ({"customer_jobs": "all"}, {"customer jobs": {"several"}}),
        ({"scan_row": "typed"}, {"scan row": {"the status and the type"}}),
        ({"counts": "text"}, {"counts": {"number", "string", "N/A"}}),
        ({"sizes": "no_space"}, {"units of sizes": {"without space", "N/A"}}),
        ({"service_types": "words"}, {"workloads of settings": {"name"}}),
        ({"activity_shape": "bare"}, {"activity shape": {"bare"}}),
        ({"activity_times": "days"}, {"activity times": {"dates"}}),
    ],
)  # fmt: skip
async def test_each_switch_of_the_simulator_shows_its_outcome(
    switches: dict[str, Any], expected: dict[str, set[str]]
) -> None:
    simulator = Simulator(customers=4, seed=1, now=lambda: NOW, start=NOW)
    found = outcomes(await report_of(simulator, **switches))
    assert {name: found[name] for name in expected} == expected
