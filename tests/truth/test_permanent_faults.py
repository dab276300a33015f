"""If every response has a fault, numbers may be missing from the page, but no number is wrong.

Without faults, the page contains all numbers again.
"""

from typing import Any

import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.faults import Faults
from avepoint_simulator.switches import Switches
from tests.helpers import Samples, World
from tests.truth.oracle import NOW, expected, random_portfolio
from tests.truth.world import world

VERSIONS = ("modern", "legacy")
LIES = ("short_list", "changed_total", "impossible_times", "foreign_rows", "error_field")
SUMS = (
    "avepoint_customer_scanned_objects",
    "avepoint_customer_protected_objects",
    "avepoint_customer_protected_data_bytes",
)
OF_CUSTOMERS = ("overview_v3", "customer_jobs_v3", "protected_legacy", "customer_jobs_legacy")
"""Endpoints whose rows contain the id of the customer."""
SCANNED = "avepoint_scanned_objects"
JOB_LISTS = ("/cloudbackupjobs", "/cloudbackup/jobs")


def liar(portfolio: StaticPortfolio, version: Any, kind: str) -> Simulator:
    """Return a simulator with the same fault in every response."""
    always = dict.fromkeys(OF_CUSTOMERS, kind) if kind == "foreign_rows" else {"*": kind}
    return Simulator(portfolio, now=lambda: NOW, switches=Switches(api_versions=version), faults=Faults(always=always))


def wrong(seen: World, truth: Samples) -> list[str]:
    """Return the samples that differ from the oracle's samples. Ignore counters that are still 0."""
    return [
        f"{key}: {value}"
        for key, value in seen.of_avepoint().items()
        if truth.get(key, 0.0 if key[0].endswith("_total") else None) != pytest.approx(value, rel=1e-12)
    ]


def values(seen: World, name: str, **wanted: str) -> dict[frozenset[tuple[str, str]], float]:
    return {
        labels: value
        for (found, labels), value in seen.samples().items()
        if found == name and wanted.items() <= set(labels)
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", LIES)
@pytest.mark.parametrize("healthy_first", [False, True])
async def test_a_lie_in_every_response_changes_no_number(version: Any, kind: str, *, healthy_first: bool) -> None:
    portfolio = random_portfolio(5, jobs=70, customers=9, whole_seconds=True)
    truth = expected(portfolio, version)
    simulator = liar(portfolio, version, kind)
    always, simulator.faults.always = simulator.faults.always, {}
    async with world(simulator) as seen:
        if healthy_first:
            assert await seen.refresh()
        simulator.faults.always = always
        for _ in range(2):
            seen.clock.advance(3600)
            await seen.refresh()
            assert wrong(seen, truth) == []
        if healthy_first and kind in ("short_list", "changed_total", "error_field"):
            assert seen.of_avepoint().keys() == truth.keys(), "known numbers stay"
        simulator.faults.always = {}
        seen.clock.advance(3600)
        assert await seen.refresh()
        assert wrong(seen, truth) == []
        assert seen.of_avepoint().keys() == truth.keys()


@pytest.mark.parametrize("version", VERSIONS)
async def test_rows_of_another_customer_hide_no_row_of_the_requested_one(version: Any) -> None:
    portfolio = random_portfolio(5, jobs=0, customers=9, whole_seconds=True)
    truth = expected(portfolio, version)
    async with world(liar(portfolio, version, "foreign_rows")) as seen:
        await seen.refresh()
        assert wrong(seen, truth) == []
        assert {name for name, _ in truth.keys() - seen.of_avepoint().keys()} <= set(SUMS)
        for collector, name in (("protected_data", SCANNED), ("customer_jobs", "avepoint_last_job_state")):
            with_rows = {dict(labels)["customer_id"] for found, labels in truth if found == name}
            up = values(seen, "avepoint_customer_up", collector=collector)
            assert {dict(labels)["customer_id"] for labels, value in up.items() if value == 0} == with_rows
        refused = values(seen, "avepoint_parse_errors_total", field="customerId")
        assert len(refused) == 2, "protected data and jobs"
        assert sum(refused.values()) > 9


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("jobs", [1, 2, 40, 120])
async def test_ignored_filters_give_no_job_a_name_and_cost_few_requests(version: Any, jobs: int) -> None:
    portfolio = random_portfolio(jobs, jobs=jobs, customers=0, whole_seconds=True)
    truth = expected(portfolio, version)
    simulator = liar(portfolio, version, "ignored_filters")
    async with world(simulator) as seen:
        for _ in range(4):
            simulator.reset_log()
            await seen.refresh()
            shown = seen.of_avepoint()
            assert (
                not {name for name, labels in shown if "workload" in dict(labels) or "job_type" in dict(labels)}
                - {name for name, _ in truth if "license" in name}
                - {"avepoint_retention_seconds", "avepoint_backups_per_day"}
            )
            counted = sum(value for (name, _), value in shown.items() if name == "avepoint_jobs")
            assert counted == sum(value for (name, _), value in truth.items() if name == "avepoint_jobs")
            lists = sum(request.path.endswith(JOB_LISTS) for request in simulator.requests)
            pages = -(-jobs // 50)
            assert lists <= pages + 1 + REQUESTS_IF_IGNORED * (1 + jobs // 1000) + (version == "legacy")
        assert values(seen, "avepoint_unknown_values_total", field="jobKind")
        simulator.faults.always = {}
        assert await seen.refresh()
        assert wrong(seen, truth) == []


REQUESTS_IF_IGNORED = 8
"""Requests for each refresh, in addition to the list: four for each of the two filters."""
