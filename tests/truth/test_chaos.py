"""If a fifth of the responses are faulty, the exporter exposes no wrong number, does not crash, and recovers."""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.faults import FAULTS, Faults
from avepoint_simulator.faults.contradictions import FOREIGN_NUMBER
from avepoint_simulator.faults.responses import TIMEOUT_HEADER
from avepoint_simulator.requests import FaultOptions
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.switches import Switches
from exporter.logs import setup
from tests.helpers import Samples, parsed
from tests.truth.oracle import JOB_TYPES, NOW, WORKLOADS, expected, random_portfolio
from tests.truth.oracle_settings import with_settings
from tests.truth.protected_oracle import SIZES
from tests.truth.subscriptions import BOUGHT
from tests.truth.world import world

# Faults may change values. However, each value on the page must come from a response about the same customer and field.
_FIELDS = {
    "avepoint_scanned_objects": "totalScannedObjects",
    "avepoint_protected_objects": "totalProtectedObjects",
    "avepoint_protected_data_bytes/avepoint": "dataSizeStoredInAvePoint",
    "avepoint_protected_data_bytes/byos": "dataSizeStoredInBYOS",
    "avepoint_subscription_purchased_seats": "purchasedUserSeats",
    "avepoint_subscription_purchased_units": "purchasedUnits",
    "avepoint_subscription_purchased_capacity_bytes": "purchasedCapacity",
    "avepoint_subscription_protected_capacity_bytes": "protectedCapacity",
    "avepoint_subscription_consumed_storage_bytes": "consumedStorage",
    "avepoint_subscription_microsoft_licenses_assigned": "microsoftLicenseAssigned",
    "avepoint_subscription_microsoft_licenses_available": "microsoftLicenseAvailable",
    "avepoint_license_purchased_seats": "purchasedUserSeats",
    "avepoint_license_assigned_seats": "assignedUserSeats",
    "avepoint_license_purchased_storage_bytes": "purchasedStorageSize",
    "avepoint_license_protected_bytes": "protectedSize",
    "avepoint_backups_per_day": "frequency",
}
_WITH_FIELDS = tuple({field.partition("/")[0] for field in _FIELDS})
_UNITS = {"avepoint_license_purchased_storage_bytes": 2**30, "avepoint_license_protected_bytes": 2**30}
_OPTIONS = FaultOptions(retry_after_seconds=2, timeout_seconds=0, text_bytes=300_000, bomb_bytes=20_000_000)


class Impatient(httpx.AsyncHTTPTransport):
    """Sends requests over the network. If the server simulates a timeout, the request times out immediately."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if TIMEOUT_HEADER not in response.headers:
            return response
        await response.aclose()
        raise httpx.ReadTimeout("the server announces a timeout", request=request)


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """Collect the log messages."""
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(str(record.msg))

    setup("info")
    root = logging.getLogger()
    before, root.handlers = root.handlers, [Collect()]
    yield lines
    root.handlers = before


_COMPLETED = ("avepoint_jobs_completed_total", "avepoint_customer_backups_completed_total")
_JOBS_UP = ("avepoint_up", frozenset({("account", "tenant"), ("collector", "jobs")}))
_OF_LAST_JOBS = (
    "avepoint_last_job_start_timestamp_seconds",
    "avepoint_last_job_finish_timestamp_seconds",
    "avepoint_last_job_duration_seconds",
)
_MAY_BE_COMING = ("avepoint_subscription_", "avepoint_next_scheduled_")


class _Returned:
    """The numbers that the server has returned for each customer and field."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._numbers: dict[tuple[str, str], set[float]] = defaultdict(set)
        self._sizes: dict[object, float | None] = {**dict(SIZES), **dict(BOUGHT)}

    def lies(self, samples: Samples) -> list[str]:
        """Return each sample whose value the server has never returned for the sample's customer."""
        self._add_new()
        lies = []
        for (name, labels), value in samples.items():
            if not name.startswith(_WITH_FIELDS):
                continue
            named = dict(labels)
            wanted = _FIELDS.get(name) or _FIELDS.get(f"{name}/{named.get('storage')}")
            numbers = self._numbers[named.get("customer_id", ""), wanted or ""]
            if wanted is not None and value / _UNITS.get(name, 1) not in numbers:
                lies.append(f"{name} {named} {value}")
        return lies

    def _add_new(self) -> None:
        """Record the numbers that the server has returned since the last call."""
        values = self._simulator.returned_values
        assert values is not None
        for customer, key, value in values:
            number = self._number(value)
            if number is not None:
                self._numbers[customer, key[0].lower() + key[1:]].add(number)
        values.clear()

    def _number(self, value: object) -> float | None:
        if isinstance(value, str):
            size = self._sizes.get(value)
            return float(value) if size is None and value.isdigit() else size
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _impossible(samples: Samples, portfolio: StaticPortfolio) -> list[str]:
    """Return the samples that are impossible for this portfolio."""
    kinds = Counter((WORKLOADS[job.object_type - 1], JOB_TYPES[job.job_type - 1]) for job in portfolio.job_list)
    wrong = []
    shown = Counter[tuple[str, str]]()
    for (name, labels), value in samples.items():
        named = dict(labels)
        if value == FOREIGN_NUMBER:
            wrong.append(f"{name} {named} of another customer")
        if name.endswith("_timestamp_seconds") and not name.startswith(_MAY_BE_COMING) and value > NOW + 3600:
            wrong.append(f"{name} {named} in the future")
        if name == "avepoint_jobs" and "workload" in named and "job_type" in named:
            shown[named["workload"], named["job_type"]] += int(value)
    return wrong + [f"{kind}: {count} jobs" for kind, count in shown.items() if count > kinds[kind]]


