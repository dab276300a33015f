"""Test the query parameters of the status page: limits, invalid values and links."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.status.query import Paged, PagerStep, StatusQuery, paged


def test_a_valid_query_is_used_unchanged() -> None:
    asked = {"account": "msp", "q": "  Bakery ", "state": "failed", "page": "3", "part": "2", "x": "y"}
    assert StatusQuery.read(asked) == StatusQuery("msp", "Bakery", "failed", 3, 2)
    assert StatusQuery.read({}) == StatusQuery()


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-1",
        "1e9",
        "9999999",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "\N{FULLWIDTH DIGIT ONE}",
        "",
        " 2",
        "2;",
        "0x2",
        "None",
        "9" * 5000,
    ],
)
def test_an_invalid_page_number_means_the_first_page(number: str) -> None:
    assert StatusQuery.read({"page": number, "part": number}) == StatusQuery()


def test_texts_are_cut_and_unprintable_characters_removed() -> None:
    query = StatusQuery.read({"q": "\x00a\u202eb\n" + "x" * 10_000, "account": "y" * 10_000, "state": "FAILED"})
    assert query.text == "ab" + "x" * 98
    assert len(query.account) == 200
    assert query.state == "all"


@given(st.dictionaries(st.sampled_from(["account", "q", "state", "page", "part"]), st.text()))
def test_every_query_is_accepted_and_its_links_lead_back_to_it(asked: dict[str, str]) -> None:
    query = StatusQuery.read(asked)
    assert len(query.text) <= 100
    assert query.page >= 1
    link = urlsplit(query.link("customers"))
    assert (link.scheme, link.netloc, link.path, link.fragment) == ("", "", "", "customers")
    again = {key: values[0] for key, values in parse_qs(link.query, errors="surrogatepass").items()}
    assert StatusQuery.read(again) == query


def test_links_name_only_what_differs() -> None:
    query = StatusQuery("a&b", "x y", "ok", 2, 1)
    assert query.link("customers", page=1) == "?account=a%26b&q=x+y&state=ok#customers"
    assert StatusQuery().link("x") == "?#x"
    assert [StatusQuery().filters, StatusQuery(page=2).filters, query.filters, StatusQuery(state="ok").filters] == [
        0,
        0,
        1,
        1,
    ]


def words(shown: Paged[int]) -> list[str]:
    return ["…" if step is None else f"[{step.text}]" if step.current else step.text for step in shown.steps]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (1, ["[1]", "2", "…", "10", "Next"]),
        (2, ["Previous", "1", "[2]", "3", "…", "10", "Next"]),
        (5, ["Previous", "1", "…", "4", "[5]", "6", "…", "10", "Next"]),
        (10, ["Previous", "1", "…", "9", "[10]"]),
        (99, ["Previous", "1", "…", "9", "[10]"]),
    ],
)
def test_links_lead_to_the_pages_near_the_current_one(page: int, expected: list[str]) -> None:
    shown = paged(range(96), 10, StatusQuery(page=page), "page", "customers")
    assert words(shown) == expected
    assert shown.total == 96
    assert list(shown.items) == list(range(shown.first - 1, shown.last))


def test_one_page_has_no_steps_and_none_has_no_items() -> None:
    assert paged([1, 2], 10, StatusQuery(), "page", "x") == Paged([1, 2], 1, 2, 2, ())
    assert paged([], 10, StatusQuery(page=7), "page", "x") == Paged([], 0, 0, 0, ())
    steps = paged([1, 2], 1, StatusQuery(page=1, text="z"), "part", "collectors").steps
    assert steps[-1] == PagerStep("Next", "?q=z&part=2#collectors")
