"""Create random details of customers' tenants, and compute the expected samples from these details alone."""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from avepoint_simulator.data.records import (
    CustomerRecord,
    DetectionRecord,
    ScanProfileRecord,
    TenantDetails,
    UserRecord,
)
from tests.truth.customer_oracle import STATES

if TYPE_CHECKING:
    from tests.truth.oracle import Add

MODULES = {0: "Exchange Online", 2: "OneDrive"}
KINDS = {
    "teams": "Teams", "sharePointSites": "SharePoint Online", "oneDrives": "OneDrive", "groups": "Microsoft 365 Groups",
}  # fmt: skip
PROFILES = ("Default", "Executives", 'The "other" \\ one', "Ünïcode", "")


def random_details(seed: int, customers: Iterable[CustomerRecord], now: float) -> tuple[TenantDetails, ...]:
    """Return details of every tenant."""
    random = Random(f"{seed}:details")
    return tuple(
        TenantDetails(
            customer_id=customer.id,
            tenant=tenant,
            users=tuple(_user(random) for _ in range(random.choice([0, 1, 2, 3, 4, 5, 6, 7, 100, 201]))),
            scan_profiles=tuple(_profile(random, name, now) for name in _names(random)),
            consents=tuple(random.choices([True, True, False], k=random.randrange(3))),
            detections=tuple(_detection(random, kind) for kind in KINDS),
            assigned_seats=random.choice([None, random.randrange(5000)]),
            available_seats=random.choice([None, random.randrange(5000)]),
        )
        for customer in customers
        for tenant in customer.tenants
    )


def _user(random: Random) -> UserRecord:
    identifier = f"{random.getrandbits(64):016x}"
    modules = random.choice([(), (0,), (2,), (0, 2), (0, 2), (0, 2)])
    return UserRecord(
        id=identifier,
        email=f"{identifier}@example.com",
        display_name=f"Person {identifier}",
        modules=tuple((module, random.random() < 0.8) for module in modules),
    )


def _names(random: Random) -> list[str]:
    return random.sample(PROFILES, random.randrange(len(PROFILES) + 1))


def _profile(random: Random, name: str, now: float) -> ScanProfileRecord:
    return ScanProfileRecord(
        id=f"{random.getrandbits(64):016x}",
        name=name,
        status=random.randrange(15),
        update_unix_ns=random.choice([None, (int(now) - random.randrange(90_000)) * 10**9]),
        registered=random.randrange(1000),
        moved=random.randrange(1000),
        removed=random.randrange(1000),
    )


def _detection(random: Random, kind: str) -> DetectionRecord:
    ransomware, unusual, suspicious = (random.choice([0, random.randrange(100)]) for _ in range(3))
    return DetectionRecord(kind=kind, ransomware=ransomware, unusual=unusual, suspicious=suspicious)


def expect_details(add: "Add", tenants: Iterable[TenantDetails]) -> None:
    """Add the samples of these tenants."""
    for one in tenants:
        where = {"account": "partner", "customer_id": one.customer_id, "tenant_id": one.tenant.id}
        users = Counter(state for user in one.users for state in user.modules)
        for module in {module for module, _ in users}:
            add("users", users[module, True], **where, workload=MODULES[module], state="protected")
            add("users", users[module, False], **where, workload=MODULES[module], state="unprotected")
        for profile in one.scan_profiles:
            label = profile.name or f"({profile.id})"
            add("scan_profile_status", 1, **where, profile=label, status=STATES[profile.status])
            updated = None if profile.update_unix_ns is None else profile.update_unix_ns / 10**9
            add("scan_profile_update_timestamp_seconds", updated, **where, profile=label)
            for change in ("registered", "moved", "removed"):
                add("scan_profile_objects", getattr(profile, change), **where, profile=label, change=change)
        if one.consents:
            add("app_consent", all(one.consents), **where)
        for found in one.detections or ():
            for name, value in (
                ("potential_ransomware_sites", found.ransomware),
                ("unusual_activity_sites", found.unusual),
                ("suspicious_object_sites", found.suspicious),
            ):
                add(name, value, **where, workload=KINDS[found.kind])
        add("microsoft_assigned_seats", one.assigned_seats, **where)
        add("microsoft_available_seats", one.available_seats, **where)
