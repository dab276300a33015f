"""The results of a running refresh."""

from dataclasses import dataclass, field

from exporter.errors import AvePointError


@dataclass(slots=True)
class RefreshTally:
    """The results of a running refresh. The refresh ends as soon as `fatal` is set.

    While `is_trying` is true, `refused` collects errors that indicate a missing permission.
    """

    read: int = 0
    in_a_row: int = 0
    first_error: AvePointError | None = None
    fatal: AvePointError | None = None
    is_trying: bool = False
    refused: dict[str, AvePointError] = field(default_factory=dict)
