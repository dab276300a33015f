"""Users with and without backup in each Microsoft 365 tenant: POST …/cloud-backup-m365/users/batch.

The rows contain names and e-mail addresses. As soon as a page is received, its rows are reduced to hashed ids and
backup states. Only the number of users is kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from pydantic import Field

from exporter.avepoint.endpoints import ELEMENTS, Endpoint, EndpointPair, Paging, fields
from exporter.avepoint.lists import ListReader
from exporter.avepoint.reading.rows import Row
from exporter.collectors.base import CollectorContext, Family, Sample
from exporter.collectors.per_tenant import PerTenantCollector
from exporter.collectors.unread import DROPPED_ROW, Unread, unread_samples
from exporter.config.schema import CollectorOptions, Interval

USERS: Final = EndpointPair(
    Endpoint(
        "POST",
        f"{ELEMENTS}/{{customerId}}/tenants/{{tenantId}}/cloud-backup-m365/users/batch",
        "elements.cbprotected.read.all",
        Paging.ELEMENTS,
        fields("id", moduleStatus="module isProtected"),
        ("id",),
    )
)
COUNT = Family(
    "avepoint_users",
    "Users of a Microsoft 365 tenant, by whether their mailbox (Exchange Online) or OneDrive is protected; "
    "from POST …/cloud-backup-m365/users/batch, cached between refreshes.",
    ("account", "customer_id", "tenant_id", "workload", "state"),
    query='topk(10, sum by (account, customer_id) (avepoint_users{state="unprotected"}))',
)

User = tuple[int | None, Mapping[str, bool | None] | None]
"""A user's hashed id, and whether each workload is protected. Unknown values are None."""
Counts = Mapping[str, tuple[int, int] | None]
"""The number of protected users and the number of unprotected users, keyed by workload.

If the state of a user is unreadable, the numbers are None. If the workloads of a user are unreadable, the only key is
"".
"""


class UsersOptions(CollectorOptions):
    """Options of the collector `users`."""

    interval: Interval = Field(86_400.0, description="Time between the starts of consecutive refreshes.")


class UsersCollector(PerTenantCollector[UsersOptions, Counts]):
    """Counts the users with and without backup in each Microsoft 365 tenant."""

    name = "users"
    endpoints: ClassVar = USERS
    options_type = UsersOptions
    families = (COUNT,)

    def __init__(self, context: CollectorContext, options: UsersOptions) -> None:
        super().__init__(context, options)
        self._list = ListReader(context.client, USERS)

    async def read_tenant(self, customer_id: str, tenant_id: str) -> Counts:
        """Count a tenant's users with and without backup.

        Raise AvePointError if a page is missing or rows contradict each other.
        """
        users = await self._list.read(self.api_versions, _user, customer_id=customer_id, tenant_id=tenant_id)
        distinct: dict[int, Mapping[str, bool | None] | None] = {}
        for number, (user_id, states) in enumerate(users):
            key = -number - 1 if user_id is None else user_id
            if distinct.setdefault(key, states) != states:
                raise USERS.modern.unexpected("rows of the same user contradict each other")
        return _counts(distinct.values())

    @classmethod
    def samples(cls, records: Mapping[str, Counts], customer_id: str) -> Iterable[Sample]:
        """Return the samples for the tenants of one customer."""
        unread: list[Unread] = []
        for tenant_id, counts in records.items():
            for workload, numbers in counts.items():
                if numbers is None:
                    unread.append(Unread(COUNT.name, workload) if workload else DROPPED_ROW)
                    continue
                labels = (customer_id, tenant_id, workload)
                yield Sample(COUNT, (*labels, "protected"), float(numbers[0]))
                yield Sample(COUNT, (*labels, "unprotected"), float(numbers[1]))
        yield from unread_samples(unread, customer_id)


def _user(row: Row) -> User:
    modules = row.whole_list("moduleStatus")
    if modules is None:
        if row.raw("moduleStatus") is None:
            row.lacks("moduleStatus")
        return _hashed(row), None
    states: dict[str, bool | None] = {}
    for module in modules:
        workload, is_protected = module.service_type("module"), module.needed_flag("isProtected")
        if workload is None:
            return _hashed(row), None
        states[workload] = is_protected if states.get(workload, is_protected) == is_protected else None
    return _hashed(row), states


def _hashed(row: Row) -> int | None:
    """Return a hash of the user's id. The hash is never negative, and differs between processes."""
    return None if row.id is None else abs(hash(row.id))


def _counts(users: Iterable[Mapping[str, bool | None] | None]) -> Counts:
    numbers: Counter[tuple[str, bool | None]] = Counter()
    for states in users:
        if states is None:
            return {"": None}
        numbers.update(states.items())
    workloads = dict.fromkeys(workload for workload, _ in numbers)
    return {
        workload: None if numbers[workload, None] else (numbers[workload, True], numbers[workload, False])
        for workload in workloads
    }
