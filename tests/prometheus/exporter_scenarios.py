"""Scenarios of the alerts on exporters, shards and customer lists."""

from typing import Final

from tests.prometheus.scenario import (
    ALWAYS,
    CUSTOMERS,
    Scenario,
    exporter,
    firing,
    overdue,
    partner,
    tenant,
    world,
)

_OVERDUE: Final = "AvePointBackupOverdue"
_GONE: Final = dict.fromkeys(partner(customers=CUSTOMERS[1:20]), "1x60 stale _x100 1x60")
_LIST: Final = {'avepoint_up{job="a", instance="i1", account="m", collector="customers"}': ALWAYS}
_VANISHED: Final = "AvePointCustomersVanished"
EXPORTER_SCENARIOS: Final = [
    Scenario(
        "the customer list shrinks from 20 to 1; resolved when it is whole again",
        {**exporter(), **_GONE, **partner()},
        [
            firing("60m", "AvePoint.+", 0),
            firing("72m", _VANISHED, account="m", severity="warning"),
            firing("160m", _VANISHED),
            firing("195m", _VANISHED, 0),
        ],
    ),
    Scenario(
        "the customer list shrinks from 2 to none, and stays so: ends after a day",
        {**exporter(), **dict.fromkeys(partner(customers=["c1", "c2"]), "1x60 stale"), **_LIST},
        [firing("72m", _VANISHED), firing("1400m", _VANISHED), firing("1560m", _VANISHED, 0)],
    ),
    Scenario(
        "two of 20 customers leave; and data missing while the target is down",
        {
            **exporter("1x200 stale _x100"),
            **partner("1x200 stale", customers=CUSTOMERS[:18]),
            **dict.fromkeys(partner(customers=CUSTOMERS[18:20]), "1x60 stale"),
            'avepoint_up{job="a", instance="i1", account="m", collector="customers"}': "1x200 stale",
            'avepoint_up{job="a", instance="i1", account="m", collector="customer_jobs"}': "1x200 stale",
        },
        [firing("120m", "AvePoint.+", 0), firing("290m", _VANISHED, 0)],
    ),
    Scenario(
        "a shard vanishes from service discovery for five hours: its problems stay, no customer counts as vanished",
        {
            **exporter(),
            **partner(customers=["c1", "c2"]),
            **overdue(ALWAYS),
            **exporter("1x60 stale _x300 1x200", instance="i2"),
            **partner("1x60 stale _x300 1x200", customers=CUSTOMERS[5:15], instance="i2"),
            **overdue("1x60 stale _x400", instance="i2", customer_id="c9"),
            'up{job="a", instance="i2"}': "1x60 stale _x300 1x200",
            'avepoint_exporter_shard{job="a", instance="i2"}': "1x60 stale _x300 1x200",
            'avepoint_exporter_total_shards{job="a", instance="i1"}': "2x5000",
        },
        [
            *(firing(time, _OVERDUE, 2) for time in ("50m", "62m", "70m", "200m", "355m")),
            firing("65m", "AvePointShardMissing", 0),
            firing("75m", "AvePointShardMissing", severity="critical"),
            firing("200m", _VANISHED, 0),
            firing("400m", _OVERDUE),
            firing("400m", "AvePointShardMissing", 0),
        ],
    ),
    Scenario(
        "one of two exporters vanishes with its account: its problems stay for a day",
        {
            **exporter(),
            **tenant(),
            **exporter("1x60 stale _x300 1x60", instance="i2"),
            **partner("1x60 stale _x300 1x60", instance="i2"),
            **overdue("1x60 stale _x300 1x60", instance="i2"),
            'up{job="a", instance="i2"}': "1x60 stale _x300 1x60",
        },
        [
            *(firing(time, _OVERDUE) for time in ("50m", "70m", "200m", "355m", "400m")),
            firing("65m", "AvePointAccountAbsent", 0),
            firing("75m", "AvePointAccountAbsent", account="m", severity="critical"),
            firing("400m", "AvePointAccountAbsent", 0),
        ],
    ),
    Scenario(
        "an account that was removed from the configuration, and data missing while all is down: no account is absent",
        {
            **exporter("1x200 stale _x200"),
            **tenant("1x200 stale _x200"),
            **partner("1x60 stale"),
            **overdue("1x60 stale"),
        },
        [
            firing("62m", _OVERDUE),
            firing("95m", _OVERDUE, 0),
            firing("150m", "AvePoint.+", 0),
            firing("350m", "AvePointAccountAbsent", 0),
        ],
    ),
    Scenario(
        "an exporter is down: before, firing, resolved; replaced by another target it is not",
        {**world("1x60 stale _x100 1x60"), 'up{job="b", instance="x"}': "0x500"},
        [
            firing("65m", "AvePoint.+", 0),
            firing("72m", "AvePointExporterDown", instance="i1", severity="critical"),
            firing("150m", "AvePointExporter.+"),
            firing("170m", "AvePointExporterDown", 0),
        ],
    ),
    Scenario(
        "an exporter is down for 30 hours: the alert and its problems stay",
        {**world("1x60 stale _x1800"), **exporter(job="b"), **overdue("1x60 stale")},
        [firing(time, alert) for time in ("100m", "1850m") for alert in ("AvePointExporterDown", _OVERDUE)],
    ),
    Scenario(
        "a target that is no exporter is down in the exporter's job",
        {**world(), 'up{job="a", instance="x"}': ALWAYS, 'up{job="a", instance="y"}': "0x5000"},
        [firing("60m", "AvePoint.+", 0)],
    ),
    Scenario(
        "no exporter was ever scraped",
        {'up{job="node", instance="x"}': "0x300"},
        [firing("5m", "AvePoint.+", 0), firing("60m", "AvePointExporterAbsent"), firing("60m", "AvePoint.+")],
    ),
    Scenario(
        "one of two jobs vanishes, and returns",
        {
            **world(),
            **dict.fromkeys((*exporter(job="b"), *tenant(job="b")), "1x60 stale _x60 1x60"),
        },
        [
            firing("50m", "AvePoint.+", 0),
            firing("75m", "AvePointExporterAbsent", job="b", severity="critical"),
            firing("75m", "AvePoint.+"),
            firing("125m", "AvePointExporterAbsent", 0),
        ],
    ),
    Scenario(
        "the exporter restarts: nothing of its own health fires",
        {**world("1x60 stale _x3 1x200"), **tenant("1x60 stale _x3 1x200")},
        [firing(time, "AvePoint.+", 0) for time in ("62m", "75m", "100m", "200m")],
    ),
]
