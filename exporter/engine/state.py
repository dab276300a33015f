"""What outlives a restart: one file a collector, written whole or not at all. No secret and no token is in it."""

import asyncio
import hashlib
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.collectors.base import Family, Sample
from exporter.config.schema import Account, Labels
from exporter.engine.samples import SharedSeries
from exporter.engine.snapshot import CollectorEntry, ReadResult
from exporter.errors import ConfigError

_FORMAT: Final = "avepoint-exporter"
_VERSION: Final = 1
_PLAIN: Final[Mapping[str, object]] = {**Labels().model_dump(), "tenant": Labels().organization, "geo_location": []}
_READ_KEYS: Final = frozenset({"read_at", "samples"})
_LABEL: Final = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class StoredState:
    """What was stored of one collector: the reads by customer id, the last success, and what it remembers."""

    known: Mapping[str, ReadResult]
    last_success: float | None
    remembered: object


class StateStore:
    """A folder with one file for each collector of each account."""

    def __init__(
        self, folder: Path, families: Iterable[Family], clock: Clock, log: structlog.stdlib.BoundLogger
    ) -> None:
        """Make sure that the folder can be written; raises ConfigError."""
        self._folder = folder
        self._families = {family.name: family for family in families}
        self._clock = clock
        self._log = log
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            for left_over in folder.glob("*--*.new"):  # of a write that was killed
                left_over.unlink(missing_ok=True)
        except OSError as error:
            reason, what_to_do = (error.strerror or "unusable").lower(), "name a folder that the exporter may write"
            raise ConfigError([f"--storage.path: {folder}: {reason}; {what_to_do}"]) from None

    async def save(self, account: Account, entry: CollectorEntry, dump_state: Callable[[], object]) -> None:
        """Write what is known of one collector now; a failure is logged and costs nothing else."""
        known, last_success, remembered = dict(entry.reads), entry.status.last_success, dump_state()
        try:
            await asyncio.to_thread(self._write, account, entry.collector, StoredState(known, last_success, remembered))
        except OSError as error:
            self._log.error("state not stored", file=str(self._path(account, entry.collector)), error=error)

    def load(self, account: Account, collector: str) -> StoredState | None:
        """Read what was stored; a file that is not ours is set aside, one of another registration is ignored."""
        path = self._path(account, collector)
        try:
            document = json.loads(path.read_bytes(), object_hook=self._reader())
            if document["format"] != _FORMAT or document["version"] != _VERSION:
                raise ValueError("another format or version")
            if document["registration"] != registration_id(account):
                self._log.info("stored state is of another registration; not used", file=str(path))
                return None
            return self._stored(document, changed_labels(document.get("appearance"), account))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.error("stored state cannot be read", file=str(path), error=error)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            self.set_aside(account, collector, error)
        return None

    def set_aside(self, account: Account, collector: str, error: Exception) -> None:
        """Rename a file that is of no use, so that it can be looked at."""
        path = self._path(account, collector)
        aside = path.with_suffix(f".unreadable-{int(self._clock.time())}")
        self._log.warning("stored state is not usable; set aside", file=str(path), aside=str(aside), error=error)
        try:
            path.replace(aside)
        except OSError as problem:
            self._log.error("stored state cannot be set aside", file=str(path), error=problem)

    def _path(self, account: Account, collector: str) -> Path:
        return self._folder / f"{account.name}--{collector}.json"

    @staticmethod
    def _stored(document: Mapping[str, Any], changed: frozenset[str]) -> StoredState:
        last_success, known = document["last_success"], dict(document["known"].items())
        if not all(isinstance(one, ReadResult) for one in known.values()):
            raise ValueError("known holds something else")
        return StoredState(
            {customer: one.without_labels(changed) for customer, one in known.items()},
            None if last_success is None else _number(last_success),
            document["remembered"],
        )

    def _reader(self) -> Callable[[dict[str, Any]], object]:
        """Return a hook that decodes each read of the file into a record: all reads at once are large."""
        shared = SharedSeries()

        def read(decoded: dict[str, Any]) -> object:
            return self._known(decoded, shared) if decoded.keys() - {"is_complete"} == _READ_KEYS else decoded

        return read

    def _known(self, entry: Mapping[str, Any], shared: SharedSeries) -> ReadResult:
        """Rebuild a read with its true age; a family that is gone since is left out."""
        read_at = _number(entry["read_at"])
        age = max(0.0, self._clock.time() - read_at)
        samples: Collection[Sample] = tuple(
            Sample(self._families[name], _labels(labels, self._families[name]), _number(value, most=math.inf))
            for name, labels, value in entry["samples"]
            if name in self._families
        )
        customers = {sample.labels[0] for sample in samples if sample.family.labels[1:2] == ("customer_id",)}
        if len(customers) == 1:
            samples = shared.samples(customers.pop(), samples)
        is_complete = entry.get("is_complete", True) is True
        return ReadResult(samples, read_at, self._clock.monotonic() - age, is_complete=is_complete)

    def _write(self, account: Account, collector: str, stored: StoredState) -> None:
        """Write a new file beside the old one and put it in its place, so that a kill leaves one of the two."""
        path = self._path(account, collector)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=f"{path.stem}.", suffix=".new")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(_document(account, stored))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _document(account: Account, stored: StoredState) -> Iterator[str]:
    """Yield the file read by read: a portfolio in one piece is large, and blocks the event loop."""
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "registration": registration_id(account),
        "appearance": label_settings(account),
        "last_success": stored.last_success,
        "remembered": stored.remembered,
    }
    yield f'{_json(head)[:-1]},"known":{{'
    for number, (customer, known) in enumerate(stored.known.items()):
        samples = [[sample.family.name, sample.labels, sample.value] for sample in known.samples]
        read: dict[str, object] = {"read_at": known.read_at, "samples": samples}
        if not known.is_complete:
            read["is_complete"] = False
        yield f"{',' if number else ''}{_json(customer)}:{_json(read)}"
    yield "}}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def registration_id(account: Account) -> str:
    """Return a hash of type, URL and client ID: accounts of one name and hash are the same account."""
    text = "\n".join((account.type, account.api_url, account.auth.client_id))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def label_settings(account: Account) -> Mapping[str, object]:
    """Return the configuration that decides the values of labels, by label name, as JSON."""
    labels = account.labels
    return {**labels.model_dump(), "tenant": labels.organization, "geo_location": list(account.locations)}


def changed_labels(former: object, account: Account) -> frozenset[str]:
    """Name the labels whose values an `appearance` of before gave otherwise: what has them may not be shown again."""
    before = former if isinstance(former, Mapping) else {}
    return frozenset(name for name, how in label_settings(account).items() if before.get(name, _PLAIN[name]) != how)


def _number(value: object, *, most: float = sys.float_info.max) -> float:
    if not isinstance(value, int | float) or not -sys.float_info.max <= value <= most:
        raise ValueError("not a number")
    return float(value)


def _labels(labels: object, family: Family) -> tuple[str, ...]:
    if not isinstance(labels, list) or len(labels) != len(family.labels) - 1:
        raise ValueError(f"labels of {family.name}")
    return tuple(_LABEL.sub("\N{REPLACEMENT CHARACTER}", str(label)) for label in labels)
