"""The check refreshes each collector once, sends one request with the other API version, and reports failures."""

from typing import Any

import httpx
import pytest

from exporter.avepoint.endpoints import PROTECTED_DATA
from exporter.avepoint.hints import NOT_MULTI_GEO
from exporter.collectors.tenant.license import LicenseCollector
from exporter.config.clouds import GEOGRAPHIES
from exporter.config.schema import Config
from exporter.diagnose.report import Report
from exporter.diagnose.report_text import text_report
from exporter.engine.accounts import Accounts
from exporter.engine.shard import Shard
from exporter.errors import Failure
from tests.diagnose.support import checked, failure_of, found, partner_with, tenant_with
from tests.fakes import payload
from tests.helpers import BATCH_PATH, FakeApi, customer, module, overview_path, portfolio

MODERN_LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
LEGACY_LICENSE = "/cloudbackup/licenseconsumption"
MODERN_JOBS = "/backup/m365/cloudbackupjobs"
LEGACY_JOBS = "/cloudbackup/jobs"
ADD = "add it in AvePoint Online Services > Administration > App registrations"
NAMES = [f"c{number:04}" for number in range(250)]


def whole_tenant(**routes: Any) -> FakeApi:
    answers = {
        MODERN_LICENSE: {"statusCode": 200, "data": {"purchasedUserSeats": 5}},
        LEGACY_LICENSE: {"PurchasedUserSeats": 5},
        MODERN_JOBS: payload("jobs-modern"), LEGACY_JOBS: payload("jobs-legacy"),
    }  # fmt: skip
    return FakeApi(answers | routes)


def whole_portfolio(names: list[str] = NAMES, **routes: Any) -> FakeApi:
    old: dict[str, Any] = {f"/partner/customers/{name}/protected": {"value": [module()]} for name in names}
    old["/partner/customers"] = lambda request: {
        "value": [customer(name) for name in names[int(request.url.params["$skip"]) :][:100]]
    }
    return FakeApi(portfolio(names) | old | routes)


def results(report: Report, name: str) -> list[tuple[str, bool, str]]:
    return [(one.api_version, one.is_used, one.result) for one in found(report, name).versions]


def steps(report: Report) -> list[tuple[str, str]]:
    return [(step.kind, step.result) for account in report.accounts for step in account.steps]


async def test_a_tenant_with_both_api_versions() -> None:
    api = whole_tenant()
    report = await checked(api, tenant_with("jobs", "license"))
    assert report.is_ok
    assert steps(report) == [("dns", "skipped"), ("tls", "skipped"), ("token", "ok"), ("token", "ok")]
    for name in ("jobs", "license"):
        assert results(report, name) == [("modern", True, "ok"), ("legacy", False, "ok")]
        assert found(report, name).api_version == "modern"
    assert (api.calls(LEGACY_JOBS), api.calls(LEGACY_LICENSE), api.calls(MODERN_LICENSE)) == (1, 1, 1)
    licence = found(report, "license")
    assert licence.summary.series["avepoint_license_purchased_seats"] == 1
    assert (licence.summary.customers, licence.summary.jobs, licence.summary.workloads) == (None, None, None)
    assert licence.versions[0].endpoints == (MODERN_LICENSE,)
    assert licence.versions[1].endpoints == (LEGACY_LICENSE,)
    jobs = found(report, "jobs").summary
    assert jobs.customers is None
    assert jobs.jobs is not None


async def test_customers_are_read_once_and_the_other_api_version_gets_one_request_per_collector() -> None:
    api = whole_portfolio()
    report = await checked(
        api, partner_with("customers", "protected_data", requests={"per_second": 1000, "concurrency": 4})
    )
    assert report.is_ok
    assert api.calls("overview") == len(NAMES)
    assert api.calls("/protected") == 1
    assert sum(request.url.path == "/partner/customers" for request in api.requests) == 1
    assert api.calls(BATCH_PATH) == 3
    data, listing = found(report, "protected_data"), found(report, "customers")
    assert (data.summary.customers, data.summary.customers_failed, data.summary.workloads) == (250, 0, 1)
    assert listing.summary.customers == 250
    assert data.versions[0].endpoints == (PROTECTED_DATA.modern.template,)
    series = ("scanned_objects", "protected_objects", "protected_data_bytes")
    assert data.summary.series == {f"avepoint_{prefix}{name}": 250 for prefix in ("", "customer_") for name in series}


async def test_a_quick_check_lists_all_customers_and_reads_three() -> None:
    api = whole_portfolio()
    report = await checked(api, partner_with("customers", "protected_data"), most=3)
    assert report.is_ok
    assert report.customers_at_most == 3
    assert api.calls("overview") == 3
    assert found(report, "customers").summary.customers == 250
    assert found(report, "protected_data").summary.customers == 3


