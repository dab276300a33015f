"""Problems with the age of the last successful backup: overdue, late, stopped, never succeeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporter.avepoint.reading.vocabulary import FINISHED, MICROSOFT_365, NOT_OVER, OVER
from exporter.config.expectations import Limits
from exporter.health.facts import SCANNED, JobFacts
from exporter.health.findings import Finding, Outcome, Subject, View, next_change, outcome

_OFF: Final = frozenset({"disabled", "waiting_for_configuration"})
_BACKUP: Final = "backup"
_SCANNING: Final = "protected_data"
_SCHEDULES: Final = "backup_frequency"
_INTERVAL: Final = "avepoint_backup_interval_seconds"


@dataclass(frozen=True, slots=True)
class _Backup:
    """The backups of one workload. `is_scanned` is None if the number of scanned objects is unknown."""

    job: JobFacts
    limits: Limits
    now: float
    is_scanned: bool | None

    @property
    def subject(self) -> Subject:
        return Subject(self.job.product, self.job.workload, geo_location=self.job.geo_location)

    @property
    def is_off(self) -> bool:
        return self.job.state in _OFF

    @property
    def idle_from(self) -> float:
        """The Unix time at which the workload becomes idle.

        The exporter adds `idle_after` to the start of the last job. If the start is unknown, the exporter adds
        `idle_after` to the time of the last success.
        """
        began = self.job.start if self.job.start is not None else self.job.last_success
        return 0.0 if began is None else began + self.limits.idle_after

    @property
    def retired_from(self) -> float:
        return self.idle_from - self.limits.idle_after + self.limits.retired_after

    @property
    def is_idle(self) -> bool:
        return self.now >= self.idle_from

    @property
    def is_expected(self) -> bool | None:
        """Whether a backup is expected, or None if this depends on an unknown number of scanned objects."""
        if self.is_off:
            return False
        return self.is_scanned if self.is_idle else True

    def overdue_after(self, age: float) -> Finding:
        """Return a finding that is WRONG if a backup is expected and the last success is older than `age` seconds.

        If a backup is expected but the last success is unknown, the finding is unknown.
        """
        if self.job.last_success is None:
            found = Outcome.FINE if self.is_expected is False else Outcome.UNKNOWN
            return Finding(self.subject, found, self.job.collector, changes_at=next_change(self.now, self.idle_from))
        due = self.job.last_success + age
        found = outcome(wrong=bool(self.is_expected) and self.now >= due)
        if self.is_expected is None and self.now >= due:
            found = Outcome.UNKNOWN
        changes_at = next_change(self.now, due, self.idle_from)
        return Finding(self.subject, found, self.job.collector, since=due, changes_at=changes_at)


def _backups(view: View) -> Iterator[_Backup]:
    """Yield the backups of all workloads. Jobs without a workload are ignored."""
    for job in view.facts.jobs:
        if job.job_type == "backup" and job.workload:
            yield _Backup(job, view.limits.of(job.product, job.workload), view.now, _is_scanned(view, job))


def _unclassified(view: View) -> Iterator[Finding]:
    """Yield an unknown finding for each group of unclassified jobs that may be backups."""
    for job in view.facts.jobs:
        if job.is_unclassified and job.job_type in ("", _BACKUP):
            # Do not set a workload in the subject. Otherwise, a successful backup of the workload could not resolve the
            # problem.
            subject = Subject(job.product, geo_location=job.geo_location)
            # In a partner account, a product may have no workloads.
            yield Finding(subject, Outcome.UNKNOWN, job.collector, is_unclassified=view.is_tenant)


def _is_scanned(view: View, job: JobFacts) -> bool | None:
    """Return whether the last scan found objects of a workload. If no collector reads scan results, return False."""
    source = view.sources.get(_SCANNING)
    if source is None or source.off or job.product != MICROSOFT_365:
        return False
    if job.workload in view.facts.scanned:
        return True
    is_unread = any(one.may_be(_SCANNING, SCANNED, job.workload) for one in view.facts.unreadable)
    return None if source.read_at is None or is_unread else False


def overdue(view: View) -> Iterator[Finding]:
    """Find expected backups whose last success is older than `backup_age`."""
    yield from _unclassified(view)
    for backup in _backups(view):
        yield backup.overdue_after(backup.limits.backup_age)


def late(view: View) -> Iterator[Finding]:
    """Find expected backups whose last success is older than `backup_intervals` times the interval between backups."""
    schedules = {one.key: one.get(_INTERVAL) for one in view.facts.records((_INTERVAL,), ("workload", "geo_location"))}
    source = view.sources.get(_SCHEDULES)
    is_missing = source is not None and not source.off and source.read_at is None
    yield from _unclassified(view)
    for backup in _backups(view):
        job = backup.job
        if job.product != MICROSOFT_365:
            continue
        interval = schedules.get((job.workload, job.geo_location), schedules.get((job.workload, "")))
        if interval is not None:
            yield backup.overdue_after(backup.limits.backup_intervals * interval)
        else:
            is_unread = any(one.may_be(_SCHEDULES, _INTERVAL, job.workload) for one in view.facts.unreadable)
            yield Finding(backup.subject, Outcome.UNKNOWN if is_missing or is_unread else Outcome.FINE, job.collector)


def stopped(view: View) -> Iterator[Finding]:
    """Find workloads that have no scanned objects and whose last job is older than `idle_after`.

    A workload whose last job is older than `retired_after` is ignored.
    """
    yield from _unclassified(view)
    for backup in _backups(view):
        job, now = backup.job, view.now
        begins = max((job.last_success or 0.0) + backup.limits.backup_age, backup.idle_from)
        is_stopped = begins <= now < backup.retired_from
        found = outcome(wrong=is_stopped and backup.is_scanned is False)
        if is_stopped and (backup.is_scanned is None or (job.last_success is None and not backup.is_scanned)):
            found = Outcome.UNKNOWN
        changes_at = next_change(now, begins, backup.retired_from)
        yield Finding(backup.subject, found, job.collector, since=begins, changes_at=changes_at)


def success_unknown(view: View) -> Iterator[Finding]:
    """Find workloads whose backups run, but whose last success is unknown."""
    yield from _unclassified(view)
    for backup in _backups(view):
        job = backup.job
        if job.last_success is not None:
            yield Finding(backup.subject, Outcome.FINE, job.collector)
        elif job.start is not None:
            wrong = not backup.is_off and not backup.is_idle
            changes_at = next_change(view.now, backup.idle_from)
            yield Finding(backup.subject, outcome(wrong=wrong), job.collector, changes_at=changes_at)


def never_succeeded(view: View) -> Iterator[Finding]:
    """Find workloads without a known success whose oldest backup job is older than `never_succeeded_after`."""
    jobs = view.facts.jobs
    oldest = {(job.collector, job.product, job.workload, job.geo_location): job.oldest_start for job in jobs}
    backups = (job for job in jobs if job.job_type == _BACKUP and _may_have_succeeded(job))
    unclear = {(job.collector, job.product, job.workload, job.geo_location) for job in backups}
    for finding in success_unknown(view):
        product, workload, _, geo_location, _ = finding.subject
        grace = view.limits.of(product, workload).never_succeeded_after
        key = finding.collector, product, workload, geo_location
        found = Outcome.UNKNOWN if key in unclear else finding.outcome
        yield finding._replace(outcome=found, grace=grace, seen_since=oldest.get(key))


def _may_have_succeeded(job: JobFacts) -> bool:
    """Return whether the last job may be successful although no success is known."""
    if job.last_success is not None:
        return False
    states = {job.state, job.completed_state} - {None}
    # If one resource is unsuccessful, the last job may be a successful job of another resource.
    return not states <= {*OVER, *NOT_OVER} or (FINISHED in states and not job.unsuccessful)


def due_times(view: View) -> Iterator[tuple[Subject, float]]:
    """Yield the Unix time at which each expected backup becomes overdue."""
    for backup in _backups(view):
        if backup.job.last_success is not None and backup.is_expected:
            yield backup.subject, backup.job.last_success + backup.limits.backup_age
