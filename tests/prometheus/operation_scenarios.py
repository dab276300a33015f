"""Scenarios of the alerts on requests, credentials, data and the configuration."""

from typing import Final

from tests.prometheus.scenario import (
    ALWAYS,
    Scenario,
    Series,
    exporter,
    firing,
    tenant,
    world,
)


def _of_account(name: str, values: str, **labels: str) -> Series:
    text = "".join(f', {key}="{value}"' for key, value in labels.items())
    return {f'{name}{{job="a", instance="i1", account="t"{text}}}': values}


_LAST: Final = "avepoint_collector_last_success_timestamp_seconds"
OPERATION_SCENARIOS: Final = [
    Scenario(
        "data is stale three hours after the last success; a collector that is off, and data missing, are not",
        {
            **exporter(),
            **tenant(),
            **_of_account(_LAST, "0+60x60 3600x239 18000+60x100 stale", collector="jobs"),
            **_of_account(_LAST, "0x500", collector="off"),
            **_of_account("avepoint_collector_duration_seconds", "1x500", collector="off"),
        },
        [
            firing("250m", "AvePointDataStale", 0),
            firing("260m", "AvePointDataStale", collector="jobs", severity="warning"),
            firing("320m", "AvePointDataStale"),
            firing("390m", "AvePointDataStale", 0),
            firing("480m", "AvePointDataStale", 0),
        ],
    ),
    Scenario(
        "data of slow collectors is stale after 18 hours or three days",
        {
            **exporter(),
            **_of_account("avepoint_up", ALWAYS, collector="users"),
            **_of_account(_LAST, f"-{70 * 3600}x300", collector="users"),
            **_of_account("avepoint_up", ALWAYS, collector="ransomware"),
            **_of_account(_LAST, f"-{17 * 3600}x150 7200x150", collector="ransomware"),
        },
        [
            firing("1h", "AvePointDataStale", 0),
            firing("80m", "AvePointDataStale", collector="ransomware", severity="warning"),
            firing("3h", "AvePointDataStale", collector="users", severity="warning"),
            firing("190m", "AvePointDataStale", 1),
        ],
    ),
    Scenario(
        "throttled; data missing ends it",
        {
            **exporter(),
            **tenant(),
            **_of_account("avepoint_api_throttled_seconds_total", "0x60 0+50x150 7500x120"),
            **{
                name.replace('"t"', '"u"'): "0+50x20 stale"
                for name in _of_account("avepoint_api_throttled_seconds_total", "")
            },
        },
        [
            firing("80m", "AvePointThrottled", 0),
            firing("150m", "AvePointThrottled", account="t", severity="warning"),
            firing("325m", "AvePointThrottled", 0),
        ],
    ),
    Scenario(
        "token requests fail; data missing ends it",
        {
            **exporter(),
            **tenant(),
            **_of_account("avepoint_token_requests_total", "0+1x60 60x200", result="success"),
            **_of_account("avepoint_token_requests_total", "0x60 0+1x100 100x100 stale", result="denied"),
        },
        [
            firing("100m", "AvePointTokenRequestsFailing", 0),
            firing("140m", "AvePointTokenRequestsFailing", severity="warning"),
            firing("270m", "AvePointTokenRequestsFailing", 0),
        ],
    ),
    Scenario(
        "a certificate expires; renewed; data missing",
        {
            **exporter(),
            **tenant(),
            **_of_account("avepoint_certificate_expiry_timestamp_seconds", "1900000x100 260000x100 9000000x100 stale"),
        },
        [
            firing("60m", "AvePointCertificate.+", 0),
            firing("165m", "AvePointCertificateExpiresSoon", severity="warning"),
            firing("165m", "AvePointCertificateExpiresVerySoon", severity="critical"),
            firing("250m", "AvePointCertificate.+", 0),
            firing("400m", "AvePointCertificate.+", 0),
        ],
    ),
    Scenario(
        "a reload fails; data missing ends it",
        {**world(), 'avepoint_exporter_config_last_reload_successful{job="a", instance="i1"}': "1x60 0x60 stale"},
        [
            firing("65m", "AvePointConfigReloadFailed", 0),
            firing("75m", "AvePointConfigReloadFailed", instance="i1", severity="warning"),
            firing("125m", "AvePointConfigReloadFailed", 0),
        ],
    ),
    Scenario(
        "values are not understood: the first of a counter, more of another; data missing",
        {
            **exporter(),
            **tenant(),
            **_of_account("avepoint_parse_errors_total", "_x60 1x1000", path="/jobs", field="state"),
            **_of_account("avepoint_unknown_values_total", "5x600 6x400 stale", field="workload"),
        },
        [
            firing("365m", "AvePointValuesNotUnderstood", field="state", severity="warning"),
            firing("60m", "AvePointValuesNotUnderstood", field="state", number=0),
            firing("500m", "AvePointValuesNotUnderstood", field="state", number=0),
            firing("590m", "AvePointValuesNotUnderstood", field="workload", number=0),
            firing("730m", "AvePointValuesNotUnderstood", field="workload", severity="warning"),
            firing("980m", "AvePointValuesNotUnderstood", 0),
            firing("1100m", "AvePointValuesNotUnderstood", 0),
        ],
    ),
]