async def test_a_configured_api_version_is_the_only_one_requested() -> None:
    api = whole_tenant()
    report = await checked(api, tenant_with("license", api="legacy"))
    assert results(report, "license") == [("legacy", True, "ok")]
    assert [request.url.path for request in api.requests] == [LEGACY_LICENSE]


async def test_an_api_version_that_a_collector_cannot_use_is_not_requested() -> None:
    api = whole_tenant()
    report = await checked(api, tenant_with("jobs", locations=[next(iter(GEOGRAPHIES))]))
    assert results(report, "jobs") == [("modern", True, "ok")]
    assert api.calls(LEGACY_JOBS) == 0


async def test_locations_of_a_tenant_that_is_not_multi_geo_are_an_error() -> None:
    whole, nothing = payload("jobs-modern"), {"statusCode": 200, "data": [], "metadata": {"totalCount": 0}}
    api = whole_tenant(**{MODERN_JOBS: lambda request: nothing if "location" in request.url.params else whole})
    report = await checked(api, tenant_with("jobs", locations=["NAM"]))
    error = f"{MODERN_JOBS}: no jobs in the configured locations (NAM), but the tenant has other jobs"
    assert found(report, "jobs").failure == Failure(error, NOT_MULTI_GEO)
    assert api.calls(MODERN_JOBS) == 2


async def test_a_missing_api_version_is_reported_beside_the_one_in_use() -> None:
    report = await checked(whole_tenant(**{MODERN_LICENSE: httpx.Response(404)}), tenant_with("license"))
    assert report.is_ok
    modern, legacy = found(report, "license").versions
    assert (modern.result, modern.is_used, legacy.result, legacy.is_used) == ("failed", False, "ok", True)
    assert failure_of(modern).message == f"{MODERN_LICENSE}: HTTP 404"
    assert found(report, "license").failure is None


async def test_a_missing_permission_is_reported_with_hint_and_request_id() -> None:
    refused = httpx.Response(403, headers={"x-request-id": "r-1"})
    report = await checked(whole_tenant(**{MODERN_LICENSE: refused}), tenant_with("license"))
    assert not report.is_ok
    licence = found(report, "license")
    hint = f"the app lacks microsoft365backup.subscriptionInfo.read.all; {ADD}"
    assert licence.failure == Failure(f"{MODERN_LICENSE}: HTTP 403", hint, "r-1")
    assert results(report, "license") == [("modern", False, "failed"), ("legacy", False, "ok")]


def tokens_refusing(**by_scope: str) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        scope = httpx.QueryParams(request.content.decode())["scope"]
        error = by_scope.get(scope.partition(".")[0])
        good = httpx.Response(200, json={"access_token": "t-1", "expires_in": 3600})
        return httpx.Response(400, json={"error": error}) if error else good

    return answer


async def test_a_wrong_secret_is_tried_once() -> None:
    api = whole_tenant(**{"/connect/token": tokens_refusing(microsoft365backup="invalid_client")})
    report = await checked(api, tenant_with("jobs", "license"))
    assert api.tokens == 1
    assert api.requests == []
    assert steps(report)[-1] == ("token", "failed")
    for name in ("jobs", "license"):
        assert found(report, name).result == "skipped"
        assert failure_of(found(report, name)).message.startswith("not tested: token: no token for ")
        assert {one.result for one in found(report, name).versions} == {"skipped"}
    assert not report.is_ok


async def test_a_missing_permission_of_the_other_api_version_is_no_failure() -> None:
    api = whole_portfolio(["c1"], **{"/connect/token": tokens_refusing(partner="invalid_scope")})
    report = await checked(api, partner_with("customers", "protected_data"))
    assert report.is_ok
    assert [step for step in steps(report) if step[0] == "token"] == [
        ("token", "ok"), ("token", "refused"), ("token", "ok"), ("token", "refused"),
    ]  # fmt: skip
    assert results(report, "customers") == [("modern", True, "ok"), ("legacy", False, "refused")]
    assert api.tokens == 4


async def test_without_customers_the_other_api_version_is_not_tested() -> None:
    api = whole_portfolio(["c1"], **{BATCH_PATH: httpx.Response(403)})
    report = await checked(api, partner_with("customers", "protected_data"))
    data = found(report, "protected_data")
    assert data.result == "failed"
    assert data.versions[1].result == "skipped"
    assert failure_of(data.versions[1]).message == "not tested: no customer was read"


