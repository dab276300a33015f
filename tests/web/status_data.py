"""Create data for the status page, and parse the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from math import inf
from typing import Any

from exporter.avepoint.throttle import LimitUsage
from exporter.collectors.base import Sample
from exporter.collectors.partner.customers import INFO
from exporter.engine.snapshot import ReadResult, RefreshStatus, SnapshotView
from exporter.errors import Failure
from exporter.exposition.exporter_metrics import Usage
from exporter.health.families import CUSTOMERS, PROBLEM_START
from exporter.web.status.page import StatusPage
from exporter.web.status.query import StatusQuery
from exporter.web.status_data import ConfigStatus, StatusData
from tests.helpers import NOW

MONOTONIC = 50_000.0
IDLE = LimitUsage(under_way=0, concurrency=8, rate=10, full_rate=10, pause=0)


def view(
    account: str = "a",
    collector: str = "license",
    *,
    status: RefreshStatus | None = None,
    customers: Mapping[str, bool] | None = None,
    problems: Mapping[str, Failure] | None = None,
    known: Mapping[str, ReadResult] | None = None,
) -> SnapshotView:
    return SnapshotView(
        account, collector, 3600, status or RefreshStatus(), known or {}, customers or {}, problems or {}
    )


def problem(message: str = "HTTP 403", *, request_id: str = "", age: float = 60) -> Failure:
    return Failure(message, "grant it", request_id, NOW - age, NOW - age)


def names(organizations: Mapping[str, str], *, age: float = 0) -> Mapping[str, ReadResult]:
    owner = {label: "owner@example.com" if label == "owner_email" else "Iceland" for label in INFO.labels[1:]}
    samples = tuple(
        Sample(INFO, tuple((owner | {"customer_id": one, "organization": name}).values()), 1.0)
        for one, name in organizations.items()
    )
    return {"": ReadResult(samples, NOW - age, MONOTONIC - age)}


@dataclass(frozen=True)
class Verdict:
    """A problem of a customer. `age` is in seconds."""

    customer_id: str
    problem: str
    severity: str
    workload: str = ""
    age: float = 60


def verdicts(account: str, customers: int, *found: Verdict, unknown: int = 0) -> SnapshotView:
    """Return the verdicts on the customers of an account."""
    counts = [("wrong", len(found)), ("fine", customers - len(found) - unknown), ("unknown", unknown)]
    samples: dict[str, list[Sample]] = {"": [Sample(CUSTOMERS, ("any", *one[:1]), one[1]) for one in counts]}
    for one in found:
        labels = (one.customer_id, one.problem, one.severity, "", one.workload, "", "", "")
        samples.setdefault(one.customer_id, []).append(Sample(PROBLEM_START, labels, NOW - one.age))
    reads = {key: ReadResult(some, NOW, MONOTONIC) for key, some in samples.items()}
    return SnapshotView(account, "verdict", inf, RefreshStatus(), reads, {})


def status_data(*views: SnapshotView, usage: Mapping[str, Usage] | None = None, **changes: Any) -> StatusData:
    given: dict[str, Any] = {
        "views": views,
        "verdicts": (),
        "limits": {one.account: IDLE for one in views},
        "usage": lambda: usage or {},
        "configured": ConfigStatus(loaded_at=NOW - 7200),
        "now": NOW,
        "monotonic": MONOTONIC,
        "uptime": 300.0,
    }
    return StatusData(**(given | changes))


@dataclass
class Read:
    """A parsed page. `tags` contains the name and the attributes of each tag."""

    texts: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def of(self, tag: str) -> Sequence[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.read = Read()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.read.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip() and self.read.tags[-1][0] != "style":
            self.read.texts.append(" ".join(data.split()))


def parsed(html: str) -> Read:
    parser = _Parser()
    parser.feed(html)
    return parser.read


def page(given: StatusData, query: StatusQuery | None = None) -> Read:
    return parsed(StatusPage().html(given, query or StatusQuery()))
