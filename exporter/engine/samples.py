"""Functions and types that store samples compactly and render them as lines in the exposition format.

The line of a sample is identical in text format 0.0.4 and in OpenMetrics 1.0. The two formats differ only in the HELP
and TYPE lines of counters.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.collectors.base import Family, Sample

Lines = Mapping[str, bytes]
"""Rendered samples, keyed by family name."""

_MAX_SHARED: Final = 10_000
_FIRST_EXPONENT: Final = 1e6  # Go writes this number and larger numbers with an exponent.
_FIRST_EXPONENT_OF_PYTHON: Final = 1e16  # Python itself writes this number and larger numbers with an exponent.
_SPECIAL_NUMBERS: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The family and the labels of a sample, except the customer id. `end` contains the rendered labels.

    Several customers can share a series. Series are compared by identity, because this makes dictionary lookups fast.
    """

    family: Family
    labels: tuple[str, ...]
    is_of_customer: bool
    end: str


class CustomerSamples(Collection[Sample]):
    """The samples of one customer.

    Customers share series. Therefore, this class needs only a tenth of the memory that `Sample` records would need.
    """

    __slots__ = ("_customer_id", "_series", "_values")

    def __init__(self, customer_id: str, series: tuple[Series, ...], values: Collection[float]) -> None:
        self._customer_id = customer_id
        self._series = series
        self._values = array("d", values)

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, sample: object) -> bool:
        return any(sample == one for one in self)

    def __iter__(self) -> Iterator[Sample]:
        for one, value in zip(self._series, self._values, strict=True):
            yield Sample(one.family, (self._customer_id, *one.labels) if one.is_of_customer else one.labels, value)

    def lines(self, account: str) -> Lines:
        """Return the samples as rendered lines."""
        start = label_text(("account", "customer_id"), (account, self._customer_id))
        plain_start = label_text(("account",), (account,))
        lines: dict[str, list[str]] = {}
        for one, value in zip(self._series, self._values, strict=True):
            name = one.family.name
            text = f"{name}{{{start if one.is_of_customer else plain_start}{one.end}}} {number_text(value)}\n"
            lines.setdefault(name, []).append(text)
        return {name: "".join(texts).encode() for name, texts in lines.items()}


class SharedSeries:
    """Saves memory by keeping one copy of each series that several customers of a collector have in common."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, tuple[str, ...]], Series] = {}
        self._combinations: dict[tuple[Series, ...], tuple[Series, ...]] = {}

    def samples(self, customer_id: str, samples: Collection[Sample]) -> CustomerSamples:
        """Return a customer's samples. Customers with identical series share the Series objects."""
        if len(self._series) > _MAX_SHARED:
            self._series.clear()  # Series that a CustomerSamples object uses stay in memory.
        series = tuple(self._shared(customer_id, sample.family, sample.labels) for sample in samples)
        if len(self._combinations) > _MAX_SHARED:
            self._combinations.clear()
        series = self._combinations.setdefault(series, series)
        return CustomerSamples(customer_id, series, [sample.value for sample in samples])

    def _shared(self, customer_id: str, family: Family, labels: tuple[str, ...]) -> Series:
        is_of_customer = family.labels[1:2] == ("customer_id",) and labels[0] == customer_id
        labels = labels[1:] if is_of_customer else labels
        series = self._series.get((family.name, labels))
        if series is None:
            text = label_text(family.labels[2 if is_of_customer else 1 :], labels)
            series = Series(family, labels, is_of_customer, f",{text}" if text else "")
            self._series[family.name, labels] = series
        return series


def lines_of(samples: Collection[Sample], account: str) -> Lines:
    """Render `Sample` records. Return the lines, keyed by family name."""
    lines: dict[str, list[str]] = {}
    for sample in samples:
        lines.setdefault(sample.family.name, []).append(line(sample, account))
    return {name: "".join(texts).encode() for name, texts in lines.items()}


def line(sample: Sample, account: str) -> str:
    """Render a sample as a line. Labels without a value are omitted."""
    labels = label_text(sample.family.labels, (account, *sample.labels))
    return f"{sample.family.name}{{{labels}}} {number_text(sample.value)}\n"


def label_text(names: Iterable[str], values: Iterable[str]) -> str:
    """Render labels in the exposition format. Labels without a value are omitted."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True) if value])


def number_text(value: float) -> str:
    """Format a number as Go does. The official client libraries use the same format."""
    text = repr(float(value))
    if _FIRST_EXPONENT <= value < _FIRST_EXPONENT_OF_PYTHON:
        whole, _, fraction = text.partition(".")
        return f"{f'{whole[0]}.{whole[1:]}{fraction}'.rstrip('0.')}e+{len(whole) - 1:02}"
    return _SPECIAL_NUMBERS.get(text, text)


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value
