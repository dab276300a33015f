"""Google Workspace jobs of a tenant: GET /backup/google/admin/jobs."""

from exporter.avepoint.endpoints import GOOGLE_JOBS, Query
from exporter.avepoint.job_lists import Span, iso_seconds
from exporter.avepoint.reading.product_vocabulary import google_app, google_job_type, google_state
from exporter.avepoint.reading.rows import Row
from exporter.avepoint.reading.values import Ticks
from exporter.avepoint.reading.vocabulary import GOOGLE_WORKSPACE
from exporter.collectors.jobs.families import Job, JobKind
from exporter.collectors.jobs.product_jobs import FAMILIES, ProductJobsCollector


class GoogleJobsCollector(ProductJobsCollector):
    """Collects a tenant's Google Workspace jobs."""

    name = "google_jobs"
    endpoints = GOOGLE_JOBS
    families = FAMILIES

    @staticmethod
    def times(span: Span) -> Query:
        """Return the query parameters for a time range."""
        start, end = iso_seconds(span)
        return {"startTime": start, "finishTime": end}

    @classmethod
    def kind(cls, row: Row) -> JobKind:
        """Return the product, workload and job type of a row."""
        workload, job_type = row.resolved(google_app, "appType"), row.resolved(google_job_type, "jobType")
        return JobKind(GOOGLE_WORKSPACE, workload or "", job_type or "")

    @classmethod
    def job(cls, row: Row, identifier: str) -> Job | None:
        """Parse a row, and return the job. If the state or the start time cannot be read, return None."""
        state, start = row.resolved(google_state, "status"), row.past_time("startTime")
        if state is None or start is None:
            return None
        finish = row.past_time("finishTime", since=start)
        return Job(identifier, state, start, finish, None if finish is None else Ticks(finish - start), ())
