"""Functions that keep a workload's previous values if an unclassified job may belong to the workload."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from exporter.collectors.jobs.families import JobKind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PossibleKinds:
    """The possible job types and workloads of an unclassified job."""

    job_types: frozenset[str]
    workloads: frozenset[str]

    def include(self, kind: JobKind) -> bool:
        """Return whether the job may have this `JobKind`."""
        return kind.job_type in self.job_types and kind.workload in self.workloads


def uncertain_kinds(kinds: Collection[JobKind], possible: Collection[PossibleKinds]) -> frozenset[JobKind]:
    """Return the items of `kinds` that at least one unclassified job may have."""
    return frozenset(kind for kind in kinds if any(one.include(kind) for one in possible))


def held(found: Mapping[JobKind, T], shown: Mapping[JobKind, T], uncertain: Collection[JobKind]) -> dict[JobKind, T]:
    """Return the values in `found`. For uncertain kinds, return the previously exposed values in `shown` instead."""
    certain = {kind: value for kind, value in found.items() if kind not in uncertain}
    return certain | {kind: value for kind, value in shown.items() if kind in uncertain}
