"""In both log formats, each event is one line without secrets."""

import errno
import io
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.errors import ConfigError
from exporter.logs import logger, scrub, setup

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJlLWh1bnRlcjI"
QUIET = ("httpx", "httpcore", "hpack", "h11", "asyncio", "uvicorn")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


Lines = Callable[[], list[str]]


@pytest.fixture(params=["logfmt", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lines(form: str, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Set up a log of level debug in the format `form`. Return a function that returns the logged lines."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    setup("debug", form)
    return lambda: stream.getvalue().splitlines()


def test_a_line_as_logfmt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    logger(account="contoso").info("refreshed", samples=3, first=True, last=None, ratio=0.5, text='say "hi" = \\o/')
    line = capsys.readouterr().err
    assert re.sub(r"ts=\S+Z", "ts=…", line) == (
        "ts=… level=info msg=refreshed account=contoso samples=3 first=true last= ratio=0.5"
        ' text="say \\"hi\\" = \\\\o/"\n'
    )


def test_a_line_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    setup("info", "json")
    logger(account="contoso").warning("höre\n", samples=3, first=True, last=None, ratio=float("nan"), of=[1, "a"])
    line = capsys.readouterr().err
    found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", found.pop("ts"))
    assert found == {
        "level": "warn", "msg": "höre\n", "account": "contoso", "samples": 3, "first": True, "last": None,
        "ratio": "nan", "of": "[1, 'a']",
    }  # fmt: skip
    assert "höre" in line


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", "debug info warn error"), ("info", "info warn error"), ("warn", "warn error"),
     ("error", "error")],
)  # fmt: skip
def test_levels(level: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    setup(level)
    ours, theirs = logger(), logging.getLogger("a.library")
    for log in (ours, theirs):
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)("x")
    assert re.findall(r"level=(\w+)", capsys.readouterr().err) == shown.split() * 2


def test_talkative_libraries_never_say_less_than_a_warning_nor_more_than_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for level, expected in (("debug", 2), ("info", 2), ("error", 1)):
        setup(level)
        for name in ("httpx", "httpcore.connection", "httpcore.http11", "uvicorn.error", "asyncio"):
            log = logging.getLogger(name)
            for each in (log.debug, log.info, log.warning, log.error):
                each("Authorization: x")
            assert len(capsys.readouterr().err.splitlines()) == expected, (level, name)


def test_setting_up_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    setup()
    setup()
    logger().info("once")
    assert capsys.readouterr().err.count("once") == 1


EVENTS: list[Any] = [
    "a\nb", "a\r\nb", "a\x00\x1b[31mb", "\x85\u2028\u2029", "\u202e", "tab\there",
    "", " ", "=", '"', "\\", "\\n", "\ud800",
    "msg=fake level=error", ["a\nb"], {"a": "b\n"}, b"\n", ValueError("a\nb"), KeyError("\n"),
    ValueError(), object(), 1.5,
]  # fmt: skip


@pytest.mark.parametrize("value", EVENTS, ids=[str(index) for index, _ in enumerate(EVENTS)])
def test_one_event_is_one_line_of_printable_text(value: object, lines: Lines, form: str) -> None:
    logger().info(str(value), key=value)
    logging.getLogger("a.library").error("%s", value)
    found = lines()
    assert len(found) == 2
    for line in found:
        assert not set(line) & {chr(number) for number in (*range(32), *range(127, 160), 0x202E, 0x2028, 0x2029)}
        if form == "json":
            json.loads(line)


@given(st.text(), st.text(max_size=20))
@example("\x0b\x0c\x1c\x1d\x1e", "\n")
def test_no_text_gets_a_second_line_or_an_escape_sequence(text: str, name: str) -> None:
    for form in ("logfmt", "json"):
        stream = io.StringIO()
        before, sys.stderr = sys.stderr, stream
        try:
            setup("info", form)
            logger(account=name).info(text, value=text)
        finally:
            sys.stderr = before
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()


def fail() -> None:
    secret = "in a local variable: hunter2"
    raise RuntimeError(f"line one\nclient_secret=hunter2 {len(secret)}")


def test_an_exception_with_its_traceback_is_one_line(lines: Lines) -> None:
    for log in (logger(), logging.getLogger("a.library")):
        try:
            fail()
        except RuntimeError as error:
            log.error("failed", exc_info=True)
            log.error("failed: %s", error, stack_info=True)
    found = lines()
    assert len(found) == 4
    assert all("Traceback" in line and "in fail" in line and "RuntimeError: line one" in line for line in found[::2])
    assert not any("hunter2" in line for line in found)


def test_a_chain_of_exceptions_keeps_its_start_and_its_end(lines: Lines) -> None:
    def sink(depth: int) -> None:
        if depth:
            sink(depth - 1)
        raise ValueError("x" * 5000 + " the end")

    try:
        sink(200)
    except ValueError:
        logger().error("failed", exc_info=True)
    (line,) = lines()
    assert "Traceback (most recent call last)" in line
    assert "the end" in line
    assert len(line) < 3000


def test_values_of_a_megabyte_are_cut(lines: Lines) -> None:
    logger().info("a" * 10**6, short="b", long="c " * 500_000, quotes='"' * 10**6)
    (line,) = lines()
    assert len(line) < 9000
    assert scrub("a" * 2000) == "a" * 2000
    assert scrub("b" + "a" * 2000 + "c") == "b" + "a" * 996 + " […] " + "a" * 996 + "c"


SECRET_TEXTS = [
    "Bearer hunter2",
    "Authorization: bearer   hunter2",
    "{'Authorization': 'Basic hunter2=='}",
    "client_secret=hunter2&grant_type=x",
    "client_secret: hunter2",
    'client_secret: "my hunter2, with \\" a quote"',
    "client_secret: 'my hunter2, again'",
    '{"client_secret": "hunter2"}',
    '{\\"client_secret\\": \\"of two, hunter2\\"}',
    '{"access_token":"hunter2","expires_in":3600}',
    "refresh_token=hunter2",
    "client_assertion=hunter2",
    "certificate_password = hunter2",
    "passwd=hunter2 pwd:hunter2 api-key=1 api_key=hunter2",
    'password="hunter2',
    'password="hunter2\\',
    'password="line\\\nhunter2"',
    "Client_Secret = hunter2",
    "http://user:hunter2@proxy.example.com:3128/ refused",
    "https://hunter2@proxy.example.com",
    JWT,
    f"token {JWT}.",
    f"x{JWT}",
    JWT[:60],
    "eyJodW50ZXIy" + "A" * 90_000,
    "client_secret=" + "a" * 70_000 + "hunter2",
    ("eyJ" + "a" * 3000 + " ") * 20 + "client_secret=hunter2",
]


@pytest.mark.parametrize("text", SECRET_TEXTS, ids=lambda text: text[:30])
def test_no_secret_is_written(text: str, lines: Lines) -> None:
    logger(context=text).info(text, value=text, inside={"a": [text]}, error=ValueError(text))
    logging.getLogger("a.library").info("got %s", text)
    found = "\n".join(lines())
    for hidden in ("hunter2", "aHVudGVyM", "odW50ZXIy", "c2lnbmF0", JWT.split(".")[1]):
        assert hidden not in found
    assert len(found.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "accounts[0].auth.client_secret: must be a string; put the value in quotes",
        "accounts[0].auth.client_secret: must not be empty",
        "accounts[0].auth.client_secret: needs a space after the colon",
        "accounts[0].auth.client_secret_file: the file (looked in /etc) is empty",
        "accounts[0].auth: contains client_secret and client_secret_file; keep only one",
        "basic authentication is off, no bearer token was sent",
        "other users can read the secret file",
        "https://graph.example.com/a?b=c eyJ",
        "no token for x.read.all: invalid_client",
    ],
)
def test_our_own_words_stay_as_they_are(text: str) -> None:
    assert scrub(text) == text


