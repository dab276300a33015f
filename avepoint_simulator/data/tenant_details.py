"""Details of each customer's Microsoft 365 tenants, generated from the seed and the time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from random import Random
from typing import Final

from avepoint_simulator.data.customers import WITHOUT_PRODUCT
from avepoint_simulator.data.records import (
    CustomerRecord,
    DetectionRecord,
    ScanProfileRecord,
    Tenant,
    TenantDetails,
    UserRecord,
)
from avepoint_simulator.data.scenarios import Condition, Scenario, conditions
from avepoint_simulator.data.timeline import HOUR, Timeline

DETECTION_KINDS: Final = ("teams", "sharePointSites", "oneDrives", "groups")
_MAILBOX, _ONEDRIVE = 0, 2
_FINISHED, _FAILED = 2, 3
_SCAN_SECONDS: Final = 8 * HOUR
_UNLICENSED: Final = 4
"""In the scenario `varied`, every fourth customer has no license for ransomware detection."""


def details_of(
    seed: int, number: int, customer: CustomerRecord, timeline: Timeline, now: float, scenario: Scenario = "varied"
) -> Sequence[TenantDetails]:
    """Return the details of each tenant of customer `number`."""
    found = conditions(scenario, seed, number)
    scans = timeline.schedule_seconds(now) // _SCAN_SECONDS
    last_scan = timeline.wall_ns(scans * _SCAN_SECONDS)
    is_licensed = scenario != "varied" or number % _UNLICENSED != _UNLICENSED - 1
    return tuple(
        _details(Random(f"{seed}:{tenant.id}"), customer.id, tenant, last_scan, found, is_licensed)
        if number != WITHOUT_PRODUCT
        else TenantDetails(customer_id=customer.id, tenant=tenant)
        for tenant in customer.tenants
    )


def _details(
    source: Random,
    customer_id: str,
    tenant: Tenant,
    last_scan: int,
    found: frozenset[Condition],
    is_licensed: bool,  # noqa: FBT001 - only code in this module calls the function
) -> TenantDetails:
    users = _users(source, tenant, source.uniform(0.25, 0.4) if "users unprotected" in found else 0.02)
    return TenantDetails(
        customer_id=customer_id,
        tenant=tenant,
        users=users,
        scan_profiles=_scan_profiles(source, last_scan, _FAILED if "scan failed" in found else _FINISHED),
        consents=("consent missing" not in found,),
        detections=_detections(source, found) if is_licensed else None,
        assigned_seats=len(users),
        available_seats=source.randint(0, 25),
    )


def _users(source: Random, tenant: Tenant, unprotected: float) -> tuple[UserRecord, ...]:
    count = int(source.lognormvariate(3.6, 0.7)) + 5
    return tuple(
        UserRecord(
            id=str(uuid.UUID(int=source.getrandbits(128), version=4)),
            email=f"user{number}@{tenant.name}",
            display_name=f"User {number}",
            # The first users have no backup. The number of these users depends only on `unprotected`.
            modules=tuple((module, number >= int(count * unprotected)) for module in (_MAILBOX, _ONEDRIVE)),
        )
        for number in range(count)
    )


def _scan_profiles(source: Random, last_scan: int, status: int) -> tuple[ScanProfileRecord, ...]:
    names = ("Default", "Executives")[: source.choice((1, 1, 1, 2))]
    return tuple(
        ScanProfileRecord(
            id=str(uuid.UUID(int=source.getrandbits(128), version=4)),
            name=name,
            status=status if name == "Default" else _FINISHED,
            update_unix_ns=last_scan,
            registered=source.randint(0, 12),
            moved=source.randint(0, 3),
            removed=source.randint(0, 4),
        )
        for name in names
    )


def _detections(source: Random, found: frozenset[Condition]) -> tuple[DetectionRecord, ...]:
    if "ransomware" not in found:
        return tuple(DetectionRecord(kind=kind) for kind in DETECTION_KINDS)
    attacked = {"oneDrives": source.randint(1, 4), "sharePointSites": source.randint(0, 2)}
    return tuple(
        DetectionRecord(
            kind=kind, ransomware=attacked.get(kind, 0), unusual=2 * attacked.get(kind, 0), suspicious=len(kind) % 2
        )
        for kind in DETECTION_KINDS
    )
