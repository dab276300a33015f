"""Values that AvePoint returns but the exporter cannot read. Problems that depend on these values are unknown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from exporter.collectors.base import Family, Sample


class Unread(NamedTuple):
    """An unreadable value, identified by the name of its family and by its labels.

    If all fields are "", a row was dropped. In this case, any value of the collector may be missing.
    """

    family: str = ""
    workload: str = ""
    geo_location: str = ""
    service_type: str = ""


DROPPED_ROW: Final = Unread()
UNREAD: Final = Family(
    "avepoint_unread_values",
    "1 if AvePoint returns a value of a family, but the exporter cannot read the value.",
    ("account", "customer_id", "family", *Unread._fields[1:]),
    internal=True,
)


def unread_samples(found: Iterable[Unread], customer_id: str = "") -> Iterator[Sample]:
    """Yield one sample for each unreadable value, without duplicates."""
    return (Sample(UNREAD, (customer_id, *one), 1.0) for one in dict.fromkeys(found))


def unread_families(unreadable: Iterable[str], families: Mapping[str, Family]) -> tuple[str, ...]:
    """Return the name of the family for each unreadable field. `families` maps each field to its family."""
    return tuple([families[field].name for field in unreadable if field in families]) if unreadable else ()
