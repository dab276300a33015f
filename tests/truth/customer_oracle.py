"""Create random jobs of customers, and compute the expected samples from these jobs alone."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from avepoint_simulator.data.records import CustomerJob

if TYPE_CHECKING:
    from tests.truth.oracle import Add

WORKLOADS = {
    302: "SharePoint Online", 303: "Exchange Online", 304: "Microsoft 365 Groups", 305: "OneDrive",
    306: "Project Online", 307: "Public Folder", 308: "Teams", 309: "Teams Chat", 310: "Power BI",
    311: "Power Automate", 312: "Power Apps", 402: "Viva Engage", 0: "", 8: "Archiver", 10: "",
}  # fmt: skip
PRODUCTS = {
    7: ("Microsoft 365", WORKLOADS),
    10: ("Google Workspace", {501: "Gmail"}),
    11: ("Google Workspace", {501: "Gmail", 504: "Drive", 0: ""}),
    12: ("IaaS + PaaS", {356: "Azure Virtual Machine", 361: "Amazon EC2"}),
    15: ("Salesforce", {0: ""}),
    16: ("Dynamics 365", {550: "Dynamics CRM", 401: "Dynamics 365"}),
}
"""Name and modules of each product by job type."""
STATES = (
    "none", "in_progress", "finished", "failed", "finished_with_exception", "skipped", "pending", "failed_to_start",
    "canceled", "rejected", "stopped", "not_scanned", "disabled", "not_started", "waiting_for_configuration",
)  # fmt: skip
OVER = (2, 3, 4, 5, 7, 8, 9, 10)
UNIT = 10**9


def random_customer_jobs(seed: int, customers: Iterable[str], now: float) -> tuple[CustomerJob, ...]:
    """Return random jobs of customers.

    A module has zero or more jobs. Some jobs are scans or belong to other products.
    """
    random = Random(f"{seed}:customers' jobs")
    return tuple(job for customer in customers for job in _of_customer(random, customer, now))


def _of_customer(random: Random, customer: str, now: float) -> list[CustomerJob]:
    if random.random() < 0.1:
        return []
    jobs = [CustomerJob(customer_id=customer, job_type=0, job_module=0, status=random.randrange(15))]
    for module in random.sample(list(WORKLOADS), random.randrange(1, len(WORKLOADS) + 1)):
        if random.random() < 0.2:
            waiting = random.choice([0, 6, 11, 12, 13, 14])
            jobs.append(CustomerJob(customer_id=customer, job_type=7, job_module=module, status=waiting))
            continue
        starts = random.sample(range(int(now) - 90_000, int(now) - 9000), random.randrange(1, 4))
        jobs += [_job(random, customer, 7, module, start) for start in starts]
    jobs.append(_job(random, customer, 10, 501, int(now) - 9077))
    for number in random.sample([11, 12, 15, 16], random.randrange(5)):
        for module in random.sample(sorted(PRODUCTS[number][1]), random.randrange(1, len(PRODUCTS[number][1]) + 1)):
            names = ["server-1", "server-2", "server-3"][: random.randrange(1, 4)] if number == 12 else [None]
            starts = random.sample(range(int(now) - 90_000, int(now) - 9000), len(names))
            jobs += [
                replace(_job(random, customer, number, module, start), name=name)
                for name, start in zip(names, starts, strict=True)
            ]
    return jobs


def _job(random: Random, customer: str, job_type: int, module: int, start: int) -> CustomerJob:
    status = random.choice([2] * 6 + [1, 3, 4, 5, 6, 7, 8, 9, 10])
    successful, failed, skipped, warning = (random.randrange(1000) for _ in range(4))
    return CustomerJob(
        customer_id=customer,
        job_type=job_type,
        job_module=module,
        status=status,
        id=f"FB{random.getrandbits(60)}",
        start_unix_ns=start * UNIT,
        finish_unix_ns=(start + random.randrange(1, 9000)) * UNIT if status in OVER else None,
        total_objects=successful + failed + skipped + warning,
        successful_objects=successful,
        failed_objects=failed,
        skipped_objects=skipped,
        warning_objects=warning,
    )


def expect_customer_jobs(add: "Add", jobs: Iterable[CustomerJob], *, every_job: bool) -> None:
    """Add the samples of these jobs. If `every_job` is false, AvePoint lists only the last job of each module."""
    modules: dict[tuple[str, int, int, str | None], list[CustomerJob]] = defaultdict(list)
    for job in jobs:
        if job.job_type == 0:
            add(
                "customer_scan_status",
                1,
                account="partner",
                customer_id=job.customer_id,
                product="Microsoft 365",
                status=STATES[int(job.status)],
            )
        elif job.job_type in PRODUCTS:
            modules[job.customer_id, job.job_type, int(job.job_module), job.name].append(job)
    kinds: dict[tuple[str, str, str, str], list[CustomerJob]] = defaultdict(list)
    for (customer, number, module, _), of_module in modules.items():
        newest = max(of_module, key=lambda job: job.start_unix_ns or 0)
        job_type = "retention" if module == 10 else "backup"
        product, workloads = PRODUCTS[number]
        kinds[customer, product, workloads[module], job_type] += of_module if every_job else [newest]
    for (customer, product, workload, job_type), listed in kinds.items():
        who = {"account": "partner", "customer_id": customer}
        what = {**who, "product": product, "workload": workload, "job_type": job_type}
        _expect_kind(add, listed, what)
    counted = {
        customer
        for (customer, _, _, job_type), listed in kinds.items()
        if job_type == "backup" and any(job.start_unix_ns is not None for job in listed)
    }
    for customer in counted:
        for result in ("success", "failure"):
            add("customer_backups_completed_total", 0, account="partner", customer_id=customer, result=result)


def _expect_kind(add: "Add", jobs: list[CustomerJob], what: dict[str, str]) -> None:
    newest = max(jobs, key=lambda job: job.start_unix_ns or 0)
    add("last_job_state", 1, **what, state=STATES[int(newest.status)])
    if newest.start_unix_ns is None:
        return
    add("last_job_start_timestamp_seconds", newest.start_unix_ns / UNIT, **what)
    for state in ("finished", "failed", "finished_with_exception"):
        add("jobs_completed_total", 0, **what, state=state)
    running = [job.start_unix_ns for job in jobs if job.status == 1 and job.start_unix_ns is not None]
    add("oldest_running_job_start_timestamp_seconds", min(running) / UNIT if running else None, **what)
    # A module may have several servers. Find the last success of each server. The earliest of these times is the last
    # success of the module.
    names: dict[str | None, list[int]] = defaultdict(list)
    for job in jobs:
        names[job.name] += [job.finish_unix_ns] if job.status == 2 and job.finish_unix_ns is not None else []
    successes = [max(finishes, default=None) for finishes in names.values()]
    worst = None if None in successes else min(one for one in successes if one is not None)
    add("last_success_timestamp_seconds", None if worst is None else worst / UNIT, **what)
    ended = [job for job in jobs if job.finish_unix_ns is not None]
    if ended:
        last = max(ended, key=lambda job: job.start_unix_ns or 0)
        assert last.start_unix_ns is not None
        assert last.finish_unix_ns is not None
        add("last_job_finish_timestamp_seconds", last.finish_unix_ns / UNIT, **what)
        add("last_job_duration_seconds", (last.finish_unix_ns - last.start_unix_ns) / UNIT, **what)
        for result in ("successful", "failed", "skipped", "warning"):
            add("last_job_objects", getattr(last, f"{result}_objects"), **what, result=result)