def test_all_mistakes_of_a_configuration_are_one_event(lines: Lines) -> None:
    logger().error("not reloaded", error=ConfigError(["accounts[0].name: is required", "accounts[1]: x"]))
    (line,) = lines()
    assert "accounts[0].name: is required\\naccounts[1]: x" in line


def test_warnings_of_libraries_are_lines_too(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\ncipher", UserWarning, stacklevel=1)
    (line,) = lines()
    assert "old\\ncipher" in line
    assert "warning" in line


@pytest.mark.parametrize("size", [10_000, 60_000])
@pytest.mark.parametrize(
    "piece",
    ["bearer ", "password=\"\\", "://", "eyJ", "secret'\"=", "a@", "basic\t", "client_secret: ", "eyJaaaaaaaa."]
)  # fmt: skip
def test_scrubbing_takes_no_time_on_hostile_texts(piece: str, size: int) -> None:
    began = time.process_time()
    scrub(piece * (size // len(piece)))
    assert time.process_time() - began < 5, "with quadratic CPU time, the function would take longer"


SYSTEM_MESSAGES = [
    *(f"cannot read /etc/contoso.secret: {os.strerror(number)}" for number in sorted(errno.errorcode)),
    "app_token: No such file or directory; create it",
    "Basic Constraints of CA cert not marked critical",
    "/x/api_key: Too many open files",
    "/etc/contoso.secret: begins or ends with a quotation mark; remove the mark",
    "/etc/contoso.secret: contains an invisible character; copy the secret again",
    "/etc/contoso.secret: line 1 is not UTF-8; save the file as UTF-8",
    "/etc/contoso.secret: is a placeholder; enter the value",
    "/etc/contoso.password: cannot read the file: permission denied",
]


@pytest.mark.parametrize("text", SYSTEM_MESSAGES)
def test_messages_of_the_system_stay_readable(text: str) -> None:
    assert scrub(text) == text
