"""The parsers return exact results for documented formats. Other JSON values result in None or an error."""

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.avepoint.reading import values
from exporter.avepoint.reading.text import short, snake_case
from exporter.avepoint.reading.values import Ticks
from exporter.errors import UnreadableValueError

GB = 1024**3
EPOCH_TICKS = 621_355_968_000_000_000
EARLIEST, LATEST = datetime.fromisoformat("1970-01-03"), datetime.fromisoformat("2199-01-01")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
# Almost valid strings reach more branches of the parsers than random strings do.
NEARLY = st.text(alphabet="0123456789.,:-+/TZ GgMmKkBbhsdNA\u00a0\u0663", max_size=70)
READERS = (
    values.read_count, values.read_size, values.read_gigabytes, values.read_time, values.read_duration,
    values.read_purchased, values.read_retention, values.read_label,
)  # fmt: skip


# Generating examples takes most of the time, so each example is passed to all parsers.
@given(value=JSON | NEARLY)
@settings(max_examples=500, deadline=None)
def test_any_json_gives_a_value_or_the_typed_error(value: object) -> None:
    for read in (*READERS, values.read_word):
        _check_result(read, value)


def _check_result(read: Callable[[object], object], value: object) -> None:
    try:
        result = read(value)
    except UnreadableValueError:
        return
    if isinstance(result, str):
        assert 0 < len(result) <= 200
        assert "\n" not in result
        result.encode()
    elif result is not None:
        assert isinstance(result, int | float)
        assert 0 <= result < 1e70 or (read is values.read_retention and result == math.inf)


@pytest.mark.parametrize("read", READERS[:-1], ids=lambda read: read.__name__)
@pytest.mark.parametrize(
    "text",
    ["1d" + " " * 200_000 + "x", "1" * 200_000, "1,000" * 100_000, "a" * 200_000, "1" + ",000" * 20, "@" * 70_000],
)
def test_long_texts_are_refused_at_once(read: Callable[[object], object], text: str) -> None:
    began = time.process_time()
    with pytest.raises(UnreadableValueError):
        read(text)
    assert time.process_time() - began < 5, "with quadratic CPU time, the function would run for minutes"


@pytest.mark.parametrize("read", READERS[:-1], ids=lambda read: read.__name__)
@pytest.mark.parametrize("nothing", [None, "", " ", "N/A", "n/a", " N/A ", "null", "None", "-"])
def test_nothing_is_absent(read: Callable[[object], object], nothing: object) -> None:
    assert read(nothing) is None


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize(
    "value", [True, False, [], {}, [1], {"a": 1}, float("nan"), float("inf"), -1.5, "\ud800 GB GB@x.y"]
)
def test_what_is_of_another_kind_is_unreadable(read: Callable[[object], object], value: object) -> None:
    with pytest.raises(UnreadableValueError):
        read(value)


@pytest.mark.parametrize(
    ("value", "count"), [(0, 0), (25, 25), (25.0, 25), ("2430", 2430), (" 2,430 ", 2430), (2**53, 2**53), (-0.0, 0)]
)
def test_counts(value: object, count: int) -> None:
    assert values.read_count(value) == count


