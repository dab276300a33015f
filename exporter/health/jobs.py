"""Problems with individual jobs (failed, incomplete, stuck) and missing restore tests."""

from collections.abc import Collection, Iterator
from math import inf
from typing import Final

from exporter.avepoint.reading.vocabulary import FAILED, INCOMPLETE, OVER
from exporter.health.facts import JobFacts
from exporter.health.findings import Finding, Outcome, Subject, View, next_change, outcome

_WAITING: Final = frozenset({"in_progress", "pending", "not_started", "not_finished", "paused"})


def failed(view: View) -> Iterator[Finding]:
    """Find workloads whose last completed job failed or could not start."""
    for job in view.facts.jobs:
        yield _by_state(view, job, FAILED)


def incomplete(view: View) -> Iterator[Finding]:
    """Find workloads whose jobs have been incomplete for at least `incomplete_after`."""
    for job in view.facts.jobs:
        grace = view.limits.of(job.product, job.workload).incomplete_after
        yield _by_state(view, job, INCOMPLETE)._replace(grace=grace, since=None)


def stuck(view: View) -> Iterator[Finding]:
    """Find jobs that have been running for at least `job_runtime`."""
    for job in view.facts.jobs:
        if job.oldest_running is not None:
            ends = job.oldest_running + view.limits.of(job.product, job.workload).job_runtime
            found = outcome(wrong=view.now >= ends)
            yield Finding(_subject(job), found, job.collector, since=ends, changes_at=next_change(view.now, ends))
        if _is_unclassified(view, job):
            yield Finding(_subject(job), Outcome.UNKNOWN, job.collector, held_for=0.0, is_unclassified=True)
        elif job.oldest_running is None:
            yield Finding(_subject(job), Outcome.FINE, job.collector)


def restore_not_tested(view: View) -> Iterator[Finding]:
    """Find workloads whose last successful restore is older than `restore_age`.

    Only tenant accounts have data about restores.
    """
    if not view.is_tenant:
        return
    restores = {
        (job.collector, job.product, job.workload, job.geo_location): job
        for job in view.facts.jobs
        if job.job_type == "restore"
    }
    for job in view.facts.jobs:
        age = view.limits.of(job.product, job.workload).restore_age
        if not age or job.job_type != "backup" or not job.workload:
            continue
        subject = Subject(workload=job.workload, geo_location=job.geo_location)
        restore = restores.get((job.collector, job.product, job.workload, job.geo_location))
        if restore is None or restore.last_success is None:
            seen = job.oldest_start
            yield Finding(subject, Outcome.WRONG, job.collector, grace=age, seen_since=seen)
        else:
            ends = restore.last_success + age
            found, changes_at = outcome(wrong=view.now >= ends), next_change(view.now, ends)
            yield Finding(subject, found, job.collector, since=ends, changes_at=changes_at)


def _subject(job: JobFacts) -> Subject:
    return Subject(job.product, job.workload, job.job_type, job.geo_location)


def _is_unclassified(view: View, job: JobFacts) -> bool:
    # In a partner account, jobs without a workload are normal.
    return job.is_unclassified and view.is_tenant


def _by_state(view: View, job: JobFacts, states: Collection[str]) -> Finding:
    """Check whether the last completed job has one of the given states.

    A job older than `job_verdict_age` is ignored. Unclassified jobs may belong to several workloads, and an earlier job
    of another workload may have failed. Therefore, the finding for unclassified jobs is never FINE.
    """
    age = view.limits.of(job.product, job.workload).job_verdict_age
    is_unclassified = _is_unclassified(view, job)
    completed = _completed_state(job)
    if completed is None:
        found = Outcome.UNKNOWN if is_unclassified or job.state in _WAITING else Outcome.FINE
        held_for = age if is_unclassified else inf
        return Finding(_subject(job), found, job.collector, held_for=held_for, is_unclassified=is_unclassified)
    recent = [end for end in _ends(view, job, completed, states) if view.now < end + age]
    changes_at = next_change(view.now, *(end + age for end in recent))
    finding = Finding(
        _subject(job),
        outcome(wrong=bool(recent)),
        job.collector,
        since=min(recent, default=None),
        changes_at=changes_at,
    )
    if not is_unclassified:
        return finding
    found = Outcome.WRONG if recent else Outcome.UNKNOWN
    return finding._replace(outcome=found, held_for=age, is_unclassified=True)


def _ends(view: View, job: JobFacts, completed: str, states: Collection[str]) -> Iterator[float]:
    """Yield the completion times of the last completed jobs that have one of the given states.

    Each resource has its own last job.
    """
    for state in states:
        yield from job.unsuccessful.get(state, ())
    if completed in states and not job.unsuccessful:
        ended = job.finish if job.finish is not None else job.start
        yield view.now if ended is None else ended


def _completed_state(job: JobFacts) -> str | None:
    if job.completed_state is not None:
        return job.completed_state
    if job.state in OVER:
        return job.state
    return "finished" if job.finish is not None and job.finish == job.last_success else None
