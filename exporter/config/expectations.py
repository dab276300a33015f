"""The section `expectations`. This section defines when a backup, a license or a customer has a problem."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from exporter.config.sections import Id, InvalidKeysError, NonEmptyString, Number, Seconds, Section

ProblemName = Literal[
    "backup_overdue", "backup_late", "backup_stopped", "backup_never_succeeded", "success_unknown",
    "job_failed", "job_incomplete", "job_stuck",
    "objects_unprotected", "users_unprotected", "scan_failed", "consent_missing",
    "ransomware_suspected", "unusual_activity", "retention_too_short", "restore_not_tested",
    "seats_exceeded", "storage_nearly_full", "storage_full", "license_out_of_policy",
    "subscription_expiring", "subscription_expired", "customer_status_failed", "customer_attention",
]  # fmt: skip
ProductName = Literal["Microsoft 365", "Google Workspace", "IaaS + PaaS", "Salesforce", "Dynamics 365"]

_OF_CUSTOMERS: Final = frozenset({
    "scan_failed_after", "status_after", "storage_ratio", "subscription_left", "subscription_history",
    "scan_failed", "consent_missing", "seats_exceeded", "storage_nearly_full", "storage_full", "license_out_of_policy",
    "subscription_expiring", "subscription_expired", "customer_status_failed", "customer_attention",
})  # fmt: skip
"""Limits and problems that apply to a whole customer, not to a product or a workload."""
_OF_MICROSOFT_365: Final = frozenset({
    "unprotected_after", "unprotected_ratio", "users_unprotected_ratio", "retention",
    "objects_unprotected", "users_unprotected", "ransomware_suspected", "unusual_activity", "retention_too_short",
})  # fmt: skip
"""Limits and problems that apply only to Microsoft 365."""

_DAY = 86_400.0
Age = Annotated[Seconds, Field(ge=60, le=10 * 365 * _DAY)]
Grace = Annotated[Seconds, Field(ge=0, le=365 * _DAY)]
Period = Annotated[Seconds, Field(ge=0, le=100 * 365 * _DAY)]
Ratio = Annotated[Number, Field(ge=0, le=1)]


class Limits(Section):
    """Limits for a workload or for a whole customer."""

    backup_age: Age = Field(26 * 3600.0, description="Maximum age of the last successful backup (`backup_overdue`).")
    backup_intervals: Annotated[Number, Field(ge=1, le=100)] = Field(
        2.5,
        description="Maximum age of the last success, as a multiple of the time between two backups (`backup_late`).",
    )
    never_succeeded_after: Grace = Field(
        _DAY,
        description="Maximum time from the first known job to the first successful job (`backup_never_succeeded`).",
    )
    idle_after: Age = Field(
        7 * _DAY,
        description="Maximum age of the last job, if the workload has no scanned objects (`backup_stopped`).",
    )
    retired_after: Age = Field(
        30 * _DAY, description="After this time without new jobs, no backup is expected and `backup_stopped` resolves."
    )
    job_runtime: Age = Field(_DAY, description="Maximum duration of a job (`job_stuck`).")
    job_verdict_age: Age = Field(
        2 * _DAY, description="Age at which a failed or incomplete job is no longer a problem."
    )
    incomplete_after: Grace = Field(_DAY, description="How long jobs may be incomplete (`job_incomplete`).")
    unprotected_after: Grace = Field(
        2 * _DAY,
        description="How long the share without backup may be too high (`objects_unprotected`, `users_unprotected`).",
    )
    scan_failed_after: Grace = Field(30 * 3600.0, description="How long scans may fail (`scan_failed`).")
    status_after: Grace = Field(
        2 * 3600.0,
        description="How long AvePoint may report a bad status (`customer_status_failed`, `customer_attention`).",
    )
    unprotected_ratio: Ratio = Field(
        0.10, description="Maximum share of scanned objects that have no backup (`objects_unprotected`)."
    )
    users_unprotected_ratio: Ratio = Field(
        0.10, description="Maximum share of users that have no backup (`users_unprotected`)."
    )
    storage_ratio: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.90, description="Maximum share of the purchased storage that is in use (`storage_nearly_full`)."
    )
    subscription_left: Period = Field(
        30 * _DAY, description="Minimum time until a subscription expires (`subscription_expiring`)."
    )
    subscription_history: Period = Field(
        30 * _DAY, description="How long an expired subscription is reported (`subscription_expired`)."
    )
    retention: Period = Field(
        0.0, description="Minimum retention period (`retention_too_short`); 0s disables the check."
    )
    restore_age: Period = Field(
        0.0, description="Maximum age of the last successful restore (`restore_not_tested`); 0s disables the check."
    )
    ignore: tuple[ProblemName, ...] = Field((), description="Problems that are never reported.")

    def is_off(self, problem: ProblemName) -> bool:
        """Return whether the problem is ignored, or its check is disabled."""
        if problem == "retention_too_short" and not self.retention:
            return True
        if problem == "restore_not_tested" and not self.restore_age:
            return True
        return problem in self.ignore


class ExpectationException(Limits):
    """Limits that replace the account's limits for some customers, products or workloads.

    An exception sets at least one of the keys `customers`, `products` and `workloads`, and at least one limit or
    `ignore`.
    """

    customers: tuple[Id, ...] = Field((), description="Customer IDs; an empty list means all customers.")
    products: tuple[ProductName, ...] = Field((), description="Products; an empty list means all products.")
    workloads: tuple[NonEmptyString, ...] = Field((), description="Workload names; an empty list means all workloads.")

    @model_validator(mode="after")
    def _is_narrowed_and_sets_limits(self) -> Self:
        if not (self.customers or self.products or self.workloads):
            raise ValueError(
                "contains no customers, products or workloads; add one of them, or move the limits out of exceptions"
            )
        if not self.own_limits():
            raise ValueError("contains no limit; add a limit such as backup_age, or add ignore")
        if errors := list(self._without_effect()):
            raise InvalidKeysError(errors)
        return self

    def _without_effect(self) -> Iterator[tuple[str, str]]:
        """Yield a key and an error for each limit or problem that has no effect in this exception."""
        problems = [(f"ignore[{index}]", problem) for index, problem in enumerate(self.ignore)]
        for key, name in [*((key, key) for key in self.own_limits()), *problems]:
            if name in _OF_CUSTOMERS and (self.products or self.workloads):
                yield key, "applies to whole customers; move it to an exception without products and workloads"
            elif name in _OF_MICROSOFT_365 and self.products and "Microsoft 365" not in self.products:
                yield key, "applies only to Microsoft 365; add Microsoft 365 to products, or remove this limit"

    def hides(self, later: Self) -> bool:
        """Return whether this exception matches whenever the exception `later` matches."""
        return all(
            not mine or (theirs and theirs <= mine)
            for mine, theirs in (
                (set(self.customers), set(later.customers)),
                (set(self.products), set(later.products)),
                ({one.casefold() for one in self.workloads}, {one.casefold() for one in later.workloads}),
            )
        )

    def own_limits(self) -> dict[str, object]:
        """Return the limits that this exception sets, keyed by name."""
        return {name: getattr(self, name) for name in self.model_fields_set if name in Limits.model_fields}


class Expectations(Limits):
    """Limits for backups, licenses and customers. Each violation is a [problem](reading-the-numbers.md#problems).

    For each limit, the problem is in parentheses. You can also set `expectations` for one account. If the account does
    not set a limit, the top-level limit applies.
    """

    exceptions: tuple[ExpectationException, ...] = Field(
        (),
        description="Exceptions to these limits; the first match applies.",
    )

    @model_validator(mode="after")
    def _each_exception_can_match(self) -> Self:
        errors = []
        for index, one in enumerate(self.exceptions):
            hiding = next((place for place, other in enumerate(self.exceptions[:index]) if other.hides(one)), None)
            if hiding is not None:
                message = f"never applies, because exceptions[{hiding}] matches first; change the order, or remove one"
                errors.append((f"exceptions[{index}]", message))
        if errors:
            raise InvalidKeysError(errors)
        return self

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Yield a path and an error message for each pair of contradictory limits, including inherited limits."""
        message = "retired_after must be at least as long as idle_after"
        if self.retired_after < self.idle_after:
            yield "", message
        for index, one in enumerate(self.exceptions):
            own = one.own_limits()
            limits = self.model_copy(update=own)
            if {"retired_after", "idle_after"} & own.keys() and limits.retired_after < limits.idle_after:
                yield f".exceptions[{index}]", message

    def inherit(self, parent: "Expectations") -> "Expectations":
        """Return a copy in which `parent` provides the values of all keys that are not set."""
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return parent.model_copy(update=own) if own else parent
