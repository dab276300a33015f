"""Create a random portfolio, and compute the expected samples from its records, without the exporter's code."""

import itertools
from collections import defaultdict
from random import Random
from typing import Protocol

from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.data.records import CustomerRecord, JobError, JobRecord, LicenseRecord, ProtectedRow, Tenant
from tests.truth.customer_oracle import expect_customer_jobs, random_customer_jobs
from tests.truth.details_oracle import expect_details, random_details
from tests.truth.protected_oracle import MODULES, SIZES, expect_protected
from tests.truth.subscriptions import expect_subscriptions, random_subscriptions

NOW = 1_795_000_000.0
DAY = 86_400
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

GB = 1024**3
WORKLOADS = (
    "Exchange Online", "SharePoint Online", "OneDrive", "Microsoft 365 Groups", "Project Online", "Public Folder",
    "Teams", "Viva Engage", "Teams Chat", "Power BI", "Power Automate", "Power Apps",
)  # fmt: skip
JOB_TYPES = ("backup", "restore", "export", "delete", "retention")
STATES = ("in_progress", "finished", "failed", "finished_with_exception", "partially_finished")
STATUSES = (None, "working", "failed", "waiting_for_configuration", "multiple_issues_found",
            "finished_with_exception", "no_backup_updates")  # fmt: skip
MODES = ("customer", "partner", "to_be_configured")
SERVICES = ("Cloud Backup for Microsoft 365", "Cloud Backup for Microsoft 365 Express")


class Add(Protocol):
    """Add a sample if its value is not None."""

    def __call__(self, name: str, value: float | None, /, **labels: str) -> None: ...


def random_portfolio(seed: int, *, jobs: int, customers: int, whole_seconds: bool = False) -> StaticPortfolio:
    """Return a random portfolio. With `whole_seconds`, jobs start and finish at whole seconds."""
    random = Random(seed)
    people = [_customer(random, number) for number in range(customers)]
    rows = [row for customer in people for row in _rows(random, customer)]
    return StaticPortfolio(
        customer_list=tuple(people),
        rows=tuple(rows),
        subscription_list=random_subscriptions(seed, people),
        tenant_list=random_details(seed, people, NOW),
        customer_job_list=random_customer_jobs(seed, [customer.id for customer in people], NOW),
        job_list=tuple(_job(random, number, whole_seconds=whole_seconds) for number in range(jobs)),
        license_record=LicenseRecord(
            purchased_user_seats=random.randrange(5000),
            assigned_user_seats=random.randrange(5000),
            purchased_storage_gb=random.randrange(100_000),
            protected_gb=random.randrange(100_000),
            out_of_policy_unix_ns=random.choice([None, int(NOW - 3 * DAY) * 10**9]),
        ),
    )


def _customer(random: Random, number: int) -> CustomerRecord:
    identifier = f"{random.getrandbits(64):016x}-{number}"
    organization = random.choice([f"Org {number}", f'The "{number}" \\ Company', "Ünïcode & Söhne"])
    country, status = random.choice(["Iceland", "Peru"]), random.randrange(7)
    return CustomerRecord(
        id=identifier,
        organization=organization,
        owner_email=f"owner{number}@example.com",
        country=country,
        job_status=status,
        management_mode=number % 3,
        tenants=tuple(
            Tenant(id=f"{random.getrandbits(64):016x}", name=random.choice(["contoso.example.com", "Ünïcode", ""]))
            for _ in range(random.choice([1, 1, 2, 3]))
        ),
    )


def _rows(random: Random, customer: CustomerRecord) -> list[ProtectedRow]:
    services = random.choice([(), SERVICES[:1], SERVICES])
    rows = []
    for tenant, service in itertools.product(customer.tenants, services):
        most = len(MODULES) if len(customer.tenants) == 1 else 3
        for module in random.sample(list(MODULES), random.randrange(1, most + 1)):
            scanned = random.randrange(100_000)
            rows.append(
                ProtectedRow(
                    customer_id=customer.id,
                    owner_email=customer.owner_email,
                    service_type=service,
                    service_module=module,
                    scanned_objects=scanned,
                    protected_objects=random.randrange(scanned + 1),
                    avepoint_bytes=random.choice(SIZES)[0],
                    byos_bytes=random.choice(SIZES)[0],
                    tenant_id=tenant.id,
                    last_run_unix_ns=random.choice([None, (int(NOW) - random.randrange(90_000)) * 10**9]),
                )
            )
    return rows


