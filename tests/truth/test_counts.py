"""Despite random faults, the exporter never counts a job twice or before the job is completed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.data.records import CustomerJob, JobRecord
from avepoint_simulator.faults import FAULTS, Faults
from avepoint_simulator.switches import Switches
from avepoint_simulator.tokens import AppCredentials
from exporter.collectors.registry import catalogue
from exporter.config.load import parse_config
from tests.helpers import FakeClock, Samples, World
from tests.truth.oracle import JOB_TYPES, NOW, WORKLOADS, random_portfolio
from tests.truth.world import CONFIG, INSIDE

UNIT = 10**9
# The test omits faults that need a connection. It also omits faults that change the name or the module of a job.
KINDS = tuple(
    kind for kind in FAULTS if kind not in ("timeout", "cut", "gzip_bomb", "conflicting_row", "odd_text", "long_text")
)
MODULES = {302: "SharePoint Online", 303: "Exchange Online", 308: "Teams"}
Kind = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingPortfolio(StaticPortfolio):
    """A portfolio whose jobs start and end as time passes."""

    def jobs(self, now: float, /) -> Sequence[JobRecord]:
        started = [job for job in self.job_list if job.start_unix_ns <= now * UNIT]
        shown = [job if _end(job) <= now * UNIT else replace(job, state=1, finish_unix_ns=None) for job in started]
        return sorted(shown, key=lambda job: job.start_unix_ns, reverse=True)

    def customer_jobs(self, customer_id: str, now: float, /) -> Sequence[CustomerJob] | None:
        own = [job for job in self.customer_job_list if job.customer_id == customer_id]
        started = [job for job in own if (job.start_unix_ns or 0) <= now * UNIT]
        return [job if _end(job) <= now * UNIT else replace(job, status=1, finish_unix_ns=None) for job in started]


def _end(job: JobRecord | CustomerJob) -> int:
    assert job.finish_unix_ns is not None
    return job.finish_unix_ns


def moving_portfolio(seed: int, rounds: int) -> MovingPortfolio:
    """Return a portfolio whose jobs start between one day before NOW and the last round."""
    random = Random(seed)
    still = random_portfolio(seed, jobs=0, customers=3)

    def times() -> dict[str, Any]:
        start = int(NOW) + random.randrange(-86_400, rounds * 600)
        return {"start_unix_ns": start * UNIT, "finish_unix_ns": (start + random.randrange(60, 5000)) * UNIT}

    jobs = [
        JobRecord(id=f"J{number}", job_type=random.choice((1, 1, 2)), object_type=random.choice((1, 2, 7)),
                  state=random.choice((2, 2, 3, 4)), **times())
        for number in range(60 + rounds)
    ]  # fmt: skip
    of_customers = [
        CustomerJob(id=f"C{number}", customer_id=random.choice(still.customer_list).id, job_type=7,
                    job_module=random.choice(sorted(MODULES)), status=random.choice((2, 2, 3, 4)), **times())
        for number in range(60 + rounds)
    ]  # fmt: skip
    return MovingPortfolio(
        customer_list=still.customer_list,
        job_list=tuple(jobs),
        customer_job_list=tuple(of_customers),
        license_record=still.license_record,
    )


def ended(portfolio: MovingPortfolio, now: float, since: Mapping[str, float]) -> Counter[Kind]:
    """Count the jobs that ended before or at `now`, per customer, workload and job type.

    Omit jobs that ended before or at `since[customer]`. The key "" represents the tenant account.
    """

    def counts(customer_id: str, job: JobRecord | CustomerJob) -> bool:
        return since.get(customer_id, now) * UNIT < _end(job) <= now * UNIT

    found = Counter(
        ("", WORKLOADS[job.object_type - 1], JOB_TYPES[job.job_type - 1])
        for job in portfolio.job_list
        if counts("", job)
    )
    return found + Counter(
        (job.customer_id, MODULES[int(job.job_module)], "backup")
        for job in portfolio.customer_job_list
        if counts(job.customer_id, job)
    )


def read_by_now(samples: Samples) -> set[str]:
    """Return the customers whose jobs the exporter has read. The key "" represents the tenant account."""
    found = {
        dict(labels)["customer_id"]
        for (name, labels), value in samples.items()
        if (name.startswith(("avepoint_last_job_", "avepoint_jobs_completed_")) and "customer_id" in dict(labels))
        or (name == "avepoint_customer_up" and value == 1 and ("collector", "customer_jobs") in labels)
    }
    return found | {"" for name, _ in samples if name == "avepoint_jobs_window_seconds"}


def counted(samples: Samples) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: value for (name, labels), value in samples.items() if name == "avepoint_jobs_completed_total"}


def by_kind(counts: dict[frozenset[tuple[str, str]], float]) -> Counter[Kind]:
    found: Counter[Kind] = Counter()
    for labels, value in counts.items():
        named = dict(labels)
        found[named.get("customer_id", ""), named.get("workload", ""), named.get("job_type", "")] += int(value)
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("version", ["modern", "legacy"])
@pytest.mark.parametrize("seed", [3, 8])
async def test_each_job_counts_once_whatever_the_faults(version: Any, seed: int, soak: bool) -> None:
    rounds = 1000 if soak else 40
    portfolio = moving_portfolio(seed, rounds)
    clock = FakeClock(NOW)
    simulator = Simulator(
        portfolio,
        now=clock.time,
        switches=Switches(api_versions=version, customer_jobs="all"),
        faults=Faults(probability=0.2, kinds=KINDS, seed=seed + 4),
    )
    text = CONFIG.format(url=INSIDE, app=AppCredentials(), page_size=50, deadline="30s")
    seen = World(clock=clock, transport=lambda: httpx.ASGITransport(app=simulator.asgi))
    await seen.accounts.apply(parse_config(text, catalogue(), source="test", directory=Path()), start=False)
    before: dict[frozenset[tuple[str, str]], float] = {}
    # The exporter counts jobs that end after the first successful refresh. The time of this refresh is between
    # `earliest` and `latest`.
    everyone = {"", *(customer.id for customer in portfolio.customer_list)}
    earliest, latest = dict[str, float](), dict[str, float]()
    now, most = clock.time(), Counter[Kind]()
    for number in range(rounds + 5):
        if number == rounds:
            simulator.faults.probability = 0.0
        began = clock.time()
        await seen.refresh()
        samples, now = seen.samples(), clock.time()
        for customer in read_by_now(samples) - earliest.keys():
            earliest[customer], latest[customer] = began, now
        counts, most = counted(samples), ended(portfolio, now, earliest)
        # While the customer list does not contain a customer, the series of the customer are absent.
        assert {labels: value for labels, value in counts.items() if value < before.get(labels, 0)} == {}
        kinds = by_kind(counts)
        assert {
            kind: (count, most[kind]) for kind, count in kinds.items() if count > most[kind] and all(kind[1:])
        } == {}
        assert sum(kinds.values()) <= sum(most.values())
        before |= counts
        clock.advance(300)
    assert earliest.keys() >= everyone
    least, kinds = ended(portfolio, now, latest), by_kind(before)
    assert {
        kind: (least[kind], kinds[kind], most[kind])
        for kind in {*most, *kinds}
        if not least[kind] <= kinds[kind] <= most[kind]
    } == {}
    assert sum(most.values()) - sum(least.values()) <= 2, "few jobs end during a first refresh"
    await seen.accounts.stop()
