"""A customer for tests of verdicts. Tests set the facts and the time."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from exporter.collectors.base import Family, Sample
from exporter.collectors.registry import families
from exporter.collectors.unread import UNREAD
from exporter.config.expectations import Expectations
from exporter.config.schema import AccountType
from exporter.health.facts import Source
from exporter.health.findings import Subject
from exporter.health.verdict import AccountVerdict

HOUR = 3600.0
DAY = 24 * HOUR
NOW = 1_800_000_000.0
CUSTOMER = "c1"
FAMILIES = {family.name: family for family in families()}
# Tests use these families. Collectors of this version need not export these families.
EXTRA = {
    "avepoint_users": ("account", "customer_id", "tenant_id", "workload", "state"),
    "avepoint_scan_profile_status": ("account", "customer_id", "tenant_id", "profile", "status"),
    "avepoint_app_consent": ("account", "customer_id", "tenant_id"),
    "avepoint_last_completed_job_state": ("account", "customer_id", "workload", "job_type", "geo_location", "state"),
    "avepoint_oldest_job_start_timestamp_seconds": ("account", "customer_id", "workload", "job_type", "geo_location"),
}


def sample(name: str, value: float = 1.0, **labels: Any) -> Sample:
    """Return a sample of a family. Omitted labels are ""."""
    family = FAMILIES.get(name) or Family(name, "for tests", EXTRA[name])
    assert labels.keys() <= set(family.labels), (labels, family.labels)
    return Sample(family, tuple(labels.get(label, "") for label in family.labels[1:]), value)


def job(
    state: str = "finished",
    *,
    start: float | None = None,
    finish: float | None = None,
    success: float | None = None,
    running: float | None = None,
    completed: str | None = None,
    oldest: float | None = None,
    **labels: Any,
) -> list[Sample]:
    """Return the samples for the jobs of a workload. By default, the jobs are Teams backups."""
    labels = {"workload": "Teams", "job_type": "backup", **labels}
    values = {
        "avepoint_last_job_start_timestamp_seconds": start,
        "avepoint_last_job_finish_timestamp_seconds": finish,
        "avepoint_last_success_timestamp_seconds": success,
        "avepoint_oldest_running_job_start_timestamp_seconds": running,
        "avepoint_oldest_job_start_timestamp_seconds": oldest,
    }
    found = [sample(name, value, **labels) for name, value in values.items() if value is not None]
    found.append(sample("avepoint_last_job_state", state=state, **labels))
    if completed is not None:
        found.append(sample("avepoint_last_completed_job_state", state=completed, **labels))
    return found


def unread(family: str = "", *, customer_id: str = "", workload: str = "", service_type: str = "") -> Sample:
    """Return the sample for an unreadable value. If all fields are "", a row was dropped."""
    return Sample(UNREAD, (customer_id, family, workload, "", service_type), 1.0)


class World:
    """Computes the verdict on an account with one customer. Tests set the collectors and the time."""

    def __init__(
        self,
        account_type: AccountType = "partner",
        expectations: Mapping[str, Any] | None = None,
        *,
        collectors: Iterable[str] = (),
        now: float = NOW,
        started: float = NOW,
    ) -> None:
        self.account_type: AccountType = account_type
        self.now = now
        self.started = started
        self.customer = CUSTOMER if account_type == "partner" else ""
        self.expectations = Expectations.model_validate(expectations or {})
        self.sources: dict[str, Source] = {name: Source(name) for name in collectors}
        self.verdict = self._new()

    def _new(self) -> AccountVerdict:
        return AccountVerdict(self.account_type, self.expectations, lambda _: self.sources, started=self.started)

    def read(self, collector: str, *samples: Sample, **changes: Any) -> "World":
        """Record a successful refresh of a collector with these samples."""
        self.sources[collector] = replace(Source(collector, samples, self.now), **changes)
        self.verdict.mark([self.customer])
        return self

    def reread(self) -> "World":
        """Record a successful refresh of every collector, with the same samples as before."""
        for name, source in self.sources.items():
            self.read(name, *source.samples)
        return self

    def passes(self, seconds: float) -> "World":
        """Advance the time without a refresh."""
        self.now += seconds
        return self

    def restarts(self, *, memory: bool = True, reads: bool = True) -> "World":
        """Restart the process. `memory` keeps the stored verdicts, and `reads` keeps the results of refreshes."""
        dumped, self.started = self.dumped(), self.now
        self.verdict = self._new()
        if memory:
            self.verdict.load(dumped)
        if not reads:
            self.sources = {name: Source(name) for name in self.sources}
        self.verdict.mark([self.customer])
        return self

    def dumped(self) -> dict[str, object]:
        """Return the stored state of all customers."""
        return {one: state for one in self.verdict.customers() if (state := self.verdict.state_of(one)) is not None}

    def expects(self, **expectations: Any) -> "World":
        """Apply other expectations, as a reload does."""
        self.expectations = Expectations.model_validate(expectations)
        self.verdict.configure(self.expectations)
        return self

    def problems(self) -> dict[str, list[Subject]]:
        """Return the subjects of all current problems, keyed by the problem's name."""
        self.verdict.settle(self.now)
        found: dict[str, list[Subject]] = {}
        if self.customer in self.verdict:
            for held in self.verdict[self.customer].problems:
                found.setdefault(held.key.problem, []).append(held.key.subject)
        return found

    def names(self) -> set[str]:
        """Return the names of the current problems."""
        return set(self.problems())

    def outcome(self, problem: str) -> str | None:
        """Return "wrong", "fine" or "unknown" for a problem. If the problem does not apply, return None."""
        self.verdict.settle(self.now)
        counts = {one.labels: one.value for one in self.verdict.count_samples() if one.labels[0] == problem}
        assert sum(counts.values()) <= 1
        return next((labels[1] for labels, value in counts.items() if value), None)

    def start_of(self, problem: str) -> float:
        """Return the start time of a problem."""
        self.verdict.settle(self.now)
        [start] = [one.start for one in self.verdict[self.customer].problems if one.key.problem == problem]
        return start

    def due(self) -> list[float]:
        """Return the current due times of backups."""
        self.verdict.settle(self.now)
        return [due for _, due in self.verdict[self.customer].due]