@pytest.mark.parametrize("value", [-1, "-1", 0.5, "1.5", 2**53 + 1, 1e300, "1,23", "12,3456", "0x10", "١٢", "1_000"])
def test_no_counts(value: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_count(value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0 GB", 0), ("1024 GB", 1024 * GB), ("3072 GB", 3072 * GB), ("1044 GB", 1044 * GB), ("512 MB", GB / 2),
        ("512MB", GB / 2), ("1.5 TB", 1536 * GB), ("1,024.5 GB", 1024.5 * GB), ("0.01 GB", 0.01 * GB),
        ("143.22 GB", 143.22 * GB), ("7 bytes", 7), ("1 byte", 1), ("1 KB", 1024), ("1 PB", 1024**5), ("1 EB", 1024**6),
        ("1 GiB", GB), ("0", 0), (0, 0), (0.0, 0), ("0.00", 0), (".5 kb", 512), ("5 B", 5),
    ],
)  # fmt: skip
def test_sizes(text: object, size: float) -> None:
    assert values.read_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "12",
        12,
        0.5,
        "-1 GB",
        "0/1 GB",
        "1 XB",
        "GB",
        "1 2 GB",
        "1e3 GB",
        "NaN GB",
        "1,02 GB",
        "1.01 EB",
        "9007199254740993 GB",
    ],
)
def test_no_sizes(text: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_size(text)


@given(
    st.decimals(0, 10**6, places=9),
    st.sampled_from(["KB", "MB", "GB", "TB"]),
    st.booleans(),
    st.sampled_from(["", " "]),
)
def test_sizes_against_exact_arithmetic(number: object, unit: str, grouped: bool, space: str) -> None:
    written = f"{number:,f}" if grouped else f"{number:f}"
    exact = Fraction(str(number)) * 1024 ** ("KB", "MB", "GB", "TB").index(unit) * 1024
    assert values.read_size(f"{written}{space}{unit}") == float(exact)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1024, 1024 * GB),
        ("1024", 1024 * GB),
        (0.5, GB / 2),
        ("2 TB", 2048 * GB),
        ("1,024 ", 1024 * GB),
        (0, 0),
        (-0.0, 0),
        ("0 GB", 0),
    ],
)
def test_sizes_in_gigabytes(value: object, size: float) -> None:
    read = values.read_gigabytes(value)
    assert read == size
    assert not str(read).startswith("-")


