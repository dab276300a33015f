"""Rows in a customer's job list, for both API versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from avepoint_simulator.data import values
from avepoint_simulator.data import vocabulary as words
from avepoint_simulator.data.records import CustomerJob
from avepoint_simulator.requests import BadRequestError, Json, SimulatedRequest

NOTHING: Final = "N/A"


def jobs_of_customer(request: SimulatedRequest) -> Sequence[CustomerJob]:
    """Return the scan and the jobs of the requested customer.

    Raise BadRequestError (404) if the customer does not exist.
    """
    jobs = request.portfolio.customer_jobs(request.customer_id, request.now)
    if jobs is None:
        raise BadRequestError(HTTPStatus.NOT_FOUND, "The customer does not exist.")
    if request.switches.customer_jobs == "latest":
        latest: dict[tuple[int, int | str, str | None], CustomerJob] = {}
        for job in sorted(jobs, key=lambda job: job.start_unix_ns or 0):
            latest[job.job_type, job.job_module, job.name] = job
        jobs = [job for job in jobs if latest[job.job_type, job.job_module, job.name] is job]
    return sorted(jobs, key=lambda job: job.job_type != words.MICROSOFT_365_SCAN)


def write_job(request: SimulatedRequest, job: CustomerJob, *, in_words: bool) -> dict[str, Json]:
    """Return one row. If AvePoint documents names instead of codes for this endpoint, `in_words` is true."""
    switches = request.switches
    in_words = {"documented": in_words, "text": True, "int": False}[switches.job_words]
    if job.job_type == words.MICROSOFT_365_SCAN and switches.scan_row == "blank":
        return {**dict.fromkeys(_KEYS, NOTHING), "status": _named(job.status, words.CUSTOMER_JOB_STATUSES, in_words)}
    return {
        "jobType": _named(job.job_type, words.CUSTOMER_JOB_TYPES, in_words),
        "jobModule": _named(job.job_module, words.CUSTOMER_JOB_MODULES, in_words),
        "status": _named(job.status, words.CUSTOMER_JOB_STATUSES, in_words),
        "jobId": job.id or NOTHING,
        "name": job.name or NOTHING,
        "totalCount": str(job.total_objects),
        "failedCount": str(job.failed_objects),
        "successfulCount": str(job.successful_objects),
        "skippedCount": str(job.skipped_objects),
        "warningCount": str(job.warning_objects),
        "backupSize": values.size(job.backup_bytes, switches.sizes),
        "startTime": values.iso(job.start_unix_ns, switches.iso_form, "na"),
        "endTime": values.iso(job.finish_unix_ns, switches.iso_form, "na"),
        "jobDuration": values.duration_text(job.start_unix_ns, job.finish_unix_ns),
        "lastModifyTime": values.iso(job.finish_unix_ns or job.start_unix_ns, switches.iso_form, "na"),
    }


_KEYS: Final = (
    "jobType", "jobModule", "status", "jobId", "name", "totalCount", "failedCount", "successfulCount", "skippedCount",
    "warningCount", "backupSize", "startTime", "endTime", "jobDuration", "lastModifyTime",
)  # fmt: skip


def _named(code: int | str, names: Mapping[int, str], in_words: bool) -> int | str:  # noqa: FBT001 - name or code
    return names.get(code, str(code)) if in_words and isinstance(code, int) else code
