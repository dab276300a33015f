"""The chart's NOTES.txt is correct for every values file in ci/."""

import pytest

from tests.helm.chart import CASES, notes

NOTES: dict[str, tuple[list[str], list[str]]] = {
    "defaults": (["NO POD RUNS"], ["port-forward", "SIMULATED"]),
    "demo": (["ALL DATA ARE SIMULATED"], ["avepoint-exporter check", "NO POD RUNS", "state is lost"]),
    "minimal": (
        ["1 account: contoso (tenant).", "contoso needs Secret contoso with key client-secret.", "http://"],
        ["s: "],
    ),
    "existing-secret": (["2 accounts: contoso (tenant), fabrikam (tenant).", "with keys app.pfx and password."], []),
    "inline-secret": (["exec deployment/prod-avepoint-exporter -- avepoint-exporter check"], ["needs Secret"]),
    "certificate": (["1 account"], ["needs Secret"]),
    "partner": (["msp (partner)"], []),
    "tenant": (["contoso (tenant)"], []),
    "operator": (["through ServiceMonitor prod-avepoint-exporter."], ["No alert rules", "not find"]),
    "network-policy": (["state is lost", "scrape\nhttp://prod-avepoint-exporter.monitoring.svc:10087/metrics."], []),
    "sharded": (
        [
            "4 pods share",
            "exporter-0 to prod-avepoint-exporter-3.",
            "pod/prod-avepoint-exporter-0 10087:",
            "statefulset/",
        ],
        ["deployment/", "state is lost", ".svc:"],
    ),
    "persistent-storage": (["rollout status deployment/"], ["state is lost"]),
    "standby": (
        [
            "The pods need the URL of a PostgreSQL database in key url of Secret avepoint-database",
            "through ServiceMonitor",
        ],
        ["state is lost", "monitoring.svc"],
    ),
    "pod-monitor": (
        ["namespace backup-monitoring.", "through PodMonitor", "--namespace backup-monitoring"],
        ["monitoring.svc"],
    ),
    "ingress": (["service/prod-avepoint-exporter 10087:10087"], ["Do not scrape"]),
    "http-route": (["service/prod-avepoint-exporter 10087:10087"], ["Do not scrape"]),
    "listener-tls": (["--insecure --cert CERTIFICATE --key KEY --user NAME https://localhost"], ["http://"]),
    "listener-server-tls": (["curl --insecure https://localhost:10087/metrics"], ["http://", "--user", "--cert"]),
    "existing-config": (
        ["key config.yaml of Secret avepoint-exporter-config.", "--user NAME", "check every account"],
        ["accounts:"],
    ),
    "image-digest": (["service/prod-avepoint-exporter 10087:10087"], []),
}


def test_notes_are_looked_at_for_every_case() -> None:
    assert NOTES.keys() == CASES.keys()


@pytest.mark.parametrize("case", NOTES)
def test_notes_are_right(case: str) -> None:
    said, unsaid = NOTES[case]
    text = notes(CASES[case])

    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []
    assert "<no value>" not in text
    assert "\n\n\n" not in text


def test_a_route_to_shards_is_no_target() -> None:
    route = {"ingress": {"enabled": True, "hosts": [{"host": "avepoint.example.com"}]}}

    assert "The Ingress sends each request to one of the shards. Do not scrape the Ingress." in notes(
        CASES["sharded"] | route
    )
