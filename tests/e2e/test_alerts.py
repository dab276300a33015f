"""An alert passes from the simulator through exporter, Prometheus and Alertmanager to a webhook.

In the rules of this test, each `for` and `keep_firing_for` is one second.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from avepoint_simulator.application import Simulator
from avepoint_simulator.data.portfolio import StaticPortfolio
from avepoint_simulator.data.records import ActivityRecord, CustomerRecord, JobRecord, LicenseRecord, SubscriptionRecord
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.switches import Switches
from avepoint_simulator.tokens import AppCredentials
from tests.e2e.processes import eventually, exporter, fetch, free_port, prometheus, running
from tests.e2e.receiver import Inbox, impatient_rules, received, webhook
from tests.programs import Monitoring

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
expectations: {{status_after: 0s}}
accounts:
  - name: contoso
    type: tenant
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    collectors: {{jobs: {{interval: 1s}}, license: {{interval: 1s}}, unusual_activity: {{interval: 1s}}}}
  - name: msp
    type: partner
    base_url: {url}
    token_url: {url}/connect/token
    auth: {{client_id: {app.client_id}, client_secret: {app.client_secret}}}
    collectors: {{customers: {{interval: 1s}}, protected_data: {{interval: 1s}}, subscriptions: {{interval: 1s}}}}
"""
SCRAPE = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: avepoint
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""
_ALL_IS_READ = 'count(avepoint_up{collector=~"jobs|license|customers|protected_data"} == 1) == 4'
_MORE_IS_READ = 'count(avepoint_up{collector=~"unusual_activity|subscriptions"} == 1) == 2'
_OF_THE_STORY = {
    "AvePointJobFailed",
    "AvePointCustomerStatusFailed",
    "AvePointSubscriptionExpiring",
    "AvePointRansomwareSuspected",
}


@contextmanager
def _alertmanager(monitoring: Monitoring, folder: Path, inbox: Inbox) -> Iterator[int]:
    """Run Alertmanager with a route without delays, and with the example's inhibition rules. Yield the port."""
    example = yaml.safe_load((ROOT / "prometheus" / "alertmanager.yml").read_text())
    config = {
        "route": {"receiver": "hook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{inbox.port}/"}]}],
        "inhibit_rules": example["inhibit_rules"],
    }
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        monitoring.program("prometheus-alertmanager", "alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, folder):
        eventually(lambda: fetch(f"http://127.0.0.1:{port}/-/ready").status == 200, what="Alertmanager")
        yield port


def _portfolio(simulator: Simulator, *, is_well: bool, at: float) -> StaticPortfolio:
    """Return a portfolio with a tenant and a customer.

    If `is_well` is false, the tenant and the customer have problems.
    """
    start = int((at - 120) * 10**9)
    job = JobRecord(
        id=f"FB{start}", job_type=1, object_type=7, state=2 if is_well else 3, start_unix_ns=start,
        finish_unix_ns=start + 60 * 10**9, total_objects=3, successful_objects=3 if is_well else 0,
    )  # fmt: skip
    before = simulator.portfolio.job_list if isinstance(simulator.portfolio, StaticPortfolio) else ()
    customer = CustomerRecord(
        id="c-1",
        organization="Fabled Forests",
        owner_email="o@example.com",
        country="Peru",
        job_status=1 if is_well else 2,
    )
    license_ = LicenseRecord(purchased_user_seats=10, assigned_user_seats=5, purchased_storage_gb=10, protected_gb=1)
    day = 86_400 * 10**9
    subscription = SubscriptionRecord(
        customer_id="c-1", service="Fly", expiration_unix_ns=start + (400 if is_well else 20) * day
    )
    attack = ActivityRecord(
        tenant_id="t-1",
        tenant_owner="o@example.com",
        service_type=1,
        detected_unix_ns=start,
        ransomware_sites=0 if is_well else 2,
    )
    return StaticPortfolio(
        customer_list=(customer,),
        job_list=(*before, job),
        license_record=license_,
        subscription_list=(subscription,),
        activity_list=(attack,),
    )


def test_a_failure_reaches_the_operator_and_its_end_does_too(tmp_path: Path, monitoring: Monitoring) -> None:
    simulator = Simulator(StaticPortfolio())
    now = simulator.now
    simulator.portfolio = _portfolio(simulator, is_well=True, at=now() - 600)
    with SimulatorServer(simulator) as server, webhook() as inbox, _alertmanager(monitoring, tmp_path, inbox) as port:
        (tmp_path / "config.yaml").write_text(CONFIG.format(url=server.url, app=AppCredentials()))
        (tmp_path / "rules.yaml").write_text(impatient_rules())
        with exporter(tmp_path, "--config.file", "config.yaml") as target:
            scrape = SCRAPE.format(alertmanager=port, target=target.url.removeprefix("http://"))
            with prometheus(monitoring.program("prometheus"), tmp_path, scrape) as scraped:
                eventually(lambda: scraped.value(_ALL_IS_READ), what="all collectors have succeeded")
                eventually(lambda: scraped.value(_MORE_IS_READ), what="the optional collectors have succeeded too")
                assert {alert["labels"]["alertname"] for alert in inbox.alerts}.isdisjoint(_OF_THE_STORY)

                simulator.portfolio = _portfolio(simulator, is_well=False, at=now() - 300)
                job = received(inbox, "AvePointJobFailed", "firing", account="contoso", workload="Teams")
                customer = received(inbox, "AvePointCustomerStatusFailed", "firing", customer_id="c-1")
                subscription = received(
                    inbox, "AvePointSubscriptionExpiring", "firing", customer_id="c-1", service_type="Fly"
                )
                attack = received(
                    inbox, "AvePointRansomwareSuspected", "firing", account="contoso", workload="SharePoint Online"
                )
                for alert in (customer, subscription):
                    assert alert["labels"]["organization"] == "Fabled Forests"
                for alert in (job, customer, subscription, attack):
                    page = re.fullmatch(r"https://.*/(docs/runbooks/\w+\.md)", alert["annotations"]["runbook_url"])
                    assert page is not None
                    assert (ROOT / page[1]).is_file()

                simulator.switches = replace(Switches(), granted_scopes=frozenset())
                simulator.revoke_tokens()
                received(inbox, "AvePointAccountUnreadable", "firing", account="contoso", collector="jobs")
                assert inbox.find("AvePointJobFailed", "resolved") is None, "missing data must not resolve an alert"

                simulator.switches = Switches()
                received(inbox, "AvePointAccountUnreadable", "resolved", account="contoso", collector="jobs")
                received(inbox, "AvePointAccountUnreadable", "resolved", account="msp", collector="customers")
                assert inbox.find("AvePointJobFailed", "resolved") is None
                simulator.portfolio = _portfolio(simulator, is_well=True, at=now())
                received(inbox, "AvePointJobFailed", "resolved", account="contoso", workload="Teams")
                received(inbox, "AvePointCustomerStatusFailed", "resolved", customer_id="c-1")
                received(inbox, "AvePointSubscriptionExpiring", "resolved", customer_id="c-1")
                received(inbox, "AvePointRansomwareSuspected", "resolved", account="contoso")
