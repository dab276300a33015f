"""The exporter recognizes all documented spellings of workloads, states and statuses."""

from collections.abc import Callable

import pytest

from exporter.avepoint.reading import vocabulary
from exporter.avepoint.reading.product_vocabulary import (
    google_app,
    google_job_type,
    google_state,
    salesforce_kind,
    salesforce_state,
)

SPELLINGS = {
    "Exchange Online": ["exchange online", "ExchangeOnline"],
    "SharePoint Online": ["SharePointOnline"],
    "OneDrive": ["OneDrive for Business", "ONEDRIVE"],
    "Microsoft 365 Groups": ["Microsoft 365 Group", "Office 365 Groups", "Office 365 Group"],
    "Project Online": ["project-online"],
    "Public Folder": ["Public Folders", "Exchange Online Public Folder", "Exchange Online Public Folders"],
    "Teams": ["Microsoft Teams"],
    "Viva Engage": ["Yammer", "Yammer Group", "Yammer Groups", "Microsoft Viva Engage"],
    "Teams Chat": ["Microsoft Teams Chat", "Personal Chat"],
    "Power BI": ["PowerBI"],
    "Power Automate": ["PowerAutomate"],
    "Power Apps": ["Power App"],
}


@pytest.mark.parametrize(
    ("canonical", "spelling"), [(key, one) for key, all_ in SPELLINGS.items() for one in [key, *all_]]
)
def test_workloads(canonical: str, spelling: str) -> None:
    assert vocabulary.workload(spelling) == (canonical, True)


def test_every_workload_has_a_number_and_a_spelling() -> None:
    assert set(vocabulary.WORKLOADS.values()) == SPELLINGS.keys()
    assert sorted(vocabulary.WORKLOADS) == list(range(1, 13))


@pytest.mark.parametrize("name", ["Copilot Studio Agents", "copilot studio agent"])
def test_a_workload_without_a_number_in_the_job_list(name: str) -> None:
    assert vocabulary.workload(name) == ("Copilot Studio Agents", True)
    assert vocabulary.service_type("15") == vocabulary.module(name) == ("Copilot Studio Agents", True)


@pytest.mark.parametrize("text", ["Finished with Exceptions", "FinishedExceptions", "finished_with_exceptions"])
def test_a_state_in_the_plural(text: str) -> None:
    expected = ("finished_with_exception", True)
    assert vocabulary.job_state(text) == vocabulary.job_status(text) == expected
    assert google_state(text) == salesforce_state(text) == expected


@pytest.mark.parametrize(
    ("resolve", "singular", "plural"),
    [
        (vocabulary.service_type, "Shared Channel", "Shared Channels"),
        (vocabulary.service_type, "Power App", "Power Apps"),
        (vocabulary.module, "Azure Virtual Machine", "Azure Virtual Machines"),
        (vocabulary.module, "Calendar", "Calendars"), (vocabulary.module, "Contact", "Contacts"),
        (vocabulary.customer_status, "No backup update", "No backup updates"),
        (vocabulary.customer_status, "Finished with exception", "Finished with exceptions"),
        (google_app, "Shared Drive", "Shared Drives"), (google_app, "User", "Users"),
        (google_job_type, "Backup", "Backups"), (salesforce_kind, "Data service", "Data services"),
    ],
)  # fmt: skip
def test_singular_and_plural_are_equal(
    resolve: Callable[[str], tuple[object, bool]], singular: str, plural: str
) -> None:
    assert resolve(singular) == resolve(plural)
    assert resolve(singular)[1]


@pytest.mark.parametrize("name", ["Copilot Studio", "???", "OneDrive 2"])
def test_an_unknown_workload_passes_through(name: str) -> None:
    assert vocabulary.workload(name) == (name, False)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("In Progress", "in_progress"), ("InProgress", "in_progress"), ("Running", "in_progress"), ("1", "in_progress"),
        ("Finished", "finished"), ("2", "finished"), ("Failed", "failed"), ("3", "failed"),
        ("Finished with Exception", "finished_with_exception"), ("FinishedException", "finished_with_exception"),
        ("FinishedWithException", "finished_with_exception"), ("4", "finished_with_exception"),
        ("Partially Finished", "partially_finished"), ("PartiallyFinished", "partially_finished"),
        ("5", "partially_finished"), ("Successful", "finished"), ("Success", "finished"), ("Succeeded", "finished"),
    ],
)  # fmt: skip
def test_job_states(text: str, state: str) -> None:
    assert vocabulary.job_state(text) == (state, True)


@pytest.mark.parametrize(
    ("text", "state"), [("Not Started", "not_started"), ("0", "0"), ("6", "6"), ("¡!", "¡!"), ("9" * 200, "9" * 200)]
)
def test_unknown_job_states(text: str, state: str) -> None:
    assert vocabulary.job_state(text) == (state, False)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Working", "working"), ("1", "working"), ("Failed", "failed"), ("2", "failed"),
        ("Waiting for configuration", "waiting_for_configuration"), ("3", "waiting_for_configuration"),
        ("Multiple issues found", "multiple_issues_found"), ("4", "multiple_issues_found"),
        ("Finished with exception", "finished_with_exception"), ("5", "finished_with_exception"),
        ("No backup updates", "no_backup_updates"), ("No Backup Update", "no_backup_updates"),
        ("6", "no_backup_updates"),
        ("0", None), ("N/A", None), ("", None), ("-", None),
    ],
)  # fmt: skip
def test_customer_statuses(text: str, status: str | None) -> None:
    assert vocabulary.customer_status(text) == (status, True)


