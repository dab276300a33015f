"""Options of the collector `jobs`."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from exporter.config.schema import CollectorOptions, Interval
from exporter.config.sections import Integer, Seconds, once_each

JobType = Literal["backup", "restore", "export", "delete", "retention"]
LARGEST_PAGE: Final = 1000
"""Maximum number of jobs per page."""


class JobsOptions(CollectorOptions):
    """Options of the collector `jobs`."""

    interval: Interval = Field(300.0, description="Time between the starts of consecutive refreshes.")
    window: Annotated[Seconds, Field(ge=60, le=31 * 86_400)] = Field(
        86_400.0, description="`avepoint_jobs` counts the jobs that started within this period."
    )
    lookback: Annotated[Seconds, Field(ge=60, le=366 * 86_400)] = Field(
        7 * 86_400.0, description="Period in which the exporter looks for the last jobs; at least `window`."
    )
    job_types: Annotated[tuple[JobType, ...], AfterValidator(once_each)] = Field(
        ("backup", "restore", "export", "delete", "retention"), min_length=1, description="Job types to expose."
    )
    page_size: Integer = Field(50, ge=1, le=LARGEST_PAGE, description="Number of jobs per page.")

    @model_validator(mode="after")
    def _reaches_back_far_enough(self) -> "JobsOptions":
        if self.lookback < self.window:
            raise ValueError("lookback must be at least as long as window")
        return self
