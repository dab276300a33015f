"""Salesforce jobs of a tenant: GET /backup/sfbapi/jobs."""

from typing import Final

from exporter.avepoint.endpoints import SALESFORCE_JOBS, Query
from exporter.avepoint.job_lists import Span
from exporter.avepoint.reading.product_vocabulary import SALESFORCE, salesforce_kind, salesforce_state
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import TICKS_PER_SECOND, Ticks, iso_date
from exporter.collectors.distinct import resource_name
from exporter.collectors.jobs.families import LAST_OBJECTS, Job, JobKind, read_objects, resource_hash
from exporter.collectors.jobs.product_jobs import FAMILIES, ProductJobsCollector

_DAY: Final = 86_400 * TICKS_PER_SECOND
_RESULTS: Final = ("successful", "failed", "skipped")


class SalesforceJobsCollector(ProductJobsCollector):
    """Collects a tenant's Salesforce jobs. The resource of a job is a Salesforce organization."""

    name = "salesforce_jobs"
    endpoints = SALESFORCE_JOBS
    families = (*FAMILIES, LAST_OBJECTS)

    @staticmethod
    def times(span: Span) -> Query:
        """Return a time range as query parameters. The values are dates, as in AvePoint's documentation."""
        # The end is one day later, because AvePoint may interpret the end date as the beginning of the day.
        return {"startTime": iso_date(span.start), "finishTime": iso_date(Ticks(span.end + _DAY))}

    @classmethod
    def kind(cls, row: Row) -> JobKind:
        """Return the product, workload and job type of a row."""
        workload, job_type = row.resolved(salesforce_kind, "type") or ("", "")
        return JobKind(SALESFORCE, workload, job_type)

    @classmethod
    def job(cls, row: Row, identifier: str) -> Job | None:
        """Parse a row, and return the job. If the state, the start time or the resource cannot be read, return None."""
        state, start = row.resolved(salesforce_state, "state", "status"), row.past_time("startTime")
        organization = resource_name(row, "organizationId")
        if state is None or start is None or organization is None:
            return None
        finish = row.past_time("finishTime", since=start)
        duration = None if finish is None else Ticks(finish - start)
        objects = read_objects(row, ("Records",), _RESULTS)
        resource = resource_hash(organization)
        return Job(identifier, state, start, finish, duration, objects, resource=resource)