def test_unknown_customer_statuses() -> None:
    assert vocabulary.customer_status("On Holiday") == ("on_holiday", False)
    assert vocabulary.customer_status("7") == ("7", False)
    assert vocabulary.customer_status("??") == ("??", False)


@pytest.mark.parametrize(("number", "name"), vocabulary.SERVICE_TYPES.items())
def test_settings_number_workloads_in_their_own_way(number: int, name: str) -> None:
    assert vocabulary.service_type(str(number)) == (name, True)
    assert vocabulary.service_type(name) == (name, True)


@pytest.mark.parametrize(
    ("text", "name", "known"),
    [("Yammer Group", "Viva Engage", True), ("Personal Chat", "Teams Chat", True), ("99", "99", False)],
)
def test_settings_may_name_workloads(text: str, name: str, known: bool) -> None:
    assert vocabulary.service_type(text) == (name, known)


@pytest.mark.parametrize(("number", "name"), vocabulary.MODULES.items())
def test_modules_of_customers_jobs(number: int, name: str) -> None:
    assert vocabulary.module(str(number)) == (name, True)


def test_every_workload_has_a_module_and_a_service_type() -> None:
    microsoft_365 = {name for number, name in vocabulary.MODULES.items() if number < 355 or number == 402}
    assert microsoft_365 == {*SPELLINGS, "Archiver", vocabulary.RETENTION}
    assert set(SPELLINGS) < set(vocabulary.SERVICE_TYPES.values())
    assert vocabulary.module("Microsoft 365 Group") == ("Microsoft 365 Groups", True)
    assert vocabulary.module("367") == ("367", False)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Cloud Backup for Azure", "Azure"), ("Azure Virtual Machine", "Azure Virtual Machine"), ("504", "Drive"),
        ("Dynamics CRM Backup", "Dynamics CRM"), ("Dev Ops", "DevOps"), ("Gmail", "Gmail"), ("401", "Dynamics 365"),
    ],
)  # fmt: skip
def test_modules_of_other_products(text: str, name: str) -> None:
    assert vocabulary.module(text) == (name, True)


def test_a_legacy_scan_is_named_by_its_module() -> None:
    assert vocabulary.job_service("DOR") == (vocabulary.MICROSOFT_365_SCAN, True)
    for name, scan in vocabulary.SCANS.items():
        assert vocabulary.module(name) == (name, True)
        assert scan in vocabulary.JOB_SERVICES.values()


@pytest.mark.parametrize("text", ["0", "None", "none", "N/A", "", "-"])
def test_a_job_of_no_module_has_no_workload(text: str) -> None:
    assert vocabulary.module(text) == ("", True)


@pytest.mark.parametrize(("number", "name"), vocabulary.JOB_SERVICES.items())
def test_services_of_customers_jobs(number: int, name: str) -> None:
    for text in (str(number), name, name.upper(), f"Cloud Backup for {name}"):
        assert vocabulary.job_service(text) == (name, True)


@pytest.mark.parametrize(
    ("text", "name", "known"),
    [
        ("N/A", "", True),
        ("IaaS PaaS", "IaaS + PaaS", True),
        ("Azure", "IaaS + PaaS", True),
        ("8", "8", False),
        ("Box", "Box", False),
    ],
)
def test_other_services_of_customers_jobs(text: str, name: str, known: bool) -> None:
    assert vocabulary.job_service(text) == (name, known)


def test_every_state_is_over_or_not() -> None:
    states = {*vocabulary.STATES, *vocabulary.JOB_STATUSES.values(), "not_finished", "paused"}
    assert {*vocabulary.OVER} | vocabulary.NOT_OVER == states
    assert not {*vocabulary.OVER} & vocabulary.NOT_OVER


STATUS_WORDS = {
    0: "None", 1: "Running", 2: "Finished", 3: "Failed", 4: "Finished with exception", 5: "Skipped", 6: "Pending",
    7: "Failed to start", 8: "Canceled", 9: "Rejected", 10: "Stopped", 11: "Not scanned", 12: "Disabled",
    13: "Not started", 14: "Waiting for configuration",
}  # fmt: skip


@pytest.mark.parametrize(("number", "word"), STATUS_WORDS.items())
def test_every_status_of_customers_jobs_has_one_state(number: int, word: str) -> None:
    expected = "in_progress" if number == 1 else word.lower().replace(" ", "_")
    assert vocabulary.job_status(str(number)) == (expected, True)
    assert vocabulary.job_status(word) == (expected, True)


@pytest.mark.parametrize(
    ("text", "state", "known"),
    [
        ("Not Finished", "not_finished", True),
        ("N/A", None, True),
        ("15", "15", False),
        ("Odd One", "odd_one", False),
        ("Successful", "finished", True),
    ],
)
def test_other_statuses_of_customers_jobs(text: str, state: str | None, known: bool) -> None:
    assert vocabulary.job_status(text) == (state, known)
