"""Scenarios select the problems of each customer."""

from __future__ import annotations

from random import Random
from typing import Final, Literal, get_args

Scenario = Literal["varied", "healthy", "typical", "incident"]
"""`varied`: many different problems, for tests of clients. `healthy`: no problems.

`typical`: 5 % of the customers have a problem. `incident`: an outage, ransomware and throttling.
"""
SCENARIOS: Final[tuple[Scenario, ...]] = get_args(Scenario)

Condition = Literal[
    "outage",  # for more than a day, no workload has started a job
    "failing",  # the jobs of one workload fail
    "overdue",  # the last job of one workload started more than a day ago
    "stuck",  # one job has been running for more than a day
    "waiting",  # one workload waits for configuration
    "unprotected",  # many objects have no backup
    "users unprotected",  # many users have no backup
    "scan failed",
    "consent missing",  # the Microsoft 365 tenant has not consented to the backup app
    "ransomware",  # some sites show signs of ransomware
    "status failed",
    "expiring",  # the subscription expires soon
]
_BLOCK: Final = 20
"""In the scenario `typical`, one customer in each block of 20 has a problem."""
_ATTACKED: Final = 4
"""In the scenario `incident`, the customer at this position in each block of 20 shows signs of ransomware."""
_TYPICAL: Final[tuple[frozenset[Condition], ...]] = (
    frozenset({"overdue"}),
    frozenset({"failing", "status failed"}),
    frozenset({"unprotected"}),
    frozenset({"expiring"}),
    frozenset({"stuck"}),
    frozenset({"users unprotected"}),
    frozenset({"consent missing"}),
    frozenset({"scan failed"}),
)
_NONE: Final[frozenset[Condition]] = frozenset()


def conditions(scenario: Scenario, seed: int, number: int) -> frozenset[Condition]:
    """Return the problems of customer `number`. The scenario `varied` does not use the problem "expiring"."""
    if scenario == "varied":
        return _varied(number)
    if scenario == "incident" and number % 10 in (1, 4, 7):
        is_attacked = number % _BLOCK == _ATTACKED
        return frozenset({"outage", "status failed", "ransomware"} if is_attacked else {"outage", "status failed"})
    return _NONE if scenario == "healthy" else _typical(seed, number)


def _typical(seed: int, number: int) -> frozenset[Condition]:
    block, place = divmod(number, _BLOCK)
    # Skip the first three customers, because one of these customers has no backup product.
    chosen = Random(f"{seed}:problem:{block}").randrange(3, _BLOCK)
    return _TYPICAL[(seed - 1 + block) % len(_TYPICAL)] if place == chosen else _NONE


def _varied(number: int) -> frozenset[Condition]:
    found: set[Condition] = set()
    if number % 25 == 7:
        found.add("waiting")
    if number % 25 == 5:
        found.add("stuck")
    if number % 10 == 4:
        found |= {"failing", "scan failed"}
    if number % 7 == 3:
        found |= {"unprotected", "users unprotected"}
    if number % 25 == 9:
        found.add("consent missing")
    if number % 25 == 13:
        found.add("ransomware")
    return frozenset(found)
