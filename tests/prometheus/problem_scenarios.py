"""Scenarios of the alerts on problems: firing, resolved, missing data, and restarts with and without stored state."""

from collections.abc import Iterator, Mapping
from typing import Final

from exporter.health.registry import PROBLEMS
from tests.prometheus.scenario import (
    ALWAYS,
    CUSTOMERS,
    EXCHANGE,
    Expected,
    Scenario,
    Series,
    exporter,
    firing,
    overdue,
    partner,
    problem,
    world,
)

ALERT_OF: Final[Mapping[str, str]] = {
    "seats_exceeded": "AvePointSeatsExceeded",
    **{
        one.name: "AvePoint" + "".join(word.capitalize() for word in one.name.split("_"))
        for one in PROBLEMS
        if one.name != "success_unknown"
    },
}
"""The alert of each problem."""
_OVERDUE: Final = "AvePointBackupOverdue"


def _all_problems(values: str) -> Series:
    """Return every problem once, each for a different customer."""
    series: Series = {}
    for one in PROBLEMS:
        series |= problem(values, one.name, one.severity, customer_id=f"of-{one.name}", **EXCHANGE)
        series |= partner(ALWAYS, customers=[f"of-{one.name}"])
    return series | problem(values, "brand_new", "warning", customer_id="of-brand-new")


_NUMBER: Final = len(PROBLEMS) - 1 + 1
"""The alerts for `_all_problems`; success_unknown has no alert, and the unknown problem has one."""


def _severities(time: str) -> Iterator[tuple[str, str, Expected]]:
    for one in PROBLEMS:
        if one.name in ALERT_OF:
            yield firing(time, ALERT_OF[one.name], severity=one.severity, organization=f"Org of-{one.name}")
    yield firing(time, "AvePointOtherProblem", severity="warning")


def _down(values: str) -> Series:
    """Return the series of an exporter with all problems. While values are missing, the target is down."""
    gone = {name: values for name in _all_problems(values) if not name.startswith("up{")}
    return {**exporter(values), **gone}


PROBLEM_SCENARIOS: Final = [
    Scenario(
        "each problem: before, firing with its severity and organization, resolved",
        {**world(), **_all_problems("_x20 1x60 stale")},
        [
            firing("28m", "AvePoint.+", 0),
            firing("32m", "AvePoint.+", _NUMBER),
            *_severities("32m"),
            firing("105m", "AvePoint.+", _NUMBER),
            firing("125m", "AvePoint.+", 0),
        ],
    ),
    Scenario(
        "each problem: data missing while the target is down for five hours, then resolved",
        _down("1x30 stale _x300 1x90"),
        [
            *(firing(time, "AvePoint(Backup|Other).*", 5) for time in ("20m", "32m", "40m", "200m", "331m", "400m")),
            firing("300m", "AvePointExporterDown", severity="critical"),
            firing("400m", "AvePointExporterDown", 0),
        ],
    ),
    Scenario(
        "each problem: exporter restarted with memory, missing for three minutes",
        _down("1x30 stale _x3 1x90"),
        [firing(time, "AvePoint.+", _NUMBER) for time in ("20m", "31m", "33m", "35m", "50m", "80m", "110m")],
    ),
    Scenario(
        "each problem: exporter restarted without memory finds the problems again after 20 minutes",
        _down("1x30 stale _x1 1x90") | _all_problems("1x30 stale _x20 1x90"),
        [firing(time, "AvePoint.+", _NUMBER) for time in ("20m", "31m", "40m", "52m", "80m", "110m")],
    ),
    Scenario(
        "a restart without memory of an exporter that needs 50 minutes for its first customers",
        {
            **exporter("1x30 stale _x1 1x300"),
            'process_start_time_seconds{job="a", instance="i1"}': "-9999x30 stale _x1 1900x300",
            **partner("1x30 stale _x50 1x200"),
            **overdue("1x30 stale _x50 1x200"),
        },
        [firing(time, _OVERDUE) for time in ("20m", "40m", "70m", "80m", "90m", "130m")],
    ),
    Scenario(
        "overdue: the last success is unknown since a restart without memory, then no success is known",
        {
            **world("1x30 stale _x1 1x3000"),
            **overdue("1x30 stale"),
            **problem("_x42 1x1440 stale", "success_unknown", "info", **EXCHANGE),
            **problem("_x1482 1x300 stale", "backup_never_succeeded", "critical", **EXCHANGE),
        },
        [
            *(firing(time, _OVERDUE) for time in ("20m", "41m", "45m", "100m", "700m", "1490m", "1780m")),
            firing("1700m", "AvePointBackupNeverSucceeded", 0),
            firing("1700m", "AvePointOtherProblem", 0),
            firing("1830m", "AvePoint.+", 0),
        ],
    ),
    Scenario(
        "overdue: the last success is unknown since a restart without memory, then a backup succeeds",
        {
            **world("1x30 stale _x1 1x3000"),
            **overdue("1x30 stale"),
            **problem("_x42 1x100 stale", "success_unknown", "info", **EXCHANGE),
        },
        [firing("140m", _OVERDUE), firing("180m", _OVERDUE, 0)],
    ),
    Scenario(
        "overdue: nothing holds it if no backup is expected after a restart without memory",
        {**world("1x30 stale _x1 1x3000"), **overdue("1x30 stale")},
        [firing("50m", _OVERDUE), firing("75m", _OVERDUE, 0)],
    ),
    Scenario(
        "overdue: no series for 20 minutes, then the last success is unknown",
        {
            **{name: values.replace("1x5000", "1x30 _x20 1x300") for name, values in world().items()},
            **overdue("1x10 _x40"),
            **problem("1x30 _x20 1x300", "success_unknown", "info", **EXCHANGE),
        },
        [firing(time, _OVERDUE) for time in ("12m", "28m", "70m", "100m")],
    ),
    Scenario(
        "a success is unknown: no alert of its own",
        {**world(), **problem(ALWAYS, "success_unknown", "info", **EXCHANGE)},
        [firing("60m", "AvePoint.+", 0)],
    ),
    Scenario(
        "a renamed customer has both names for half an hour at most; a lost name stays",
        {
            **exporter(),
            **partner("1x60 stale"),
            'avepoint_up{job="a", instance="i1", account="m", collector="customers"}': ALWAYS,
            'avepoint_customer_up{job="a", instance="i1", account="m", customer_id="c1", collector="customer_jobs"}': (
                ALWAYS
            ),
            'avepoint_customer_info{job="a", instance="i1", account="m", customer_id="c1", organization="New"}': (
                "_x61 1x100 stale"
            ),
            **overdue(ALWAYS),
        },
        [
            *(firing(time, _OVERDUE) for time in ("55m", "65m", "110m")),
            *(firing(time, _OVERDUE, organization="New") for time in ("110m", "300m")),
        ],
    ),
    Scenario(
        "a replica is gone: each problem counts once, and stays",
        {
            **world(),
            **{name.replace("i1", "i2"): "1x60 stale" for name in world()},
            'up{job="a", instance="i2"}': "1x60 0x300",
            **overdue(ALWAYS),
            **overdue("1x60 stale", instance="i2"),
        },
        [
            *(firing(time, _OVERDUE) for time in ("50m", "62m", "200m")),
            firing("200m", "AvePointExporterDown"),
            firing("200m", "AvePoint.+", 2),
        ],
    ),
]


