"""Facts about one customer.

Facts are read from the customer's samples, because samples survive restarts and have a uniform format.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Final, NamedTuple

from exporter.avepoint.reading.vocabulary import MICROSOFT_365
from exporter.collectors.base import Sample
from exporter.collectors.unread import DROPPED_ROW, UNREAD, Unread

_FRESH_FOR: Final = 3 * 3600.0

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The samples of one customer from the last successful refresh of one collector.

    `read_at` is the Unix time at which the samples were read, or None if there are no samples. The samples are fresh
    for `fresh_for` seconds. `off` is true if the app lacks the permission for the collector.
    """

    collector: str
    samples: Collection[Sample] = field(default=(), repr=False)
    read_at: float | None = None
    fresh_for: float = _FRESH_FOR
    off: bool = False

    @property
    def fresh_until(self) -> float:
        """The Unix time until which the samples are fresh, or 0 if there are no samples."""
        return 0.0 if self.read_at is None else self.read_at + self.fresh_for


def fresh_for(interval: float) -> float:
    """Return the number of seconds that samples stay fresh. `interval` is the interval of the collector."""
    return max(_FRESH_FOR, 3 * interval)


def by_customer(samples: Iterable[Sample]) -> Mapping[str, Collection[Sample]]:
    """Group samples by customer id, and omit samples of families without the label `customer_id`.

    The samples of customers whose ids cannot be read have the key "".
    """
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.family.labels[1:2] == ("customer_id",):
            found.setdefault(sample.labels[0], []).append(sample)
    return {customer_id: tuple(own) for customer_id, own in found.items()}


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Facts about the jobs of one workload and job type. Timestamps are Unix times, or None if they are unknown.

    `state` and `start` describe the last job. `completed_state` and `finish` describe the last completed job. If the
    jobs belong to several resources, each resource has its own last job. `unsuccessful` contains the completion times
    of the last jobs with the state "failed" or "incomplete", keyed by state.
    """

    collector: str
    product: str
    workload: str
    job_type: str
    geo_location: str
    state: str | None = None
    start: float | None = None
    completed_state: str | None = None
    finish: float | None = None
    last_success: float | None = None
    oldest_running: float | None = None
    oldest_start: float | None = None
    unsuccessful: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def is_unclassified(self) -> bool:
        """Whether the job type or the workload is unknown. A retention job without a workload counts as classified."""
        return not self.job_type or not (self.workload or self.job_type == "retention")


class Record(NamedTuple):
    """The values of several families for one set of labels. `values` omits families without a value."""

    collector: str
    key: Key
    values: Mapping[str, float]

    def get(self, family: str) -> float | None:
        """Return the value of a family, or None if the value is unknown."""
        return self.values.get(family)


@dataclass(frozen=True, slots=True)
class Status:
    """The value of the label `status` in a sample. `key` contains the labels that identify the object."""

    collector: str
    key: Key
    status: str


SCANNED: Final = "avepoint_scanned_objects"
_JOB_VALUES: Final = {
    "avepoint_last_job_start_timestamp_seconds": "start",
    "avepoint_last_job_finish_timestamp_seconds": "finish",
    "avepoint_last_success_timestamp_seconds": "last_success",
    "avepoint_oldest_running_job_start_timestamp_seconds": "oldest_running",
    "avepoint_oldest_job_start_timestamp_seconds": "oldest_start",
}
_JOB_STATES: Final = {
    "avepoint_last_job_state": "state",
    "avepoint_last_completed_job_state": "completed_state",
}
_UNSUCCESSFUL: Final = "avepoint_resource_completed_job_timestamp_seconds"
_JOB_KEY: Final = ("product", "workload", "job_type", "geo_location")


class Unreadable(NamedTuple):
    """A value that AvePoint returns but the exporter cannot read. `unread` identifies the value."""

    collector: str
    unread: Unread

    def may_be(self, collector: str, family: str, workload: str) -> bool:
        """Return whether this value may belong to the given collector, family and workload."""
        is_named = self.unread.family == family and self.unread.workload == workload
        return self.collector == collector and (is_named or self.unread == DROPPED_ROW)


class Facts:
    """The facts about one customer. Every fact includes the name of the collector that read the fact."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._samples: dict[str, list[tuple[str, Sample]]] = {}
        for source in sources:
            for sample in source.samples:
                self._samples.setdefault(sample.family.name, []).append((source.collector, sample))

    @cached_property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The values that cannot be read."""
        samples = self._samples.get(UNREAD.name, ())
        return tuple(Unreadable(collector, Unread(*sample.labels[1:])) for collector, sample in samples)

    @cached_property
    def jobs(self) -> tuple[JobFacts, ...]:
        """The facts about jobs, with one item per collector, product, workload, job type and geo location."""
        found: dict[tuple[str, Key], dict[str, float | str | Mapping[str, tuple[float, ...]]]] = {}
        for name, attribute in _JOB_VALUES.items():
            for collector, key, sample in self._keyed(name, _JOB_KEY):
                found.setdefault((collector, key), {})[attribute] = sample.value
        for name, attribute in _JOB_STATES.items():
            for collector, key, sample in self._keyed(name, _JOB_KEY):
                found.setdefault((collector, key), {})[attribute] = sample.labels[-1]
        ends: dict[tuple[str, Key], dict[str, tuple[float, ...]]] = {}
        for collector, key, sample in self._keyed(_UNSUCCESSFUL, _JOB_KEY):
            of_kind, state = ends.setdefault((collector, key), {}), sample.labels[-1]
            of_kind[state] = (*of_kind.get(state, ()), sample.value)
        for subject, by_state in ends.items():
            found.setdefault(subject, {})["unsuccessful"] = by_state
        return tuple(
            JobFacts(collector, key[0] or MICROSOFT_365, *key[1:], **values)  # type: ignore[arg-type] # the keys are field names
            for (collector, key), values in found.items()
        )

    @cached_property
    def scanned(self) -> Collection[str]:
        """The workloads in which the last scan found objects."""
        return {workload for _, (workload,), sample in self._keyed(SCANNED, ("workload",)) if sample.value > 0}

    def records(self, families: Iterable[str], key: Key) -> tuple[Record, ...]:
        """Return one record per collector and per combination of the label values in `key`.

        Each record contains the known values of the `families`. The records are in the order of the samples.
        """
        found: dict[tuple[str, Key], dict[str, float]] = {}
        for name in families:
            for collector, labels, sample in self._keyed(name, key):
                found.setdefault((collector, labels), {})[name] = sample.value
        return tuple(Record(collector, labels, values) for (collector, labels), values in found.items())

    def statuses(self, family: str, key: Key = ()) -> tuple[Status, ...]:
        """Return the values of the label `status`. This label must be the last label of the family."""
        return tuple(
            Status(collector, labels, sample.labels[-1]) for collector, labels, sample in self._keyed(family, key)
        )

    def _keyed(self, name: str, key: Key) -> Iterator[tuple[str, Key, Sample]]:
        read: Callable[[Sample], Key] | None = None
        for collector, sample in self._samples.get(name, ()):
            read = read or _key_reader(sample.family.labels, key)
            yield collector, read(sample), sample


def _key_reader(labels: tuple[str, ...], key: Key) -> Callable[[Sample], Key]:
    """Return a function that reads the labels in `key` from a sample. Labels that do not exist are read as ""."""
    places = {name: place for place, name in enumerate(labels[1:])}
    chosen = [places.get(name) for name in key]
    if len(key) > 1 and None not in chosen:  # This is the fast path for customers with many samples.
        read = itemgetter(*chosen)
        return lambda sample: read(sample.labels)
    return lambda sample: tuple("" if place is None else sample.labels[place] for place in chosen)