async def test_failed_customers_are_counted_and_the_collector_works() -> None:
    api = whole_portfolio(NAMES[:5], **{overview_path(NAMES[2]): httpx.Response(500)})
    report = await checked(api, partner_with("customers", "protected_data"))
    assert report.is_ok
    assert found(report, "protected_data").summary.customers_failed == 1
    ((count, failure),) = found(report, "protected_data").summary.customer_failures
    assert (count, failure.message) == (1, f"{PROTECTED_DATA.modern.template}: HTTP 500")
    assert found(report, "protected_data").summary.customers == 5


class OptionalLicense(LicenseCollector):
    optional = True


class WithOptional(Accounts):
    """Accounts whose collector `license` is optional."""

    async def apply(self, config: Config, *, start: bool = True) -> None:
        await super().apply(config, start=start)
        for refresher in self.refreshers():
            if refresher.collector.name == "license":
                refresher.collector.__class__ = OptionalLicense


async def test_an_optional_collector_without_its_permission_is_off_and_no_failure() -> None:
    api = whole_tenant(**{MODERN_LICENSE: httpx.Response(403), LEGACY_LICENSE: httpx.Response(403)})
    report = await checked(api, tenant_with("license"), kind=WithOptional)
    assert report.is_ok
    assert found(report, "license").result == "off"
    assert ADD in failure_of(found(report, "license")).hint


async def test_a_defect_in_one_collector_does_not_end_the_check() -> None:
    def broken(_: httpx.Request) -> Any:
        raise RuntimeError("a bug")

    report = await checked(whole_tenant(**{LEGACY_LICENSE: broken}), tenant_with("license"))
    assert report.is_ok
    assert found(report, "license").versions[1].failure == Failure("unexpected RuntimeError", "please report this")


@pytest.mark.parametrize("answer", [{"value": []}, "<html>", []])
async def test_an_unexpected_response_is_detected_by_the_probe(answer: Any) -> None:
    report = await checked(whole_tenant(**{LEGACY_LICENSE: answer}), tenant_with("license"))
    assert found(report, "license").versions[1].result == "failed"


async def test_several_accounts_and_one_of_another_shard() -> None:
    api = whole_tenant()
    accounts = [tenant_with("license", name=f"t{number}") for number in range(6)]
    half = Shard(0, 2)
    report = await checked(api, *accounts, shard=half)
    assert [one.name for one in report.accounts] == [f"t{number}" for number in range(6) if half.owns(f"t{number}")]


async def test_an_account_without_collectors_has_only_the_preflight() -> None:
    report = await checked(whole_tenant(), tenant_with())
    assert steps(report) == [("dns", "skipped"), ("tls", "skipped")]
    assert report.collectors == ()


class Counting:
    def __init__(self) -> None:
        self.steps = 0.0
        self.done = 0.0
        self.labels: set[str] = set()

    def begin(self, steps: float) -> None:
        assert self.steps == 0
        self.steps = steps

    def advance(self, steps: float, label: str) -> None:
        assert steps > 0
        self.done += steps
        self.labels.add(label.partition(" ")[0])


@pytest.mark.parametrize("most", [None, 3])
async def test_progress_only_moves_forward_and_ends_at_its_number_of_steps(most: int | None) -> None:
    progress = Counting()
    await checked(whole_portfolio(), partner_with("customers", "protected_data"), most=most, progress=progress)
    assert progress.steps == 6 + 1 + 10
    assert progress.done == pytest.approx(progress.steps)
    assert progress.labels == {"msp", "msp/customers", "msp/protected_data"}


async def test_progress_with_customers_from_the_configuration() -> None:
    progress = Counting()
    api = whole_portfolio(["c1", "c2"], **{BATCH_PATH: httpx.Response(500)})
    report = await checked(api, partner_with("protected_data", customers={"include": ["c1", "c2"]}), progress=progress)
    assert report.is_ok
    assert progress.done == pytest.approx(progress.steps)


@pytest.mark.parametrize(
    ("customers", "unlisted", "is_ok"),
    [
        ({"include": ["C0001"]}, (), True),
        ({"include": ["c0001", "gone"]}, ("gone",), True),
        ({"include": ["gone", "*"]}, ("*", "gone"), False),
        ({"exclude": ["gone"]}, ("gone",), True),
    ],
)
async def test_configured_customers_that_are_not_listed_are_reported(
    customers: dict[str, Any], unlisted: tuple[str, ...], is_ok: bool
) -> None:
    report = await checked(whole_portfolio(NAMES[:3]), partner_with("customers", customers=customers))
    assert report.accounts[0].unlisted == unlisted
    assert report.is_ok is is_ok
    text = " ".join(text_report(report, width=200).split())
    assert ("AvePoint does not list these customers: " + ", ".join(unlisted) + "; check the ids" in text) is bool(
        unlisted
    )
    assert ("collector works." in text) is is_ok
    assert ("AvePoint lists none of the customers in customers.include, so no customer was read." in text) is not is_ok