@pytest.mark.parametrize("value", [-1, 2**53 + 1, 10**400, "-3", "1²", "0/1 GB", 2**31, 1e12, "99999999999 TB"])
def test_no_sizes_in_gigabytes(value: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_gigabytes(value)


def test_published_ticks_keep_every_digit() -> None:
    start, finish = values.read_time(638645575921780695), values.read_time("638645576438386696")
    assert start == 638645575921780695 - EPOCH_TICKS
    assert finish is not None
    assert values.dotnet_ticks(finish) == 638645576438386696
    # The documented duration is equal to the difference of the documented times.
    assert values.read_duration(516606001) == 516606001 == Ticks(finish - start)


@given(st.integers(EPOCH_TICKS + 1, EPOCH_TICKS + 7_258_118_399 * 10**7))
def test_ticks_round_trip(ticks: int) -> None:
    read = values.read_time(ticks)
    assert read is not None
    assert values.dotnet_ticks(read) == ticks
    assert values.read_time(str(ticks)) == read
    moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{ticks % 10**7:07d}Z"
    assert values.read_time(text) == read
    assert values.iso_time(read) == moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(st.datetimes(EARLIEST, LATEST), st.integers(-14 * 60, 14 * 60), st.booleans())
def test_dates_against_the_library(moment: datetime, offset: int, colon: bool) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    exact = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    text = zoned.isoformat(sep=" ") if colon else zoned.strftime("%Y-%m-%dT%H:%M:%S.%f%z")
    assert values.read_time(text) == exact
    if offset == 0 and moment.microsecond == 0:
        assert values.read_time(moment.strftime("%m-%d-%YT%H:%M:%SZ")) == exact


@pytest.mark.parametrize(
    ("value", "unix"),
    [
        ("2024-10-12T08:46:32Z", 1728722792), ("2024-10-12T08:46:32", 1728722792), ("2024-10-12 08:46Z", 1728722760),
        ("2024-10-12T10:46:32+02:00", 1728722792), ("2024-10-12T03:46:32-0500", 1728722792),
        ("2024-10-12T08:46:32.5000000z", 1728722792.5), ("2025-04-05", 1743811200),
        ("03-14-2026T12:00:00Z", 1773489600), ("03-14-2026", 1773446400),
        ("03/14/2026", 1773446400), ("3/14/2026", 1773446400), ("12/29/2026", 1798502400),
        ("2025/09/30", 1759190400), ("2026/3/14", 1773446400), ("2025/09/30T12:00:00Z", 1759233600),
        ("2024-10-12T08:46:32.123456789Z", 1728722792.1234567),
    ],
)  # fmt: skip
def test_dates(value: str, unix: float) -> None:
    read = values.read_time(value)
    assert read is not None
    assert values.seconds(read) == pytest.approx(unix, abs=1e-6)


@pytest.mark.parametrize(
    "never",
    [
        0, 0.0, "0", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "01-01-0001T00:00:00Z", "9999-12-31",
        "9999-12-31T23:59:59.9999999Z", "12/31/9999", "12-31-9999T12:00:00Z", 3155378975999999999, 3155378112000000000,
    ],
)  # fmt: skip
def test_never_is_no_time(never: object) -> None:
    assert values.read_time(never) is None


@pytest.mark.parametrize(
    "value",
    [
        -1, 1_728_722_792, EPOCH_TICKS, 3155378976000000000, 638645575921780695.0, "9999-12-30T23:59:59Z", "2024-13-01",
        "2024-02-30", "2024-01-01T25:00:00Z", "2024-01-01T00:00:60Z",
        "1969-12-31T23:59:59Z", "2024-01-01T00:00:00+99:99",
        "2024-01-01T00:00:00+05:60", "2024-01-01T00:00:00+15:01", "0002-01-01", "0000-01-01", "14-03-2026", "yesterday",
        "2024-01-01Z", "638,645,575,921,780,695", "1970-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_no_times(value: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_time(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (516606001, 51.6606001), (0, 0), ("0.011", 39.6), ("17m39s", 1059), ("1h13m30s", 4410), ("2s", 2), ("0 S", 0),
        ("2", 7200), ("1d 2h", 93600), ("1.5s", 1.5), ("1D2H3M4S", 93784), (5.0, 5e-7),
    ],
)  # fmt: skip
def test_durations(value: object, seconds: float) -> None:
    span = values.read_duration(value)
    assert span is not None
    assert values.seconds(span) == pytest.approx(seconds)


@given(st.integers(0, 3000), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_spans_against_arithmetic(days: int, hours: int, minutes: int, seconds: int) -> None:
    exact = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds) // timedelta(microseconds=1) * 10
    assert values.read_duration(f"{days}d{hours}h{minutes}m{seconds}s") == exact


@pytest.mark.parametrize("value", [-1, "-1s", "1s1m", "s", "1x", "516606001", 10**20, "99999d", "0:17:39"])
def test_no_durations(value: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_duration(value)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("Contoso", "Contoso"),
        (" a\nb\x00c ", "a b c"),
        (7, "7"),
        ("", None),
        (None, None),
        ("\ud800", None),
        ('a"b\\', 'a"b\\'),
    ],
)
def test_labels(value: object, label: str | None) -> None:
    assert values.read_label(value) == label


def test_a_name_that_is_too_long_is_cut() -> None:
    assert values.read_name("x" * 200) == "x" * 200
    assert values.read_name("x" * 201) == "x" * 199 + "…"
    assert values.read_name(None) is None
    with pytest.raises(UnreadableValueError):
        values.read_name("x" * 190 + " owner@example.com " + "x" * 190)


@pytest.mark.parametrize("value", ["x" * 201, "owner@example.com", "Contoso <it@example.com>", 2**53 + 1, 1.5])
def test_no_labels(value: object) -> None:
    with pytest.raises(UnreadableValueError) as caught:
        values.read_label(value)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "word"), [("N/A", None), ("", None), (" Prepaid ", "Prepaid"), (None, None), (7, "7")]
)
def test_words(value: object, word: str | None) -> None:
    assert values.read_word(value) == word


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Finished with Exception", "finished_with_exception"), ("FinishedWithException", "finished_with_exception"),
        ("a _-b", "a_b"), ("N/A", "n_a"), ("Waiting", "waiting"), ("???", ""), ("Job2Go", "job2_go"),
    ],
)  # fmt: skip
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@pytest.mark.parametrize(
    ("value", "look"),
    [
        ("owner@example.com is here", "'<e-mail> is here'"), ("x" * 61, f"'{'x' * 60}'…"),
        ("x" * 300, f"'{'x' * 60}'…"),
        ("x" * 50 + " someone@example.com", f"'{'x' * 50} <e-mail>'"), ("a\nb", "'a\\nb'"),
        (None, "None"), (True, "True"),
        (1.5, "1.5"), (12, "12"), (10**20, "an enormous number"), ([1], "a list"), ({}, "a dict"),
    ],
)  # fmt: skip
def test_a_look_at_a_value(value: object, look: str) -> None:
    assert short(value) == look


