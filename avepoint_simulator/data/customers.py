"""Customers and their protected data, generated from the seed and the time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from random import Random
from typing import Final

from avepoint_simulator.data import company_names
from avepoint_simulator.data.records import CustomerRecord, ProtectedRow, Tenant
from avepoint_simulator.data.scenarios import Scenario, conditions
from avepoint_simulator.data.timeline import DAY, HOUR, MINUTE, Timeline
from avepoint_simulator.data.vocabulary import CLOUD_BACKUP, CLOUD_BACKUP_EXPRESS, SERVICE_MODULES

WITHOUT_PRODUCT: Final = 2
"""Number of the customer that has no backup product."""
_MANY: Final = 20
_TWO_TENANTS: Final = 25
"""Every 25th customer has two Microsoft 365 tenants."""
# Among the first twenty customers, each status code occurs at least once. Most customers have code 1.
_STATUSES: Final = (1, 1, 0, 1, 2, 1, 5, 1, 4, 1, 3, 1, 6, 1, 1, 1, 1, 5, 1, 1)
_WORKING, _FAILED = 1, 2
_SCAN_SECONDS: Final = 15 * MINUTE
_STATUS_SECONDS: Final = 6 * HOUR
_EARLIEST_DAYS: Final = -8.0
# The mean number of objects in each workload, and the mean size of an object in KiB. The workloads have the same order
# as the ObjectType codes.
_OBJECTS: Final = (420, 95, 400, 130, 6, 12, 110, 30, 380, 24, 60, 35)
_OBJECT_KIB: Final = (3_100_000, 9_400_000, 6_200_000, 2_700_000, 900_000, 450_000, 1_900_000, 120_000, 45_000,
                      260_000, 900, 4_200)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _RowPlan:
    """The initial values and the daily growth of one row of protected data."""

    service_type: str
    service_module: str
    scanned: float
    growth_per_day: float
    protected_share: float
    object_bytes: int
    byos_share: float | None

    tenant: int = 0

    def at(self, customer: CustomerRecord, days: float, last_run_unix_ns: int) -> ProtectedRow:
        scanned = int(self.scanned * (1 + self.growth_per_day * days))
        # If this number were rounded down, a protected object could seem unprotected.
        protected = ceil(scanned * self.protected_share)
        size = int(self.scanned * (1 + self.growth_per_day * days) * self.protected_share * self.object_bytes)
        byos = None if self.byos_share is None else int(size * self.byos_share)
        return ProtectedRow(
            customer_id=customer.id,
            owner_email=customer.owner_email,
            service_type=self.service_type,
            service_module=self.service_module,
            scanned_objects=scanned,
            protected_objects=protected,
            avepoint_bytes=None if self.byos_share == 1 else size - (byos or 0),
            byos_bytes=byos,
            tenant_id=customer.tenants[self.tenant].id,
            last_run_unix_ns=last_run_unix_ns,
        )


class CustomerBook:
    """All customers of the simulated partner."""

    def __init__(self, seed: int, count: int, timeline: Timeline, scenario: Scenario = "varied") -> None:
        self._seed = seed
        self._scenario = scenario
        self._timeline = timeline
        self._base = tuple(_customer(seed, number, scenario) for number in range(count))
        self._numbers = {customer.id: number for number, customer in enumerate(self._base)}
        self._plans: dict[int, tuple[_RowPlan, ...]] = {}
        self._current: tuple[int, tuple[CustomerRecord, ...]] = (-1, self._base)

    def customers(self, now: float) -> Sequence[CustomerRecord]:
        """Return all customers. Each customer has its job status at `now`."""
        slot = int(self._timeline.schedule_seconds(now) // _STATUS_SECONDS)
        known, customers = self._current
        if known != slot:
            customers = tuple(self._with_status(customer, n, slot) for n, customer in enumerate(self._base))
            self._current = (slot, customers)
        return customers

    def number(self, customer_id: str) -> int | None:
        """Return the number of the customer with this id, or None if the customer is unknown."""
        return self._numbers.get(customer_id)

    def protected_rows(self, customer_id: str, now: float) -> Sequence[ProtectedRow] | None:
        """Return the protected data of a customer at `now`, or None if the customer is unknown."""
        number = self._numbers.get(customer_id)
        if number is None:
            return None
        scans = self._timeline.schedule_seconds(now) // _SCAN_SECONDS
        days = max(scans * _SCAN_SECONDS / DAY, _EARLIEST_DAYS)
        customer = self._base[number]
        last_run = self._timeline.wall_ns(scans * _SCAN_SECONDS)
        return tuple(plan.at(customer, days, last_run) for plan in self._plan(number))

    def object_types(self, number: int) -> tuple[int, ...]:
        """Return the ObjectType codes of a customer's backups, or () if the customer has no backup product."""
        spelled = {row.service_module for row in self._plan(number)}
        return tuple(kind for kind, spellings in SERVICE_MODULES.items() if not spelled.isdisjoint(spellings))

    def _with_status(self, customer: CustomerRecord, number: int, slot: int) -> CustomerRecord:
        """Return the customer with its job status.

        In the scenario `varied`, every twentieth customer has job status 5 for a quarter of each day.
        """
        is_affected = self._scenario == "varied" and number % _MANY == _MANY - 1
        return replace(customer, job_status=5) if is_affected and (slot + number // _MANY) % 4 == 0 else customer

    def _plan(self, number: int) -> tuple[_RowPlan, ...]:
        plan = self._plans.get(number)
        if plan is None:
            plan = self._plans[number] = _row_plans(self._seed, number, self._scenario)
        return plan


def _customer(seed: int, number: int, scenario: Scenario) -> CustomerRecord:
    source = Random(f"{seed}:customer:{number}")
    organization = company_names.organization(number + seed % 1_000)
    name = organization.split()[0].lower()
    tenant = Tenant(id=_new_id(source), name=f"{name}.example.com")
    return CustomerRecord(
        id=_new_id(source),
        organization=organization,
        owner_email=company_names.owner_email(number + seed % 1_000),
        country=company_names.country(number),
        job_status=_status(seed, number, scenario),
        management_mode=source.choice((0, 0, 1)),
        tenants=(tenant, Tenant(id=str(uuid.UUID(int=number)), name=f"{name}-2.example.com"))
        if number % _TWO_TENANTS == _TWO_TENANTS - 1
        else (tenant,),
    )


def _new_id(source: Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def _status(seed: int, number: int, scenario: Scenario) -> int:
    if scenario == "varied":
        return _STATUSES[number % len(_STATUSES)]
    return _FAILED if "status failed" in conditions(scenario, seed, number) else _WORKING


def _row_plans(seed: int, number: int, scenario: Scenario) -> tuple[_RowPlan, ...]:
    if number == WITHOUT_PRODUCT:
        return ()
    source = Random(f"{seed}:rows:{number}")
    seats = source.lognormvariate(0, 0.9)
    byos = source.choices((None, 1.0, 0.4), weights=(75, 15, 10))[0]
    kinds = sorted({1, 2, 3, *source.sample(range(4, 13), source.randint(0, 9))})
    is_unprotected = "unprotected" in conditions(scenario, seed, number)
    rows = [_row_plan(source, kind, seats, byos, _share(source, is_unprotected)) for kind in kinds]
    if number % 9 == 1:
        rows += [replace(row, service_type=CLOUD_BACKUP_EXPRESS, scanned=row.scanned / 5) for row in rows[:3]]
    if number % _TWO_TENANTS == _TWO_TENANTS - 1:
        rows += [replace(row, tenant=1, scanned=row.scanned / 3) for row in rows[:4]]
    return tuple(rows)


def _share(source: Random, is_unprotected: bool) -> float:  # noqa: FBT001 - only code in this module calls the function
    return source.uniform(0.6, 0.88) if is_unprotected else source.choice((1.0, 1.0, source.uniform(0.96, 1)))


def _row_plan(source: Random, kind: int, seats: float, byos: float | None, share: float) -> _RowPlan:
    spelling = SERVICE_MODULES[kind]
    return _RowPlan(
        service_type=CLOUD_BACKUP,
        service_module=spelling[0] if source.random() < 0.85 else spelling[-1],
        scanned=_OBJECTS[kind - 1] * seats * source.uniform(0.5, 1.6) + 1,
        growth_per_day=source.uniform(0.001, 0.008),
        protected_share=share,
        object_bytes=int(_OBJECT_KIB[kind - 1] * 1024 * source.uniform(0.3, 1.5)),
        byos_share=byos,
    )
