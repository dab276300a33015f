"""The samples are correct for every documented variant of AvePoint's responses."""

import math
from dataclasses import replace
from typing import Any

import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.switches import Switches
from tests.helpers import World
from tests.truth.oracle import NOW, expected, random_portfolio
from tests.truth.oracle_settings import expected_settings, with_settings
from tests.truth.product_oracle import expected_products, with_products
from tests.truth.world import world

SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"api_versions": "legacy"},
    {"api_versions": "modern"},
    {"api_versions": "legacy", "legacy_key_case": "camel"},
    *({"api_versions": g, "next_link": link} for g in ("modern", "legacy")
      for link in ("none", "empty", "prefixed", "unprefixed", "token", "wrong_host")),
    *({"api_versions": g, "page_base": 1, "index_zero": zero, "next_link": link} for g in ("modern", "legacy")
      for zero in ("clamp", "empty", "error") for link in ("none", "absolute")),
    # Without links, the legacy API can return only one page of a customer's rows. Therefore, this page must be large
    # enough for all rows.
    *({"api_versions": g, "page_size_cap": cap, "next_link": link} for g, cap in (("modern", 20), ("legacy", 40))
      for link in ("none", "absolute")),
    {"api_versions": "modern", "details_keys": "Number"},
    {"api_versions": "legacy", "details_keys": "Number"},
    {"api_versions": "modern", "state_spelling": "compact"},
    {"api_versions": "legacy", "state_spelling": "compact"},
    {"overview_shape": "bare"},
    {"overview_tenants": False},
    {"total_key": "totalNumber"},
    {"iso_form": "offset"},
    {"iso_form": "seven"},
    {"no_time": "null"},
    {"no_time": "na"},
    {"job_status": "int"},
    {"job_status": "text"},
    {"api_versions": "legacy", "job_status": "int"},
    {"counts": "text"},
    {"service_types": "words"},
    {"activity_shape": "bare"},
    {"activity_times": "days"},
    {"api_versions": "legacy", "counts": "text"},
    *({"api_versions": g, "subscription_dates": "seen", "product_keys": "mixed"} for g in ("modern", "legacy")),
    *({"api_versions": g, "customer_jobs": "all", "scan_row": "typed"} for g in ("modern", "legacy")),
    *({"api_versions": g, "job_words": words} for g in ("modern", "legacy") for words in ("int", "text")),
)  # fmt: skip


def _differences(world: World, truth: dict[Any, float]) -> list[str]:
    shown = world.of_avepoint()
    wrong = [f"{key}: {shown.get(key)} for {value}" for key, value in truth.items() if not _same(shown.get(key), value)]
    return wrong + [f"unexpected sample {key}" for key in shown.keys() - truth.keys()]


def _same(shown: float | None, true: float) -> bool:
    # Two conversions of a size such as 143.22 GB may differ by 2 units in the last place.
    return shown is not None and math.isclose(shown, true, rel_tol=5e-16)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())) or "default")
async def test_every_number_is_that_of_the_records(shape: dict[str, Any]) -> None:
    portfolio = random_portfolio(7, jobs=127, customers=23, whole_seconds=shape.get("iso_form") != "seven")
    portfolio = with_products(with_settings(portfolio, 7), 7)
    api_versions = shape.get("api_versions", "both")
    truth = expected(
        portfolio,
        api_versions,
        every_job=shape.get("customer_jobs") == "all",
        with_tenants=shape.get("overview_tenants", True),
    ) | ({} if api_versions == "legacy" else expected_settings(portfolio) | expected_products(portfolio))
    simulator = Simulator(portfolio, now=lambda: NOW, switches=replace(Switches(), **shape))
    async with world(simulator) as seen:
        for _ in range(2):
            assert await seen.refresh()
            assert _differences(seen, truth) == []


@pytest.mark.parametrize("api_versions", ["modern", "legacy"])
@pytest.mark.parametrize(("jobs", "customers"), [(0, 0), (1, 1), (49, 99), (50, 100), (51, 101), (100, 2), (500, 201)])
async def test_every_size_of_portfolio(api_versions: Any, jobs: int, customers: int) -> None:
    portfolio = random_portfolio(jobs, jobs=jobs, customers=customers, whole_seconds=True)
    switches = Switches(api_versions=api_versions)
    async with world(Simulator(portfolio, now=lambda: NOW, switches=switches)) as seen:
        assert await seen.refresh()
        assert _differences(seen, expected(portfolio, api_versions)) == []


@pytest.mark.parametrize("api_versions", ["modern", "legacy"])
@pytest.mark.parametrize(("jobs", "page_size"), [(0, 50), (1, 50), (49, 50), (50, 50), (51, 50), (120, 10), (500, 50)])
async def test_a_refresh_without_new_jobs_asks_for_each_page_once(api_versions: Any, jobs: int, page_size: int) -> None:
    portfolio = random_portfolio(3, jobs=jobs, customers=0, whole_seconds=True)
    simulator = Simulator(portfolio, now=lambda: NOW, switches=Switches(api_versions=api_versions))
    async with world(simulator, page_size=page_size) as seen:
        await seen.refresh()
        first = _job_calls(simulator)
        pages = max(1, math.ceil(jobs / page_size))
        assert first <= pages + 1 + 19 + (api_versions == "legacy")
        simulator.reset_log()
        await seen.refresh()
        assert pages <= _job_calls(simulator) <= pages + (jobs % page_size == 0)


@pytest.mark.parametrize("seed", range(25))
async def test_random_settings(seed: int) -> None:
    portfolio = with_settings(random_portfolio(1, jobs=0, customers=0), seed)
    async with world(Simulator(portfolio, now=lambda: NOW)) as seen:
        assert await seen.refresh()
        assert _differences(seen, expected(portfolio) | expected_settings(portfolio)) == []


@pytest.mark.parametrize("seed", range(25))
async def test_random_jobs_of_other_products(seed: int) -> None:
    portfolio = with_products(random_portfolio(1, jobs=0, customers=0), seed, jobs=seed * 20)
    async with world(Simulator(portfolio, now=lambda: NOW)) as seen:
        for _ in range(2):
            assert await seen.refresh()
            assert _differences(seen, expected(portfolio) | expected_products(portfolio)) == []


def _job_calls(simulator: Simulator) -> int:
    return sum(request.path.endswith(("/cloudbackupjobs", "/cloudbackup/jobs")) for request in simulator.requests)
