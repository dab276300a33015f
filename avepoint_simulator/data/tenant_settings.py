"""Settings and unusual activities of a tenant, generated from the seed and the time."""

from __future__ import annotations

import uuid
from math import ceil
from random import Random
from typing import Final

from avepoint_simulator.data import company_names
from avepoint_simulator.data.records import ActivityRecord, FrequencyRecord, RetentionRecord, ServiceRetention, unix_ns
from avepoint_simulator.data.scenarios import Scenario
from avepoint_simulator.data.tenant_schedule import BACKUPS, BackupPlan
from avepoint_simulator.data.timeline import DAY, HOUR
from avepoint_simulator.data.vocabulary import SERVICE_TYPES

_EXCHANGE: Final = 0
_SHAREPOINT: Final = 1
_ONEDRIVE: Final = 2
_GROUPS: Final = 3
_POWER_AUTOMATE: Final = 12
_USUAL: Final = "1 years"
# Columns: workload, hours between detection and start, number of unusual sites, number of sites with ransomware.
_DETECTIONS: Final = ((_ONEDRIVE, 5, 9, 3), (_ONEDRIVE, 20, 4, 1), (_SHAREPOINT, 50, 6, 0))


def unusual_activities(seed: int, start: float, scenario: Scenario = "varied") -> tuple[ActivityRecord, ...]:
    """Return the unusual activities. The scenarios `varied` and `incident` include suspected ransomware."""
    tenant_id = str(uuid.UUID(int=Random(f"{seed}:tenant").getrandbits(128), version=4))
    return tuple(
        ActivityRecord(
            tenant_id=tenant_id,
            tenant_owner=company_names.owner_email(seed % 1_000),
            service_type=service_type,
            detected_unix_ns=unix_ns(start - hours * HOUR),
            unusual_sites=unusual,
            ransomware_sites=ransomware,
        )
        for service_type, hours, unusual, ransomware in _DETECTIONS
        if scenario in ("varied", "incident") or (scenario == "typical" and not ransomware)
    )


def backup_frequencies(start: float, now: float) -> tuple[FrequencyRecord, ...]:
    """Return the backups of each workload on the day that contains `now`. The simulator's speed has no effect."""
    return tuple(
        FrequencyRecord(
            service_type=SERVICE_TYPES[plan.object_type],
            times_a_day=plan.times_a_day,
            starts_unix_ns=_starts_on_the_day(plan, start, now),
        )
        for plan in BACKUPS
    )


def _starts_on_the_day(plan: BackupPlan, start: float, now: float) -> tuple[int, ...]:
    midnight, first = now // DAY * DAY, start + plan.offset
    turn = ceil((midnight - first) / plan.interval)
    return tuple(unix_ns(first + (turn + number) * plan.interval) for number in range(plan.times_a_day))


def retention() -> RetentionRecord:
    """Return a policy with unlimited, short and container-specific retention periods."""
    own = {_EXCHANGE: "Unlimited", _POWER_AUTOMATE: "3 months"}
    return RetentionRecord(
        period=_USUAL,
        customized=True,
        services=tuple(
            ServiceRetention(
                service_type=service_type,
                period=own.get(service_type, _USUAL),
                unassigned_period=own.get(service_type, _USUAL),
                container_periods=("3 years", "6 months") if service_type == _GROUPS else (),
            )
            for service_type in SERVICE_TYPES.values()
        ),
    )
