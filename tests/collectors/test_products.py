"""Jobs of every product: the label, the option, and resources that only their name tells apart."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ConfigError
from tests.collectors.test_customer_jobs import JOBS, LEGACY, ONLY, blank, row
from tests.helpers import BATCH_PATH, NOW, FakeApi, World, config, customer, partner, stored_text, v3

START, STATE = "avepoint_last_job_start_timestamp_seconds", "avepoint_last_job_state"
SUCCESS, RUNNING = "avepoint_last_success_timestamp_seconds", "avepoint_oldest_running_job_start_timestamp_seconds"
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
    assert bool(world.labels("avepoint_customer_scan_status", "status")) is ("Microsoft 365" in shown)


async def test_a_product_that_is_configured_later_has_been_counted(world: World) -> None:
    await world.apply(partner(collectors={**ONLY, "customer_jobs": {"products": ["Microsoft 365"]}}))
    await refresh(world, row("a", -90, -30, jobType=15))
    await refresh(world, row("b", -20, -10, jobType=15))
    await world.apply(partner(collectors=ONLY))
    await refresh(world, row("b", -20, -10, jobType=15))
    labels = {**MACHINE, "product": "Salesforce", "workload": "Teams"}
    assert world.value("avepoint_jobs_completed_total", **labels, state="finished") == 1


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
    await refresh(world, machine("a", "1", -900, -800), machine("b", "1", -900, -800, status=3))
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