@given(st.text(alphabet="ab.@ ", max_size=260))
def test_a_look_never_shows_an_address(text: str) -> None:
    assert "@" not in short(text)


def test_times_as_parameters() -> None:
    assert values.ticks_at(1728722792.5) == 17287227925000000
    assert values.iso_time(Ticks(17287227929999999)) == "2024-10-12T08:46:32Z"
    assert values.iso_date(Ticks(17287227929999999)) == "2024-10-12"
    assert json.dumps(values.dotnet_ticks(Ticks(0))) == "621355968000000000"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0/1 GB", GB), ("1024 GB", 1024 * GB), ("0.5 / 2 TB", 2048 * GB), ("17 GB/3072 GB", 3072 * GB), ("5/0 GB", 0),
        ("1,024/2,048 GB", 2048 * GB), ("N/A", None), ("3/N/A", None), (0, 0),
    ],
)  # fmt: skip
def test_sizes_that_were_bought(text: object, size: float | None) -> None:
    assert values.read_purchased(text) == size


@pytest.mark.parametrize("text", ["1/2/3 GB", "/1 GB", "1/2", "a/1 GB", "1 GB/", "GB/1 GB", "-1/1 GB", 5])
def test_no_sizes_that_were_bought(text: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_purchased(text)


@given(st.decimals(0, 10**6, places=2), st.decimals(0, 10**6, places=2), st.sampled_from(["GB", "TB"]))
def test_of_two_sizes_the_second_was_bought(used: object, bought: object, unit: str) -> None:
    assert values.read_purchased(f"{used}/{bought} {unit}") == values.read_size(f"{bought} {unit}")


@pytest.mark.parametrize(
    ("text", "days"),
    [("1 years", 365), ("1 year", 365), ("10 Years", 3650), ("6 months", 180), ("2 weeks", 14), ("30days", 30),
     ("Unlimited", math.inf), ("UNLIMITED ", math.inf), ("0 days", 0)],
)  # fmt: skip
def test_retention_periods(text: str, days: float) -> None:
    assert values.read_retention(text) == days * 86_400


@pytest.mark.parametrize("text", ["1", 1, "years", "1.5 years", "-1 years", "1 decades", "1 years 2 months", True, []])
def test_no_retention_periods(text: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_retention(text)


@pytest.mark.parametrize(
    ("value", "switch"),
    [(True, True), (False, False), ("true", True), ("False", False), (" TRUE ", True), (None, None), ("N/A", None)],
)
def test_switches(value: object, switch: bool | None) -> None:
    assert values.read_flag(value) is switch


@pytest.mark.parametrize("value", [0, 1, 1.0, "yes", "0", [], {}, "true" * 20])
def test_no_switches(value: object) -> None:
    with pytest.raises(UnreadableValueError):
        values.read_flag(value)


@given(JSON | NEARLY)
def test_any_json_is_a_switch_or_is_none(value: object) -> None:
    try:
        assert values.read_flag(value) in (True, False, None)
    except UnreadableValueError:
        assert not isinstance(value, bool)


@pytest.mark.parametrize("endless", ["Never", "perpetual", " Unlimited ", "LIFETIME", "N/A", "9999-12-31"])
def test_a_subscription_without_an_end_has_no_last_day(endless: str) -> None:
    assert values.read_last_day(endless) is None


def test_only_the_last_day_of_a_subscription_may_be_a_word() -> None:
    with pytest.raises(UnreadableValueError):
        values.read_time("never")
    with pytest.raises(UnreadableValueError):
        values.read_last_day("someday")
