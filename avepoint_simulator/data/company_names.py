"""Unique names for invented organizations."""

from __future__ import annotations

from typing import Final

_HEADS: Final = (
    "Alver", "Brund", "Corvel", "Drenn", "Elsk", "Fjarn", "Grell", "Hovar", "Isken", "Jolv", "Karrow", "Lundar",
    "Mervin", "Norrel", "Oskel", "Pellan", "Quarl", "Rostin", "Selvar", "Tarn", "Ulvek", "Vandel", "Wexar", "Yorrel",
)  # fmt: skip
_MIDDLES: Final = (
    "a", "abri", "e", "edo", "eli", "enna", "i", "iba", "ilo", "ista",
    "o", "obre", "olan", "osti", "u", "ube", "unda", "ura", "y", "yra",
)  # fmt: skip
_TAILS: Final = (
    "beck", "combe", "dahl", "fenn", "garth", "hythe", "kirk", "lund",
    "mere", "ness", "quist", "rigg", "stow", "thorpe", "vik", "wold",
)  # fmt: skip
_TRADES: Final = (
    "Accounting", "Architects", "Bakeries", "Brewing", "Clinics", "Dairy", "Dental Group", "Ferries", "Fisheries",
    "Foods", "Glassworks", "Horticulture", "Insurance", "Joinery", "Law", "Logistics", "Museum Trust", "Optics",
    "Packaging", "Pharmacies", "Precision", "Schools", "Textiles", "Water Board",
)  # fmt: skip
_COUNTRIES: Final = (
    "United Kingdom", "Germany", "France", "United States", "Netherlands", "Denmark", "Australia", "Canada",
    "Japan", "Switzerland", "Sweden", "Ireland",
)  # fmt: skip
_STEMS: Final = len(_HEADS) * len(_MIDDLES) * len(_TAILS)
# This prime number does not divide `_STEMS`. Therefore, no stem repeats until every stem has occurred once.
_STEP: Final = 104_729


def stem(number: int) -> str:
    """Return the first word of an organization's name."""
    rest, tail = divmod(number * _STEP % _STEMS, len(_TAILS))
    head, middle = divmod(rest, len(_MIDDLES))
    return f"{_HEADS[head]}{_MIDDLES[middle]}{_TAILS[tail]}"


def organization(number: int) -> str:
    """Return the name of organization `number`. The first 100,000 names are unique."""
    trade = (number + number // _STEMS) % len(_TRADES)
    return f"{stem(number)} {_TRADES[trade]}"


def owner_email(number: int) -> str:
    """Return the e-mail address of the owner of organization `number`, in the reserved domain example.com."""
    return f"owner.{stem(number).lower()}@example.com"


def country(number: int) -> str:
    """Return the country of organization `number`."""
    return _COUNTRIES[number * 7 % len(_COUNTRIES)]
