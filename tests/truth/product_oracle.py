"""Create random Google Workspace and Salesforce jobs of a tenant, and compute the expected samples from these jobs."""

from collections import defaultdict
from dataclasses import replace
from random import Random

from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.data.records import GoogleJob, SalesforceJob
from tests.truth.oracle import DAY, NOW, Samples

GOOGLE_APPS = {
    1: "Gmail", 2: "Drive", 4: "Calendar", 8: "Contacts", 64: "Shared Drives", 128: "Google Classroom", 256: "Users",
    512: "Groups", 4096: "Chat", 8192: "Gmail (Vault)", 16384: "Drive (Vault)", 32768: "Shared Drives (Vault)",
    65536: "65536",
}  # fmt: skip
GOOGLE_TYPES = {
    1: "backup", 2: "restore", 3: "export", 4: "delete", 5: "retention", 6: "generate_report", 17: "17",
}  # fmt: skip
GOOGLE_STATES = {0: "in_progress", 2: "finished", 3: "failed", 7: "finished_with_exception", 4: "4"}
SALESFORCE_TYPES = {
    1: "backup", 2: "on_demand_backup", 3: "restore", 4: "pre_restore", 5: "compare", 6: "archive", 7: "simulation",
    8: "inactive_data_analysis", 9: "retention", 10: "discovery", 11: "backup_export", 12: "on_demand_export",
    13: "auto_export", 14: "data_cleanup", 15: "sandbox_seeding", 16: "generate_recovery_point",
    17: "continuous_data_protection", 18: "data_service", 19: "on_demand_data_service", 20: "backup", 21: "export",
    22: "auto_export", 23: "23",
}  # fmt: skip
SALESFORCE_STATES = {
    1: "in_progress", 2: "finished", 3: "finished_with_exception", 4: "failed", 5: "paused", 6: "stopped", 7: "skipped",
    8: "8",
}  # fmt: skip
STATES = ("in_progress", "finished", "failed", "finished_with_exception", "partially_finished")
UNIT = 10**9
Kind = tuple[str, str, str]
Job = tuple[GoogleJob | SalesforceJob, str]
"""A job and its state."""


def with_products(portfolio: StaticPortfolio, seed: int, *, jobs: int = 137) -> StaticPortfolio:
    """Return the portfolio with added Google Workspace and Salesforce jobs."""
    random = Random(f"{seed}:products")
    starts = random.sample(range(int(NOW) - 6 * DAY, int(NOW) - 3 * 3600), 2 * jobs)
    return replace(
        portfolio,
        google_job_list=tuple(_google(random, start) for start in starts[:jobs]),
        salesforce_job_list=tuple(_salesforce(random, start) for start in starts[jobs:]),
    )


def _google(random: Random, start: int) -> GoogleJob:
    status = random.choice([2, 2, 2, *GOOGLE_STATES])
    return GoogleJob(
        id=f"G{random.getrandbits(60)}",
        app_type=random.choice(list(GOOGLE_APPS)),
        job_type=random.choice([1, 1, 1, *GOOGLE_TYPES]),
        status=status,
        start_unix_ns=start * UNIT,
        finish_unix_ns=None if status == 0 else (start + random.randrange(1, 9000)) * UNIT,
    )


def _salesforce(random: Random, start: int) -> SalesforceJob:
    state = random.choice([2, 2, 2, *SALESFORCE_STATES])
    return SalesforceJob(
        id=f"S{random.getrandbits(60)}",
        type=random.choice([1, 1, 1, 1, *SALESFORCE_TYPES]),
        state=state,
        start_unix_ns=start * UNIT,
        finish_unix_ns=None if state in (1, 5) else (start + random.randrange(1, 9000)) * UNIT,
        organization_id=random.choice([None, "00D1", "00D2", "00D3"]),
        successful_records=random.randrange(10**9),
        failed_records=random.randrange(1000),
        skipped_records=random.randrange(1000),
    )


def expected_products(portfolio: StaticPortfolio) -> Samples:
    """Return all samples of these jobs for the account "tenant". The legacy API does not return these jobs."""
    samples: Samples = {}
    kinds: dict[Kind, list[Job]] = defaultdict(list)
    for google in portfolio.google_job_list or ():
        kind = "Google Workspace", GOOGLE_APPS[int(google.app_type)], GOOGLE_TYPES[int(google.job_type)]
        kinds[kind].append((google, GOOGLE_STATES[int(google.status)]))
    for salesforce in portfolio.salesforce_job_list or ():
        workload = "Audit Log" if salesforce.type in (20, 21, 22) else "Salesforce"
        kind = "Salesforce", workload, SALESFORCE_TYPES[int(salesforce.type)]
        kinds[kind].append((salesforce, SALESFORCE_STATES[int(salesforce.state)]))
    for (product, workload, job_type), jobs in kinds.items():
        what = {"account": "tenant", "product": product, "workload": workload, "job_type": job_type}
        _expect(samples, what, jobs)
    return samples


def _expect(samples: Samples, what: dict[str, str], jobs: list[Job]) -> None:
    def add(name: str, value: float | None, **labels: str) -> None:
        if value is not None:
            samples[f"avepoint_{name}", frozenset({**what, **labels}.items())] = value

    in_window = [state for job, state in jobs if job.start_unix_ns >= (NOW - DAY) * UNIT]
    for state in {*STATES, *in_window} if in_window else ():
        add("jobs", in_window.count(state), state=state)
    for state in ("finished", "failed", "finished_with_exception"):
        add("jobs_completed_total", 0, state=state)
    newest, state = max(jobs, key=lambda one: one[0].start_unix_ns)
    add("last_job_start_timestamp_seconds", newest.start_unix_ns / UNIT)
    add("last_job_state", 1, state=state)
    running = [job.start_unix_ns for job, state in jobs if state == "in_progress"]
    add("oldest_running_job_start_timestamp_seconds", min(running) / UNIT if running else None)
    # Find the last success of each organization. The earliest of these times is the last success of Salesforce.
    finishes: dict[str | None, list[int]] = defaultdict(list)
    for job, state in jobs:
        organization = job.organization_id if isinstance(job, SalesforceJob) else None
        finishes[organization] += [job.finish_unix_ns] if state == "finished" and job.finish_unix_ns else []
    worst = min(max(one, default=0) for one in finishes.values())
    add("last_success_timestamp_seconds", worst / UNIT if worst else None)
    ended = [job for job, _ in jobs if job.finish_unix_ns is not None]
    if not ended:
        return
    last = max(ended, key=lambda job: job.start_unix_ns)
    assert last.finish_unix_ns is not None
    add("last_job_finish_timestamp_seconds", last.finish_unix_ns / UNIT)
    add("last_job_duration_seconds", (last.finish_unix_ns - last.start_unix_ns) / UNIT)
    for result in ("successful", "failed", "skipped") if isinstance(last, SalesforceJob) else ():
        add("last_job_objects", getattr(last, f"{result}_records"), result=result)