def _portfolio(wrong: Mapping[str, str]) -> Series:
    series = {**exporter(), **partner(customers=CUSTOMERS)}
    for customer, values in wrong.items():
        series |= overdue(values, customer_id=customer)
    return series


_MANY: Final = "AvePointManyCustomersAffected"
PORTFOLIO_SCENARIOS: Final = [
    Scenario(
        "many customers: begins with a fifth, stays until below 5 %",
        _portfolio({customer: f"_x30 1x{400 if n < 2 else 100} stale" for n, customer in enumerate(CUSTOMERS[:12])}),
        [
            firing("35m", _MANY, 0),
            firing("42m", _MANY, problem="backup_overdue", severity="critical"),
            firing("42m", _OVERDUE, 12),
            firing("100m", _MANY),
            firing("300m", _MANY),
            firing("475m", _MANY, 0),
        ],
        alerts=[
            (
                "45m",
                _MANY,
                {"job": "a", "account": "m", "problem": "backup_overdue", "severity": "critical"},
                {
                    "summary": "12 of 40 customers of m have the problem backup_overdue",
                    "description": "12 customers of account m have the problem backup_overdue. The alert "
                    "fires at 20 % of the customers, and resolves when fewer than 5 % have the problem. Alerts for "
                    "single customers with this problem are inhibited.",
                    "runbook_url": "https://github.com/avepoint-exporter/avepoint-exporter/blob/main/docs/runbooks/"
                    "AvePointManyCustomersAffected.md",
                },
            )
        ],
    ),
    Scenario(
        "many customers: below a fifth it does not begin; neither with fewer than ten customers",
        {
            **_portfolio(dict.fromkeys(CUSTOMERS[:7], ALWAYS)),
            **partner(account="small", customers=["c1", "c2"]),
            **overdue(ALWAYS, account="small"),
        },
        [firing("60m", _MANY, 0), firing("60m", _OVERDUE, 8)],
    ),
    Scenario(
        "many customers: data missing while the target is down",
        {
            name: values.replace(ALWAYS, "1x60 stale _x100 1x100").replace("1x160", "1x60 stale _x100 1x100")
            for name, values in _portfolio(dict.fromkeys(CUSTOMERS[:12], "1x160")).items()
        }
        | {'up{job="a", instance="i1"}': "1x60 0x100 1x100"},
        [firing(time, _MANY) for time in ("20m", "62m", "75m", "150m", "170m", "200m")],
    ),
]