def _not_the_last(samples: Samples, truth: Samples) -> list[str]:
    """If the collector of jobs is up, return the last-job samples whose values are wrong."""
    if samples.get(_JOBS_UP) != 1:
        return []
    return [
        f"{name} {dict(labels)} {value}"
        for (name, labels), value in samples.items()
        if name in _OF_LAST_JOBS and {"workload", "job_type"} <= dict(labels).keys() and ("account", "tenant") in labels
        if truth.get((name, labels)) != pytest.approx(value, rel=1e-12)
    ]


def _check_format(page: str, checked: set[str]) -> None:
    """Check the format of the lines that are not in `checked`, and add these lines to `checked`."""
    new = [line for line in page.split("\n") if line.startswith("#") or line not in checked]
    samples = [sample for family in text_string_to_metric_families("\n".join(new)) for sample in family.samples]
    assert len(samples) == sum(bool(line) and not line.startswith("#") for line in new)
    checked.update(new)


@pytest.mark.parametrize("api_versions", ["modern", "legacy"])
async def test_random_faults_cost_no_more_than_their_own_samples(
    api_versions: str, soak: bool, messages: list[str]
) -> None:
    rounds = 1000 if soak else 40
    portfolio = with_settings(random_portfolio(11, jobs=70, customers=12, whole_seconds=True), 11)
    simulator = Simulator(
        portfolio,
        now=lambda: NOW,
        switches=Switches(api_versions=api_versions),  # type: ignore[arg-type] # one of its literals
        faults=Faults(probability=0.2, kinds=FAULTS, seed=5, options=_OPTIONS),
        record_values=True,
    )
    truth = expected(portfolio, api_versions)
    with SimulatorServer(simulator) as server:
        async with world(simulator, url=server.url, transport=Impatient()) as seen:
            returned, checked = _Returned(simulator), set[str]()
            # Unreadable rows in the first refresh are accepted, so an older job may be shown as the last job.
            simulator.faults.probability = 0.0
            await seen.refresh("jobs")
            simulator.faults.probability = 0.2
            for _ in range(rounds):
                await seen.refresh()
                page = seen.text()
                _check_format(page, checked)
                samples = parsed(page)
                assert returned.lies(samples) == []
                assert _impossible(samples, portfolio) == []
                assert _not_the_last(samples, truth) == []
                assert "@" not in page
            simulator.faults.probability = 0.0
            seen.clock.advance(3600)
            assert await seen.refresh()
            shown = seen.of_avepoint()
            async with world(simulator, url=server.url) as undisturbed:
                await undisturbed.refresh()
                truth = undisturbed.of_avepoint()
                assert {key: shown.get(key) for key in truth if key[0] not in _COMPLETED} == {
                    key: value for key, value in truth.items() if key[0] not in _COMPLETED
                }
                # Counters include only jobs that ended after the first refresh, even if a fault hid a job at first.
                ends = [job.finish_unix_ns for job in portfolio.job_list]
                ends += [job.finish_unix_ns for job in portfolio.customer_job_list]
                recent = sum(end is None or end > (NOW - 300) * 10**9 for end in ends)
                for counter in _COMPLETED:
                    assert sum(value for (name, _), value in shown.items() if name == counter) <= recent
                    assert {key for key in truth if key[0] == counter} <= shown.keys()
    assert [line for line in messages if "unexpectedly" in line or "duplicate series dropped" in line] == []


async def test_two_accounts_never_show_each_others_customers(soak: bool) -> None:
    deadline = time.monotonic() + (600 if soak else 2)
    ours = random_portfolio(1, jobs=0, customers=100)
    theirs = random_portfolio(2, jobs=0, customers=100)
    first, second = (Simulator(portfolio, now=lambda: NOW) for portfolio in (ours, theirs))
    async with world(first) as one, world(second) as other:
        rounds = 0
        while rounds < 3 or time.monotonic() < deadline:
            await asyncio.gather(one.refresh(), other.refresh())
            for seen, portfolio in ((one, ours), (other, theirs)):
                customers = {customer.id for customer in portfolio.customer_list}
                shown = {dict(labels).get("customer_id") for _, labels in seen.of_avepoint()} - {None}
                assert shown == customers
            rounds += 1
        print(f"{rounds} refreshes of two accounts with 100 customers each")  # noqa: T201 - shows the result
