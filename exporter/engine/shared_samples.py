"""The samples of customers in little room: what many customers have in common is kept once."""

from array import array
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from exporter.collectors.base import Family, Sample

Series = tuple[Family, tuple[str, ...]]
"""A family and labels; of a customer's series without the customer's id."""

_MOST_SHARED: Final = 10_000


class CustomerSamples(Collection[Sample]):
    """The samples of one customer, a tenth as large as so many `Sample`: the series are shared between customers."""

    __slots__ = ("_customer_id", "_series", "_values")

    def __init__(self, customer_id: str, series: tuple[Series, ...], values: Iterable[float]) -> None:
        self._customer_id = customer_id
        self._series = series
        self._values = array("d", values)

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, sample: object) -> bool:
        return any(sample == one for one in self)

    def __iter__(self) -> Iterator[Sample]:
        for (family, labels), value in zip(self._series, self._values, strict=True):
            is_whole = len(labels) == len(family.labels) - 1
            yield Sample(family, labels if is_whole else (self._customer_id, *labels), value)


class SharedSeries:
    """The series that the customers of a collector have in common, each kept once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[str, ...]], Series] = {}

    def samples(self, customer_id: str, samples: Collection[Sample]) -> CustomerSamples:
        """Give a customer's samples with shared series."""
        if len(self._kept) > _MOST_SHARED:
            self._kept.clear()  # of names that come and go; what is in use stays with its users
        series = tuple(self._shared(customer_id, sample) for sample in samples)
        return CustomerSamples(customer_id, series, (sample.value for sample in samples))

    def _shared(self, customer_id: str, sample: Sample) -> Series:
        family, labels = sample.family, sample.labels
        is_of_customer = family.labels[1:2] == ("customer_id",) and labels[0] == customer_id
        shared = labels[1:] if is_of_customer else labels
        series = self._kept.get((family.name, shared))
        if series is None:
            series = self._kept[family.name, shared] = (family, shared)
        return series
