"""The client requests a token once, reuses the token until it expires, and never shows the token."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.avepoint.auth.credentials import ClientSecret
from exporter.avepoint.auth.tokens import LONGEST_SCOPE, TokenSource, refusal
from exporter.errors import TokenError
from tests.fakes import SECRET, make_account
from tests.helpers import FakeClock


class Identity:
    """A token service that counts requests. The service responds only while `open` is set."""

    def __init__(self, answer: Mapping[str, object] | Exception | None = None) -> None:
        self.clock = FakeClock()
        self.forms: list[Mapping[str, str]] = []
        self._received = asyncio.Queue[Mapping[str, str]]()
        self.open = asyncio.Event()
        self.open.set()
        self.answer = answer
        self.tokens = TokenSource("app", ClientSecret(make_account().auth), self._ask, self.clock)

    async def asked(self, times: int = 1) -> None:
        """Wait until the service has received this many requests."""
        for _ in range(times):
            await self._received.get()

    async def _ask(self, form: Mapping[str, str]) -> Mapping[str, object]:
        self.forms.append(form)
        self._received.put_nowait(form)
        number = len(self.forms)
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or {"access_token": f"tok-{number}", "expires_in": 3600}


async def test_the_documented_form() -> None:
    identity = Identity()
    token = await identity.tokens.token("jobs.read")
    assert token.text == "tok-1"
    assert identity.forms == [
        {"grant_type": "client_credentials", "client_id": "app", "scope": "jobs.read", "client_secret": SECRET}
    ]


async def test_one_request_however_many_wait_and_one_a_permission() -> None:
    identity = Identity()
    identity.open.clear()
    waiting = [asyncio.create_task(identity.tokens.token(name)) for name in ["a", "b"] * 50]
    await identity.asked(2)
    identity.open.set()
    tokens = await asyncio.gather(*waiting)
    assert len(identity.forms) == 2
    assert len({token.text for token in tokens}) == 2


@pytest.mark.parametrize(
    ("life", "used_for"),
    [
        (3600, 3480), ("3600", 3480), (60, 54), (60.0, 54), (None, 270), ("soon", 270), (0, 270), (-1, 270),
        (True, 270), ("9" * 5000, 270), (10**30, 270), (float("nan"), 270), ([1], 270),
    ],
)  # fmt: skip
async def test_kept_for_its_life_and_renewed_before_its_end(life: object, used_for: float) -> None:
    identity = Identity({"access_token": "t", "expires_in": life})
    await identity.tokens.token("p")
    identity.clock.advance(used_for - 0.5)
    await identity.tokens.token("p")
    assert len(identity.forms) == 1
    identity.clock.advance(1)
    await identity.tokens.token("p")
    assert len(identity.forms) == 2


async def test_a_refused_token_is_forgotten_once() -> None:
    identity = Identity()
    first = await identity.tokens.token("p")
    identity.tokens.discard("p", first)
    second = await identity.tokens.token("p")
    identity.tokens.discard("p", first)
    assert await identity.tokens.token("p") is second
    assert len(identity.forms) == 2


async def test_a_failure_is_shared_and_not_kept() -> None:
    identity = Identity(TokenError("no", reason="invalid_client"))
    identity.open.clear()
    waiting = [asyncio.create_task(identity.tokens.token("p")) for _ in range(20)]
    await identity.asked()
    identity.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, TokenError) for result in results)
    assert len(identity.forms) == 1
    identity.answer = None
    assert (await identity.tokens.token("p")).text == "tok-2"


async def test_who_is_cancelled_takes_nobody_along() -> None:
    identity = Identity()
    identity.open.clear()
    waiting = [asyncio.create_task(identity.tokens.token("p")) for _ in range(3)]
    await identity.asked()
    waiting[0].cancel()
    await asyncio.sleep(0)
    identity.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {result.text for result in results if not isinstance(result, BaseException)} == {"tok-1"}
    assert len(identity.forms) == 1


async def test_a_failure_that_nobody_waits_for_any_more_is_no_warning() -> None:
    identity = Identity(TokenError("no", reason="x"))
    identity.open.clear()
    waiting = asyncio.create_task(identity.tokens.token("p"))
    await identity.asked()
    waiting.cancel()
    identity.open.set()
    await asyncio.wait(identity.tokens._renewals.values())
    identity.answer = None
    assert (await identity.tokens.token("p")).text == "tok-2"


async def test_a_renewal_that_is_cancelled_leaves_nothing_behind() -> None:
    identity = Identity()
    identity.open.clear()
    waiting = asyncio.create_task(identity.tokens.token("p"))
    await identity.asked()
    for renewal in identity.tokens._renewals.values():
        renewal.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    identity.open.set()
    assert (await identity.tokens.token("p")).text == "tok-2"


@pytest.mark.parametrize(
    "answer",
    [{"token": "x"}, *({"access_token": bad} for bad in (None, "", 7, ["x"], "a b", "a\r\nX: y", "té", "\x00"))],
)
async def test_garbage_is_no_token(answer: Mapping[str, object]) -> None:
    identity = Identity(answer)
    with pytest.raises(TokenError) as caught:
        await identity.tokens.token("p")
    assert caught.value.reason == "parse"


async def test_a_scope_that_is_too_long_is_not_asked_for() -> None:
    identity = Identity()
    with pytest.raises(TokenError) as caught:
        await identity.tokens.token("x" * (LONGEST_SCOPE + 1))
    assert caught.value.reason == "invalid_scope"
    assert not identity.forms


def test_a_secret_file_is_read_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    credential = ClientSecret(make_account(auth=f"client_secret_file: {file}").auth)
    assert credential.form() == {"client_secret": "first"}
    file.write_text("second")
    assert credential.form() == {"client_secret": "second"}
    file.write_text(" \n")
    with pytest.raises(TokenError, match="secret: is empty"):
        credential.form()
    file.write_bytes("third\r\n".encode("utf-16"))
    assert credential.form() == {"client_secret": "third"}
    file.write_bytes("sécret".encode("cp1252"))
    with pytest.raises(TokenError, match="line 1 is not UTF-8; save the file as UTF-8") as caught:
        credential.form()
    assert "secret'" not in repr(caught.value)
    file.unlink()
    with pytest.raises(TokenError, match="no such file") as caught:
        credential.form()
    assert caught.value.reason == "credential"


def test_a_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_CONTOSO", "one")
    credential = ClientSecret(make_account(auth="client_secret_env: SECRET_OF_CONTOSO").auth)
    assert credential.form() == {"client_secret": "one"}
    monkeypatch.delenv("SECRET_OF_CONTOSO")
    with pytest.raises(TokenError, match="SECRET_OF_CONTOSO: is empty"):
        credential.form()


def test_no_secret_at_all_is_an_error() -> None:
    auth = make_account().auth.model_copy(update={"client_secret": None})
    with pytest.raises(TokenError):
        ClientSecret(auth).form()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("invalid_client", "client_id"),
        ("invalid_scope", "the app was not granted this permission; add it in AvePoint Online"),
        ("x", "check the app in"),
    ],
)
def test_what_an_operator_should_do(code: str, hint: str) -> None:
    error = refusal(code, "p")
    assert error.reason == code
    assert hint in error.hint


async def test_nothing_that_is_printed_shows_a_secret() -> None:
    identity = Identity()
    credential = ClientSecret(make_account().auth)
    token = await identity.tokens.token("p")
    assert SECRET not in repr(credential) + repr(make_account()) + str(make_account())
    assert "tok-1" not in f"{token!r} {token}"


@pytest.mark.parametrize(("seconds", "requests"), [(59, 1), (61, 2)])
async def test_a_failure_ahead_is_reported_once_and_for_a_minute(seconds: float, requests: int) -> None:
    identity = Identity(TokenError("no", reason="invalid_client"))
    await identity.tokens.token_ahead("p")
    identity.clock.advance(seconds)
    with pytest.raises(TokenError):
        await identity.tokens.token("p")
    assert len(identity.forms) == requests
    with pytest.raises(TokenError):
        await identity.tokens.token("p")
    assert len(identity.forms) == requests + 1


async def test_a_token_is_requested_ahead_again_after_a_success() -> None:
    identity = Identity(TokenError("no", reason="invalid_client"))
    await identity.tokens.token_ahead("p")
    identity.clock.advance(61)
    await identity.tokens.token_ahead("p")
    assert len(identity.forms) == 1, "the last request failed"
    identity.answer = None
    await identity.tokens.token("p")
    identity.clock.advance(3600)
    await identity.tokens.token_ahead("p")
    assert len(identity.forms) == 3
