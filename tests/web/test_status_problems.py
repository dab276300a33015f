"""The status page shows the problems of each customer."""

from pathlib import Path
from typing import get_args

import pytest

from exporter.config.expectations import ProblemName
from exporter.engine.snapshot import RefreshStatus, SnapshotView
from exporter.web.status.model import Headline, model
from exporter.web.status.problems import _TEXTS
from exporter.web.status.query import StatusQuery
from tests.helpers import FakeApi, World, tenant
from tests.web.status_data import Verdict, names, page, parsed, status_data, verdicts, view
from tests.web.test_app import browser

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
UP = view("msp", "customers", status=RefreshStatus(up=True), known=names({"c1": "Bakery"}))
OVERDUE = Verdict("c1", "backup_overdue", "critical", "Exchange Online", age=7200)
LATE = Verdict("c2", "backup_late", "warning", "OneDrive", age=86_400)
UNUSUAL = Verdict("c3", "unusual_activity", "info", "OneDrive")
DOWN = view("msp", "license", status=RefreshStatus(up=False))


@pytest.mark.parametrize(
    ("views", "judged", "expected"),
    [
        ([UP], verdicts("msp", 12), Headline("good", "1 collector up · no problem in 12 customers")),
        (
            [UP],
            verdicts("msp", 12, unknown=2),
            Headline("good", "1 collector up · no known problem in 12 customers"),
        ),
        (
            [UP],
            verdicts("msp", 1200, OVERDUE, OVERDUE, LATE),
            Headline("bad", "1 collector up · 1 of 1,200 customers with a critical problem"),
        ),
        (
            [UP],
            verdicts("msp", 12, LATE, UNUSUAL),
            Headline("warning", "1 collector up · 1 of 12 customers with a warning"),
        ),
        (
            [UP],
            verdicts("msp", 12, UNUSUAL),
            Headline("good", "1 collector up · 1 of 12 customers with an informational problem"),
        ),
        (
            [DOWN],
            verdicts("msp", 12, LATE),
            Headline("bad", "1 of 1 collector down · 1 of 12 customers with a warning"),
        ),
        (
            [view()],
            verdicts("a", 12, LATE),
            Headline("warning", "Not ready: first refresh incomplete for 1 of 1 collector"
                     " · 1 of 12 customers with a warning"),
        ),
        ([view()], verdicts("a", 12), Headline("waiting", "Not ready: first refresh incomplete for 1 of 1 collector")),
    ],
)  # fmt: skip
def test_the_headline_has_the_customers_with_the_worst_problems(
    views: list[SnapshotView], judged: SnapshotView, expected: Headline
) -> None:
    assert model(status_data(*views, verdicts=(judged,)), StatusQuery()).headline == expected


def test_customers_of_all_accounts_count() -> None:
    judged = (verdicts("msp", 11, OVERDUE), verdicts("contoso", 1, Verdict("", "storage_full", "critical")))
    headline = model(status_data(UP, verdicts=judged), StatusQuery()).headline
    assert headline.text == "1 collector up · 2 of 12 customers with a critical problem"


@pytest.mark.parametrize("has_tenants", [True, False])
def test_the_list_of_customers_explains_why_the_headline_counts_more(has_tenants: bool) -> None:
    tenants = (verdicts("contoso", 1),) if has_tenants else ()
    text = page(status_data(UP, verdicts=(verdicts("msp", 1, OVERDUE), *tenants))).text
    assert "Customers 1 to 1 of 1" in text
    assert ("1 of 2 customers with a critical problem" in text) is has_tenants
    assert ("The headline also counts each tenant account as one customer." in text) is has_tenants


def test_problems_are_shown_by_severity_then_age() -> None:
    older = Verdict("c4", "job_failed", "warning", "SharePoint Online", age=90_000)
    tenant = verdicts("contoso", 1, Verdict("", "storage_full", "critical", age=3600))
    rows = model(status_data(UP, verdicts=(verdicts("msp", 9, UNUSUAL, LATE, older, OVERDUE), tenant)), StatusQuery())
    assert [(row.severity, row.name, row.account, row.text, row.subject) for row in rows.problems] == [
        ("critical", "Bakery", "msp", "Backup overdue", "Exchange Online"),
        ("critical", "contoso", "contoso", "Storage full", ""),
        ("warning", "c4", "msp", "Last job failed", "SharePoint Online"),
        ("warning", "c2", "msp", "Backup late", "OneDrive"),
        ("info", "c3", "msp", "Unusual activity", "OneDrive"),
    ]
    first = rows.problems[0]
    assert first.since is not None
    assert (first.since.text, first.runbook) == ("2 h ago", "AvePointBackupOverdue")
    assert first.link == "?account=msp&q=c1#customers"
    assert first.metrics == (
        "probe?account=msp&name%5B%5D=avepoint_problem&name%5B%5D=avepoint_problem_start_timestamp_seconds"
        "&name%5B%5D=avepoint_last_job_state"
    )
    assert rows.problems[1].link == ""


def test_customers_have_their_problems_and_come_by_severity() -> None:
    read = view("msp", "protected_data", customers={"c1": True, "c2": True, "c5": False, "c6": True})
    judged = verdicts("msp", 6, UNUSUAL, LATE, OVERDUE, Verdict("c1", "job_failed", "warning"))
    given = status_data(read, UP, verdicts=(judged,))
    rows = model(given, StatusQuery()).customers.items
    assert [(row.id, row.problems) for row in rows] == [
        ("c5", ()),
        ("c1", (("critical", 1), ("warning", 1))),
        ("c2", (("warning", 1),)),
        ("c3", (("info", 1),)),
        ("c6", ()),
    ]
    assert [row.id for row in model(given, StatusQuery(state="problem")).customers.items] == ["c1", "c2", "c3"]
    assert model(given, StatusQuery()).customers_total == 5
    assert "1 critical 1 warning" in page(given).text


def test_a_long_list_of_problems_is_cut_with_the_number_of_the_rest() -> None:
    many = [Verdict(f"c{number}", "backup_late", "warning", age=number) for number in range(1234)]
    read = page(status_data(UP, verdicts=(verdicts("msp", 1234, *many, OVERDUE),)))
    assert "20 of 1,235 problems with backups, by severity and age" in read.text
    assert "And 1,215 more." in read.text
    assert len([one for one in read.of("td") if one.get("data-label") == "Severity"]) == 20


def test_each_problem_has_a_text_and_an_existing_runbook_or_none() -> None:
    assert set(_TEXTS) == set(get_args(ProblemName))
    for _, runbook in _TEXTS.values():
        assert not runbook or (RUNBOOKS / f"{runbook}.md").exists(), runbook


async def test_the_page_shows_the_verdicts_on_the_running_accounts() -> None:
    usage = {"statusCode": 200, "data": {"purchasedStorageSize": "10GB", "protectedSize": "10GB"}}
    world = World(FakeApi({"/backup/m365/cloudbackuplicenseconsumption": usage}))
    await world.apply(tenant(collectors={"license": {}}))
    await world.refresh()
    async with browser(world) as client:
        answer = await client.get("/")
    read = parsed(answer.text)
    assert "1 collector up · 1 of 1 customer with a critical problem." in read.text
    assert "critical Storage full" in read.text
    await world.accounts.stop()
