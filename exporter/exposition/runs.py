"""Runs of reads compressed together, and kept until one of the run changes."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from exporter.exposition.compression import Part, compress

T = TypeVar("T")
Lines = Mapping[str, bytes]

_LENGTH: Final = 50  # more reads compress better together, fewer leave less to do when one changes


@dataclass(frozen=True, slots=True)
class Run:
    """The compressed lines of a run by family, and what tells it from a changed one."""

    marks: tuple[Hashable, ...]
    parts: Mapping[str, Part]


class Runs:
    """Compresses runs, or finds them as they were on the last page; `used` are those of this page."""

    def __init__(self, former: Mapping[Hashable, Run]) -> None:
        self._former = former
        self.used: dict[Hashable, Run] = {}

    def compress(
        self, place: str, items: Sequence[T], mark: Callable[[T], Hashable], lines: Callable[[T], Lines]
    ) -> Iterator[Mapping[str, Part]]:
        """Give the parts of each run of items by family; items of one `mark` have the same lines."""
        for start in range(0, len(items), _LENGTH):
            chosen = items[start : start + _LENGTH]
            marks = tuple(map(mark, chosen))
            run = self._former.get((place, start))
            if run is None or run.marks != marks:
                run = Run(marks, {name: compress(text) for name, text in _joined(map(lines, chosen)).items()})
            self.used[place, start] = run
            yield run.parts


def _joined(texts: Iterator[Lines]) -> Lines:
    joined: dict[str, list[bytes]] = {}
    for lines in texts:
        for name, text in lines.items():
            joined.setdefault(name, []).append(text)
    return {name: b"".join(parts) for name, parts in joined.items()}
