"""The section `expectations`: which backups are expected, and what counts as a problem."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exporter.config.sections import NonEmptyString, Number, Seconds, Section

ProblemName = Literal[
    "backup_overdue", "backup_late", "backup_stopped", "backup_never_succeeded", "success_unknown",
    "job_failed", "job_incomplete", "job_stuck",
    "objects_unprotected", "users_unprotected", "scan_failed", "consent_missing",
    "ransomware_suspected", "unusual_activity", "retention_too_short", "restore_not_tested",
    "seats_exceeded", "storage_nearly_full", "storage_full", "license_out_of_policy",
    "subscription_expiring", "subscription_expired", "customer_status_failed", "customer_attention",
]  # fmt: skip
ProductName = Literal["Microsoft 365", "Google Workspace", "IaaS + PaaS", "Salesforce", "Dynamics 365"]

_DAY = 86_400.0
Age = Annotated[Seconds, Field(ge=60, le=10 * 365 * _DAY)]
Grace = Annotated[Seconds, Field(ge=0, le=365 * _DAY)]
Span = Annotated[Seconds, Field(ge=0, le=100 * 365 * _DAY)]
Ratio = Annotated[Number, Field(ge=0, le=1)]


class Limits(Section):
    """The limits that apply to one workload, or to one customer as a whole."""

    backup_age: Age = Field(
        26 * 3600.0, description="`backup_overdue`: age of the last successful backup from which it is overdue."
    )
    backup_intervals: Annotated[Number, Field(ge=1, le=100)] = Field(
        2.5, description="`backup_late`: the same in intervals between backups, as AvePoint has them configured."
    )
    never_succeeded_after: Grace = Field(
        _DAY, description="`backup_never_succeeded`: time for which jobs exist without a successful one."
    )
    idle_after: Age = Field(
        7 * _DAY, description="Time without a new backup job after which a backup has stopped, if nothing is scanned."
    )
    retired_after: Age = Field(
        30 * _DAY, description="Time without a new backup job after which no backup is expected; ends `backup_stopped`."
    )
    job_runtime: Age = Field(_DAY, description="`job_stuck`: time for which a job may run.")
    job_verdict_age: Age = Field(2 * _DAY, description="Age from which a failed or incomplete job is history.")
    incomplete_after: Grace = Field(_DAY, description="`job_incomplete`: time for which jobs may be incomplete.")
    unprotected_after: Grace = Field(
        2 * _DAY, description="`objects_unprotected`, `users_unprotected`: time for which the share may be exceeded."
    )
    scan_failed_after: Grace = Field(30 * 3600.0, description="`scan_failed`: time for which scans may fail.")
    status_after: Grace = Field(
        2 * 3600.0, description="`customer_status_failed`, `customer_attention`: time for which the status may last."
    )
    unprotected_ratio: Ratio = Field(0.10, description="`objects_unprotected`: share of the scanned objects.")
    users_unprotected_ratio: Ratio = Field(0.10, description="`users_unprotected`: share of the users.")
    storage_ratio: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.90, description="`storage_nearly_full`: share of the purchased storage."
    )
    subscription_left: Span = Field(30 * _DAY, description="`subscription_expiring`: time left.")
    subscription_history: Span = Field(
        30 * _DAY, description="Time after which an expired subscription is history; ends `subscription_expired`."
    )
    retention: Span = Field(
        0.0, description="`retention_too_short`: shortest retention that is expected; 0s expects none."
    )
    restore_age: Span = Field(
        0.0, description="`restore_not_tested`: age of the last successful restore; 0s expects none."
    )
    ignore: tuple[ProblemName, ...] = Field((), description="Problems that are never reported.")


class ExpectationException(Limits):
    """Other limits for some customers, products or workloads: any key of `expectations` except `exceptions`."""

    customers: tuple[NonEmptyString, ...] = Field((), description="Ids of the customers; none means all.")
    products: tuple[ProductName, ...] = Field((), description="Products; none means all.")
    workloads: tuple[NonEmptyString, ...] = Field((), description="Names of the workloads; none means all.")

    @model_validator(mode="after")
    def _is_narrowed_and_sets_limits(self) -> Self:
        if not (self.customers or self.products or self.workloads):
            raise ValueError("names no customers, products or workloads; set these limits outside of exceptions")
        if not self.own_limits():
            raise ValueError("sets no limit; add at least one, such as backup_age, or ignore")
        return self

    def own_limits(self) -> dict[str, object]:
        """Return the limits that the exception sets."""
        return {name: getattr(self, name) for name in self.model_fields_set if name in Limits.model_fields}


class Expectations(Limits):
    """What is expected of backups, licenses and customers; everything else is a problem."""

    exceptions: tuple[ExpectationException, ...] = Field(
        (), description="Other limits for some customers, products or workloads; the first exception that matches wins."
    )

    @model_validator(mode="after")
    def _retires_after_idling(self) -> Self:
        if self.retired_after < self.idle_after:
            raise ValueError("retired_after must be at least as long as idle_after")
        return self

    def inherit(self, parent: "Expectations") -> "Expectations":
        """Return these expectations with the keys that they do not set taken from the parent's."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return parent.model_copy(update=own) if own else parent
