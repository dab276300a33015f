"""Test jobs of all products: the label `product`, the option `products`, and resources that differ only by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exporter.avepoint.reading.vocabulary import worst_state
from exporter.errors import ConfigError
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES
from tests.collectors.test_customer_jobs import JOBS, LEGACY, ONLY, blank, row
from tests.helpers import BATCH_PATH, NOW, FakeApi, World, config, customer, parsed, partner, stored_text, v3

START, STATE = "avepoint_last_job_start_timestamp_seconds", "avepoint_last_job_state"
SUCCESS, RUNNING = "avepoint_last_success_timestamp_seconds", "avepoint_oldest_running_job_start_timestamp_seconds"
SCAN = "avepoint_customer_scan_status"
MACHINE = {"account": "msp", "customer_id": "c-1", "product": "IaaS + PaaS", "workload": "Azure Virtual Machine",
           "job_type": "backup"}  # fmt: skip


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}))
    await world.apply(partner(collectors=ONLY))
    yield world
    await world.accounts.stop()


async def refresh(world: World, *rows: Any, legacy: bool = False) -> None:
    world.api.routes.update({LEGACY: {"value": list(rows)}} if legacy else {JOBS: v3(list(rows))})
    assert await world.refresh()


async def job_problems(world: World) -> set[str]:
    """Return the names of the problems with individual jobs."""
    await world.accounts.settle(seconds=0.1)
    text = MetricsPage(FAMILIES, world.own).plain(world.accounts.verdict_views(), PageRequest(), monotonic=NOW)
    found = parsed(b"".join(text).decode())
    return {dict(labels)["problem"] for name, labels in found if name == "avepoint_problem"} & {
        "job_failed",
        "job_incomplete",
    }


def machine(
    name: str, key: str, start: float, finish: float | None = None, status: int = 2, **more: Any
) -> dict[str, Any]:
    return row(key, start, finish, jobType=12, jobModule=356, name=name, status=status, **more)


@pytest.mark.parametrize(
    ("product", "module", "label", "workload"),
    [
        (7, 308, "Microsoft 365", "Teams"), (11, 501, "Google Workspace", "Gmail"),
        (12, 361, "IaaS + PaaS", "Amazon EC2"), (15, 0, "Salesforce", ""), (16, 550, "Dynamics 365", "Dynamics CRM"),
        ("Azure", "Azure Virtual Machine", "IaaS + PaaS", "Azure Virtual Machine"),
        ("Cloud Backup for Salesforce", "N/A", "Salesforce", ""), (99, 308, "99", "Teams"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("legacy", [False, True])
async def test_each_product_has_a_label(
    product: Any, module: Any, label: str, workload: str, world: World, *, legacy: bool
) -> None:
    if legacy:
        world.api.routes["/partner/customers"] = {"value": [customer("c-1")]}
        await world.apply(partner(collectors=ONLY, api="legacy"))
    await refresh(world, row("a", -90, -30, jobType=product, jobModule=module), legacy=legacy)
    assert world.labels(START, "product") == {label}
    assert world.labels(START, "workload") == {workload}
    assert world.labels("avepoint_jobs_completed_total", "product") == {label}


@pytest.mark.parametrize(
    ("products", "shown"),
    [
        (["Microsoft 365"], {"Microsoft 365"}),
        (["Salesforce", "Google Workspace"], {"Salesforce", "Google Workspace"}),
        (["Dynamics 365"], set()), (None, {"Microsoft 365", "Salesforce", "Google Workspace", "99"}),
    ],
)  # fmt: skip
async def test_only_configured_products_are_shown(world: World, products: Any, shown: set[str]) -> None:
    options = {} if products is None else {"products": products}
    await world.apply(partner(collectors={**ONLY, "customer_jobs": options}))
    rows = [row(str(number), -90, -30, jobType=number) for number in (7, 11, 15, 99)]
    await refresh(world, blank(2), *rows)
    for name in (START, STATE, SUCCESS, "avepoint_jobs_completed_total"):
        assert world.labels(name, "product") == shown
    assert bool(world.labels(SCAN, "status")) is ("Microsoft 365" in shown)


async def test_a_product_that_is_configured_later_has_been_counted(world: World) -> None:
    await world.apply(partner(collectors={**ONLY, "customer_jobs": {"products": ["Microsoft 365"]}}))
    await refresh(world, row("a", -90, -30, jobType=15))
    await refresh(world, row("b", -20, -10, jobType=15))
    await world.apply(partner(collectors=ONLY))
    await refresh(world, row("b", -20, -10, jobType=15))
    labels = {**MACHINE, "product": "Salesforce", "workload": "Teams"}
    assert world.value("avepoint_jobs_completed_total", **labels, state="finished") == 1


ODD_ROWS = [
    [row("b", -20, -10, status=["many"])], [row("b", -20, -10, startTime="soon")],
    [row("b", -20, -10, jobModule=None)], [row("b", -20, -10, endTime="soon")],
    [row("b", -20, -10), row("b", -20, -10, failedCount="7")],
]  # fmt: skip


@pytest.mark.parametrize("rows", ODD_ROWS, ids=["state", "start", "module", "finish", "contradiction"])
async def test_odd_rows_fail_a_customer_only_if_their_product_is_included(world: World, rows: Any) -> None:
    for products, expected in ((["Microsoft 365"], 1), (["Microsoft 365", "Salesforce"], 0)):
        await world.apply(partner(collectors={**ONLY, "customer_jobs": {"products": products}}))
        for odd in ([], [{**one, "jobType": 15} for one in rows]):
            world.api.routes[JOBS] = v3([row("a", -90, -30), *odd])
            await world.refresh()
        up = world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="customer_jobs")
        assert up == expected


@pytest.mark.parametrize("job_type", [["many"], "N/A", 0, 10])
async def test_an_odd_row_of_an_unknown_product_fails_the_customer(world: World, job_type: Any) -> None:
    await world.apply(partner(collectors={**ONLY, "customer_jobs": {"products": ["Microsoft 365"]}}))
    await refresh(world, row("a", -90, -30))
    world.api.routes[JOBS] = v3([row("a", -90, -30), row("b", -20, -10, jobType=job_type, jobModule=["many"])])
    await world.refresh()
    assert world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="customer_jobs") == 0


@pytest.mark.parametrize("products", [[], ["Teams"], "Microsoft 365", [7], {"Microsoft 365": True}])
def test_products_are_validated(products: Any) -> None:
    with pytest.raises(ConfigError, match="products"):
        config(partner(collectors={"customer_jobs": {"products": products}}))


async def test_a_healthy_machine_does_not_hide_a_failing_one(world: World) -> None:
    await refresh(world, machine("a", "1", -900, -800), machine("b", "2", -700, -600))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    await refresh(world, machine("a", "3", -90, -80, status=3), machine("b", "4", -70, -60))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    assert world.value(START, **MACHINE) == NOW - 70
    await refresh(world, machine("a", "5", -50, -40), machine("b", "4", -70, -60))
    assert world.value(SUCCESS, **MACHINE) == NOW - 60


@pytest.mark.parametrize(
    ("status", "other", "problem"),
    [
        (3, 2, "job_failed"),
        (7, 4, "job_failed"),
        (4, 3, "job_failed"),
        (3, 1, "job_failed"),
        (2, 2, None),
        (5, 2, None),
    ],
)
async def test_the_last_completed_job_of_the_worst_machine_counts(
    world: World, status: int, other: int, problem: str | None
) -> None:
    second = machine("b", "2", -70, None if other == 1 else -60, other)
    await refresh(world, machine("a", "1", -90, -80, status), second)
    assert await job_problems(world) == ({problem} if problem else set())
    assert world.value(START, **MACHINE) == NOW - 70


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        (["finished", "failed"], "failed"), (["finished_with_exception", "failed_to_start"], "failed_to_start"),
        (["finished", "skipped"], "skipped"), (["odd", "partially_finished"], "partially_finished"),
    ],
)  # fmt: skip
def test_the_worst_state(states: list[str], worst: str) -> None:
    assert worst_state(states) == worst_state(states[::-1]) == worst


async def test_a_failed_machine_is_a_problem_until_its_next_job_completes(tmp_path: Path) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}), folder=tmp_path)
    await world.apply(partner(collectors=ONLY))
    await refresh(world, machine("a", "1", -90, -80, 3), machine("b", "2", -70, -60))
    assert await job_problems(world) == {"job_failed"}
    await refresh(world, machine("a", "3", -50, None, 1), machine("b", "2", -70, -60))
    assert await job_problems(world) == {"job_failed"}
    await world.restart(config(partner(collectors=ONLY)))
    await refresh(world, machine("a", "3", -50, None, 1), machine("b", "2", -70, -60))
    assert await job_problems(world) == {"job_failed"}
    await refresh(world, machine("a", "3", -50, -40), machine("b", "2", -70, -60))
    assert await job_problems(world) == set()
    await refresh(world, machine("a", "4", -30, -20, 3), machine("b", "2", -70, -60))
    await refresh(world, machine("b", "2", -70, -60))
    assert await job_problems(world) == set()
    await world.accounts.stop()


DAYS = 86_400.0
STATES = {1: "in_progress", 2: "finished", 3: "failed", 12: "disabled"}
TEAMS = {**MACHINE, "product": "Microsoft 365", "workload": "Teams"}


def scans_of(world: World) -> dict[str, str]:
    found = [dict(labels) for name, labels in world.of_avepoint() if name == SCAN]
    return {labels["product"]: labels["status"] for labels in found}


def of_tenant(tenant_id: str, key: str, start: float, finish: float | None = None, status: int = 2) -> dict[str, Any]:
    return row(key, start, finish, status=status, tenantId=tenant_id)


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_healthy_tenant_does_not_hide_a_failing_one(world: World, *, legacy: bool) -> None:
    if legacy:
        world.api.routes["/partner/customers"] = {"value": [customer("c-1")]}
        await world.apply(partner(collectors=ONLY, api="legacy"))
    await refresh(world, of_tenant("a", "1", -900, -800), of_tenant("b", "2", -700, -600), legacy=legacy)
    assert world.value(SUCCESS, **TEAMS) == NOW - 800
    await refresh(world, of_tenant("a", "3", -90, -80, 3), of_tenant("b", "4", -70, -60), legacy=legacy)
    assert world.value(SUCCESS, **TEAMS) == NOW - 800
    assert world.value(START, **TEAMS) == NOW - 70
    assert await job_problems(world) == {"job_failed"}
    await refresh(world, of_tenant("a", "5", -50, -40), of_tenant("b", "4", -70, -60), legacy=legacy)
    assert world.value(SUCCESS, **TEAMS) == NOW - 60
    assert await job_problems(world) == set()


@pytest.mark.parametrize("key", ["1", "N/A"])
async def test_rows_that_only_the_tenant_tells_apart_are_jobs_of_their_own(world: World, key: str) -> None:
    await refresh(world, of_tenant("a", key, -90, -80), of_tenant("b", key, -90, -70, 3))
    assert await job_problems(world) == {"job_failed"}
    assert world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="customer_jobs") == 1


async def test_a_tenant_that_avepoint_begins_to_name_changes_no_number(world: World) -> None:
    await refresh(world, row("1", -900, -800))
    await refresh(world, row("2", -90, None, status=1))
    before = world.of_avepoint()
    await refresh(world, of_tenant("a", "2", -90, None, 1))
    assert world.of_avepoint() == before
    await refresh(world, of_tenant("a", "2", -90, -10), of_tenant("b", "3", -90, -20))
    assert world.value("avepoint_jobs_completed_total", **TEAMS, state="finished") == 2


async def test_a_problem_began_with_the_first_failed_machine(world: World) -> None:
    await refresh(world, machine("a", "1", -900, -800, 3), machine("b", "2", -90, -60, 3), machine("c", "3", -50, -40))
    assert await job_problems(world) == {"job_failed"}
    text = MetricsPage(FAMILIES, world.own).plain(world.accounts.verdict_views(), PageRequest(), monotonic=NOW)
    found = parsed(b"".join(text).decode())
    starts = [
        value
        for (name, labels), value in found.items()
        if name == "avepoint_problem_start_timestamp_seconds" and ("problem", "job_failed") in labels
    ]
    assert starts == [NOW - 800]


async def test_a_success_in_the_future_of_one_machine_hides_no_other(world: World) -> None:
    await refresh(world, machine("a", "1", -900, -800), machine("b", "2", -700, -600))
    world.clock.step(-DAYS)
    await refresh(world, machine("a", "3", -DAYS - 500, -DAYS - 400), machine("b", "4", -DAYS - 500, -DAYS - 400, 3))
    assert world.value(SUCCESS, **MACHINE) is None


async def test_the_failure_of_each_machine_has_its_own_age(world: World) -> None:
    failed = machine("a", "1", -3 * DAYS, -3 * DAYS + 60, 3)
    incomplete = machine("c", "3", -0.5 * DAYS, -0.4 * DAYS, 4)
    await refresh(world, failed, machine("b", "2", -70, -60))
    assert await job_problems(world) == set()
    await refresh(world, failed, machine("b", "2", -70, -60), incomplete)
    assert await job_problems(world) == set()
    world.clock.advance(DAYS)
    await refresh(world, failed, machine("b", "2", -70, -60), incomplete)
    assert await job_problems(world) == {"job_incomplete"}
    await refresh(world, failed, machine("b", "2", -70, -60, 3), incomplete)
    assert await job_problems(world) == {"job_failed"}


async def test_a_failure_of_a_machine_ends_while_jobs_of_another_finish(world: World) -> None:
    failed = machine("a", "1", -90, -80, 3)
    await refresh(world, failed, machine("b", "2", -70, -60))
    assert await job_problems(world) == {"job_failed"}
    for day in (1, 2):
        world.clock.advance(DAYS)
        await refresh(world, failed, machine("b", f"b{day}", day * DAYS - 70, day * DAYS - 60))
        assert await job_problems(world) == ({"job_failed"} if day == 1 else set())


@pytest.mark.parametrize("product", [10, 11, "Google Workspace Scan"])
@pytest.mark.parametrize(
    ("module", "workload"), [(501, "Gmail"), (502, "Calendar"), (504, "Drive"), ("Vault", "Vault")]
)
@pytest.mark.parametrize(("status", "state"), [(2, "finished"), (3, "failed")])
async def test_both_job_types_of_google_workspace_are_jobs(
    world: World, product: Any, module: Any, workload: str, status: int, state: str
) -> None:
    await refresh(world, row("a", -90, -30, jobType=product, jobModule=module, status=status))
    labels = {**MACHINE, "product": "Google Workspace", "workload": workload}
    assert world.value(STATE, **labels, state=state) == 1
    assert world.labels(SCAN, "status") == set()


@pytest.mark.parametrize("job_type", [10, "DOR", "Google Workspace", "N/A"])
@pytest.mark.parametrize("microsoft", [None, 1, 2, 3, 12])
@pytest.mark.parametrize(
    ("google", "status"), [(2, "finished"), (3, "failed"), (7, "failed_to_start"), (12, "disabled")]
)
async def test_the_scans_of_google_workspace_and_microsoft_365_are_two(
    world: World, job_type: Any, microsoft: int | None, google: int, status: str
) -> None:
    module = "N/A" if job_type == 10 else "Google Workspace Discovery"
    rows = [] if microsoft is None else [blank(microsoft)]
    await refresh(world, *rows, {**blank(google), "jobType": job_type, "jobModule": module})
    scans = {} if microsoft is None else {"Microsoft 365": STATES[microsoft]}
    assert scans_of(world) == {**scans, "Google Workspace": status}
    assert world.labels(STATE, "workload") == set()


@pytest.mark.parametrize(
    ("statuses", "worst"), [((2, 3), "failed"), ((3, 2), "failed"), ((2, 12), "finished"), ((12, 11), "disabled")]
)
@pytest.mark.parametrize("starts", [False, True])
async def test_the_worst_scan_of_several_tenants_counts(
    world: World, statuses: tuple[int, int], worst: str, *, starts: bool
) -> None:
    rows = [
        row(f"s-{number}", -90 - number, -80, jobType=0, jobModule=0, status=status, tenantId=f"t-{number}")
        if starts
        else {**blank(status), "tenantId": f"t-{number}"}
        for number, status in enumerate(statuses)
    ]
    await refresh(world, *rows)
    assert scans_of(world) == {"Microsoft 365": worst}


@pytest.mark.parametrize("job_type", [0, 7, 11, "DOR"])
async def test_an_unknown_scan_is_no_workload(world: World, job_type: Any) -> None:
    await refresh(world, row("a", -90, -30, jobType=job_type, jobModule="Salesforce Discovery"))
    assert world.labels(SCAN, "status") == world.labels(STATE, "workload") == set()
    assert world.value("avepoint_unknown_values_total", account="msp", field="jobModule") == 1


async def test_a_machine_that_never_succeeded_leaves_no_success(world: World) -> None:
    await refresh(world, machine("a", "1", -900, -800, status=3), machine("b", "2", -700, -600))
    assert world.value(SUCCESS, **MACHINE) is None


async def test_a_deleted_machine_does_not_keep_an_old_success(world: World) -> None:
    await refresh(world, machine("a", "1", -900, -800), machine("b", "2", -700, -600))
    await refresh(world, machine("b", "2", -700, -600))
    assert world.value(SUCCESS, **MACHINE) == NOW - 600
    await refresh(world, machine("a", "3", -500, None, status=1), machine("b", "2", -700, -600))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    assert world.value(RUNNING, **MACHINE) == NOW - 500


async def test_rows_that_only_the_name_tells_apart_are_jobs_of_their_own(world: World) -> None:
    await refresh(world, machine("a", "1", -900, None, status=1), machine("b", "1", -900, None, status=1))
    await refresh(world, machine("a", "1", -900, -10), machine("b", "1", -900, -10, status=3))
    assert world.value("avepoint_jobs_completed_total", **MACHINE, state="finished") == 1
    assert world.value("avepoint_jobs_completed_total", **MACHINE, state="failed") == 1
    assert world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="customer_jobs") == 1


@pytest.mark.parametrize(("other", "expected"), [(12, 1), (14, None)])
async def test_machines_without_a_job_have_a_common_state_or_none(world: World, other: int, expected: float) -> None:
    rows = [machine(name, "N/A", 0, status=status, startTime="N/A") for name, status in (("a", 12), ("b", other))]
    await refresh(world, *rows)
    assert world.value(STATE, **MACHINE, state="disabled") == expected
    assert world.value("avepoint_customer_up", account="msp", customer_id="c-1", collector="customer_jobs") == 1


async def test_the_worst_machine_survives_a_restart_and_no_name_is_stored(tmp_path: Path) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}), folder=tmp_path)
    await world.apply(partner(collectors=ONLY))
    await refresh(world, machine("secret-server", "1", -900, -800), machine("b", "2", -700, -600))
    await world.restart(config(partner(collectors=ONLY)))
    await refresh(world, machine("secret-server", "3", -90, -80, status=3), machine("b", "4", -70, -60))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    await world.accounts.stop()
    assert "secret-server" not in stored_text(tmp_path)
    assert "secret-server" not in world.text()


ODD_NAMES = [
    ("a@example.com", "b@example.com"),
    ("x" * 300 + "a", "x" * 300 + "b"),
    ("v\x01", "v\x02"),
    ("\ud800", "b"),
]


@pytest.mark.parametrize("names", ODD_NAMES, ids=["addresses", "long", "control characters", "surrogates"])
@pytest.mark.parametrize("field", ["name", "tenantId"])
async def test_names_that_must_not_become_labels_tell_resources_apart(
    names: tuple[str, str], field: str, tmp_path: Path
) -> None:
    world = World(FakeApi({BATCH_PATH: v3([customer("c-1")])}), folder=tmp_path)
    await world.apply(partner(collectors=ONLY))
    one, other = ({field: name} for name in names)
    kind = {"jobType": 12, "jobModule": 356, "name": "vm"}
    await refresh(world, row("1", -900, -800, **kind | one), row("2", -700, -600, **kind | other))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    await refresh(world, row("3", -90, -80, **kind | one | {"status": 3}), row("4", -70, -60, **kind | other))
    assert world.value(SUCCESS, **MACHINE) == NOW - 800
    assert await job_problems(world) == {"job_failed"}
    assert world.value("avepoint_parse_errors_total", account="msp", field=field) is None
    await world.accounts.stop()
    assert "@" not in world.text() + stored_text(tmp_path)