def _job(random: Random, number: int, *, whole_seconds: bool) -> JobRecord:
    # Times have a resolution of 100 ns, as in AvePoint. With this resolution, no two jobs start at the same time.
    unit = 10**7 if whole_seconds else 1
    start = (int((NOW - 3 * 3600 - random.random() * 0.8 * DAY) * 10**7) // unit) * unit
    state = random.choice([2] * 6 + [1, 3, 4, 5])
    length = random.randrange(1, 3 * 3600 * 10**7 // unit) * unit
    successful, failed, skipped = (random.randrange(1000) for _ in range(3))
    return JobRecord(
        id=f"FB{number:05}{random.getrandbits(40)}",
        job_type=random.choice([1, 1, 1, 2, 3, 4, 5]),
        object_type=random.randrange(1, 13),
        state=state,
        start_unix_ns=start * 100,
        finish_unix_ns=None if state == 1 else (start + length) * 100,
        total_objects=successful + failed + skipped,
        successful_objects=successful,
        failed_objects=failed,
        skipped_objects=skipped,
        errors=tuple(
            JobError(value=f"owner{number}@example.com failed", number=random.randrange(99), is_error_code=has_code)
            for has_code in random.choices([True, False], k=random.randrange(4))
        ),
    )


def expected(
    portfolio: StaticPortfolio, api_versions: str = "modern", *, every_job: bool = False, with_tenants: bool = True
) -> Samples:
    """Return every sample of the portfolio, for the accounts "tenant" and "partner"."""
    samples: Samples = {}

    def add(name: str, value: float | None, /, **labels: str) -> None:
        if value is not None:
            key = (f"avepoint_{name}", frozenset((label, text) for label, text in labels.items() if text))
            assert key not in samples, key
            samples[key] = value

    for customer in portfolio.customer_list:
        _expect_customer(add, customer, is_modern=api_versions != "legacy")
    expect_protected(add, portfolio.rows, with_tenants=api_versions != "legacy" and with_tenants)
    expect_subscriptions(add, portfolio.subscription_list, only_days=api_versions == "legacy")
    expect_details(add, portfolio.tenant_list if api_versions != "legacy" else ())
    expect_customer_jobs(add, portfolio.customer_job_list, every_job=every_job)
    license_ = portfolio.license_record
    assert license_ is not None
    add("license_purchased_seats", license_.purchased_user_seats, account="tenant")
    add("license_assigned_seats", license_.assigned_user_seats, account="tenant")
    add("license_purchased_storage_bytes", license_.purchased_storage_gb * GB, account="tenant")
    add("license_protected_bytes", license_.protected_gb * GB, account="tenant")
    since = license_.out_of_policy_unix_ns
    add("license_out_of_policy", 0 if since is None else 1, account="tenant")
    add("license_out_of_policy_timestamp_seconds", None if since is None else since / 10**9, account="tenant")
    add("jobs_window_seconds", DAY, account="tenant")
    kinds: dict[tuple[str, str], list[JobRecord]] = defaultdict(list)
    for job in portfolio.job_list:
        kinds[WORKLOADS[job.object_type - 1], JOB_TYPES[job.job_type - 1]].append(job)
    for (workload, job_type), jobs in kinds.items():
        what = {"account": "tenant", "product": "Microsoft 365", "workload": workload, "job_type": job_type}
        for code, state in enumerate(STATES, 1):
            add("jobs", sum(job.state == code for job in jobs), **what, state=state)
            # The exporter does not count jobs that completed before the first refresh.
            add("jobs_completed_total", None if state == "in_progress" else 0, **what, state=state)
        _expect_last(add, jobs, what)
        if api_versions != "legacy":
            _expect_errors(add, jobs, what)
    for result in ("success", "failure") if any(job_type == "backup" for _, job_type in kinds) else ():
        add("customer_backups_completed_total", 0, account="tenant", result=result)
    return samples


def _expect_customer(add: Add, customer: CustomerRecord, *, is_modern: bool) -> None:
    who = {"account": "partner", "customer_id": customer.id}
    add("customer_info", 1, **who, organization=customer.organization, country=customer.country)
    status = STATUSES[customer.job_status]
    add("customer_status", None if status is None else 1, **who, status=status or "")
    if is_modern:
        add("customer_management_mode", 1, **who, mode=MODES[customer.management_mode])
        for tenant in customer.tenants:
            add("customer_tenant_info", 1, **who, tenant_id=tenant.id, tenant=tenant.name)


def _expect_errors(add: Add, jobs: list[JobRecord], what: dict[str, str]) -> None:
    ended = [job for job in jobs if job.finish_unix_ns is not None]
    if ended:
        last = max(ended, key=lambda job: job.start_unix_ns)
        for has_code in (True, False):
            number = sum(error.number for error in last.errors if error.is_error_code is has_code)
            add("last_job_errors", number, **what, has_code=str(has_code).lower())


def _expect_last(add: Add, jobs: list[JobRecord], what: dict[str, str]) -> None:
    newest = max(jobs, key=lambda job: job.start_unix_ns)
    add("last_job_start_timestamp_seconds", newest.start_unix_ns / 10**9, **what)
    add("last_job_state", 1, **what, state=STATES[int(newest.state) - 1])
    running = [job.start_unix_ns for job in jobs if job.state == 1]
    add("oldest_running_job_start_timestamp_seconds", min(running) / 10**9 if running else None, **what)
    successes = [job.finish_unix_ns for job in jobs if job.state == 2 and job.finish_unix_ns is not None]
    add("last_success_timestamp_seconds", max(successes) / 10**9 if successes else None, **what)
    ended = [job for job in jobs if job.finish_unix_ns is not None]
    if ended:
        last = max(ended, key=lambda job: job.start_unix_ns)
        assert last.finish_unix_ns is not None
        add("last_job_finish_timestamp_seconds", last.finish_unix_ns / 10**9, **what)
        add("last_job_duration_seconds", (last.finish_unix_ns - last.start_unix_ns) / 10**9, **what)
        for result in ("successful", "failed", "skipped"):
            add("last_job_objects", getattr(last, f"{result}_objects"), **what, result=result)
