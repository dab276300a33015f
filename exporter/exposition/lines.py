"""Samples as lines of text, and the text of each read kept as long as the read is known.

A sample's line is the same in the text format 0.0.4 and in OpenMetrics 1.0; only the head of a counter differs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client.utils import floatToGoString

from exporter.collectors.base import Family, Sample
from exporter.engine.shared_samples import CustomerSamples
from exporter.engine.snapshot import ReadResult

_MOST_ENDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class FamilyText:
    """The lines of one read by family; two texts of one number are the same."""

    number: int
    lines: Mapping[str, bytes]


class FamilyTexts:
    """Renders reads, each once."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[ReadResult, FamilyText] = WeakKeyDictionary()
        self._numbers = count(1)
        self._ends: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def prepare(self, account: str, known: ReadResult, former: ReadResult | None = None) -> FamilyText:
        """Render a read; where it says what the `former` one said, that one's text stands for both."""
        lines = self._rendered(account, known)
        text = None if former is None else self._kept.get(former)
        if text is None or text.lines != lines:
            text = FamilyText(next(self._numbers), lines)
        self._kept[known] = text
        return text

    def of(self, account: str, known: ReadResult) -> FamilyText:
        """Give the text of a read, rendered now if it was not before."""
        return self._kept.get(known) or self.prepare(account, known)

    def _rendered(self, account: str, known: ReadResult) -> Mapping[str, bytes]:
        of_customer = isinstance(known.samples, CustomerSamples)
        lines: dict[str, list[str]] = {}
        for text, family in self._lines(account, known.samples) if of_customer else _lines(account, known.samples):
            lines.setdefault(family.name, []).append(text)
        return {name: "".join(parts).encode() for name, parts in lines.items()}

    def _lines(self, account: str, samples: Iterable[Sample]) -> Iterator[tuple[str, Family]]:
        """Give what `line` gives; what customers have in common is made once."""
        starts: dict[tuple[str, ...], str] = {}
        if len(self._ends) > _MOST_ENDS:
            self._ends.clear()
        for family, labels, number in samples:
            first = (*family.labels[1:2], *labels[:1])
            start = starts.get(first)
            if start is None:
                start = starts[first] = _labels(family.labels[:2], (account, *labels[:1]))
            rest = (family.labels, labels[1:])
            end = self._ends.get(rest)
            if end is None:
                text = _labels(family.labels[2:], labels[1:])
                end = self._ends[rest] = f",{text}" if text else ""
            yield f"{family.name}{{{start}{end}}} {_number(number)}\n", family


def _lines(account: str, samples: Iterable[Sample]) -> Iterator[tuple[str, Family]]:
    for sample in samples:
        yield line(sample, account), sample.family


def line(sample: Sample, account: str) -> str:
    """Give a sample's line; a label without a value is left out."""
    labels = _labels(sample.family.labels, (account, *sample.labels))
    return f"{sample.family.name}{{{labels}}} {_number(sample.value)}\n"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True) if value])


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call] # the library leaves it untyped


def head(family: Family, *, openmetrics: bool = False) -> str:
    """Give a family's HELP and TYPE; OpenMetrics names a counter without its ending."""
    name = bare(family) if openmetrics else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"


def bare(family: Family) -> str:
    """Give a family's name, a counter's without its ending."""
    return family.name.removesuffix("_total") if family.type == "counter" else family.name


def _escaped(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value
