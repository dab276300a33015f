"""The table of `avepoint-exporter check`."""

from exporter.check import report
from exporter.collectors.base import Family, Sample
from exporter.snapshot import Known, Status, View

FAMILY = Family("avepoint_x", "help", ("account",))


def view(collector: str, status: Status, *, samples: int = 0, customers: dict[str, bool] | None = None) -> View:
    known = {"": Known((Sample(FAMILY, (), 1.0),) * samples, 0.0, 0.0)} if samples else {}
    return View("contoso", collector, 3600, status, known, customers or {})


def test_a_table_and_under_it_what_is_wrong() -> None:
    views = (
        view("jobs", Status(up=True, duration=12.345, generation="modern"), samples=12),
        view("license", Status(up=True, duration=0.04, generation="legacy"), samples=6),
        view("customers", Status(up=False, duration=0.5, error="403 of /x", hint="grant the app y")),
        view("protected_data", Status(up=False, error="no token"), customers={"a": True, "b": False}),
    )
    licence = "microsoft365backup.subscriptionInfo.read.all"
    assert report(views).splitlines() == [
        "ACCOUNT  COLLECTOR       RESULT  API     TOOK   SAMPLES  CUSTOMERS  PERMISSION",
        "contoso  jobs            ok      modern  12.3s  12       -          microsoft365backup.jobInfo.read.all",
        f"contoso  license         ok      legacy  0.0s   6        -          {licence}",
        "contoso  customers       failed  -       0.5s   0        -          elements.customers.read.all",
        "contoso  protected_data  failed  -       0.0s   0        1/2        elements.cbprotected.read.all",
        "",
        "contoso/customers: 403 of /x",
        "  grant the app y",
        "contoso/protected_data: no token",
    ]


def test_without_problems_the_table_is_all() -> None:
    lines = report((view("jobs", Status(up=True)),)).splitlines()
    assert len(lines) == 2
    assert not any(line.endswith(" ") for line in lines)


def test_each_generation_has_its_permission() -> None:
    for generation, permission in (
        ("modern", "elements.cbprotected.read.all"),
        ("legacy", "partner.cbprotected.read.all"),
    ):
        text = report((view("protected_data", Status(up=True, generation=generation)),))
        assert text.endswith(permission)


def test_what_an_answer_said_moves_nothing_on_the_terminal_and_holds_no_secret() -> None:
    status = Status(up=False, error="bad\n\x1b[31mred client_secret=hunter2", hint="a\r\nb\u202e")
    lines = report((view("jobs", status),)).splitlines()
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)
    assert "hunter2" not in lines[3]


def test_where_nothing_was_tried() -> None:
    assert report(()) == "Nothing was tried: no collector is on, or all accounts are of other shards."
