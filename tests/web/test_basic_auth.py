"""Test basic authentication: accepted credentials, the number of password checks, and floods of wrong passwords."""

import asyncio
import base64
import threading
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest
from starlette.types import Message, Receive, Scope, Send

from exporter.web.basic_auth import (
    BasicAuth,
    BasicCredentials,
    CheckResult,
    ClientKey,
    PasswordChecker,
    matches,
    parse_credentials,
)
from exporter.web.limits import ClientLimits

STORED = bcrypt.hashpw(b"right", bcrypt.gensalt(4))
USERS = {b"alice": STORED}
HERE = ClientKey("192.0.2.1", 1)


def authorization(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Counting:
    """Counts the comparisons of passwords.

    By default, the exporter's function compares the passwords. Tests can pass another function.
    """

    def __init__(self, compare: Callable[[bytes, bytes], bool] = matches) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self.threads: set[int] = set()
        self._compare = compare

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.seen.append((password, stored))
        self.threads.add(threading.get_ident())
        return self._compare(password, stored)


class Gate:
    """A fake password comparison that waits until the test continues. The correct password is "right"."""

    def __init__(self) -> None:
        self.order: list[bytes] = []
        self._tickets = threading.Semaphore(0)

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.order.append(password)
        assert self._tickets.acquire(timeout=5)
        return password == b"right"

    def open(self, count: int = 1) -> None:
        self._tickets.release(count)


def join_checks() -> None:
    for thread in threading.enumerate():
        if thread.name == "bcrypt":
            thread.join(5)


async def hello(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def ask(app: BasicAuth, *values: str, client: tuple[str, int] | None = ("192.0.2.1", 1)) -> Any:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("authentication must not read the body")

    headers = [(b"authorization", value.encode()) for value in values]
    await app({"type": "http", "headers": headers, "client": client}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([authorization("alice", "right")], 200),
        ([authorization("alice", "right").replace("Basic", "bAsIc")], 200),
        ([authorization("alice", "wrong")], 401),
        ([authorization("bob", "right")], 401),
        ([authorization("alice", "")], 401),
        ([], 401),
        ([authorization("alice", "right")] * 2, 401),
        (["Basic"], 401),
        (["Basic !!!"], 401),
        (["Basic " + base64.b64encode(b"no colon").decode()], 401),
        (["Bearer abc"], 401),
    ],
)
async def test_which_credentials_are_accepted(values: list[str], status: int) -> None:
    app = BasicAuth(hello, lambda: USERS, PasswordChecker(ClientLimits()))
    got, headers = await ask(app, *values)
    assert got == status
    if status == 401:
        assert headers[b"www-authenticate"].startswith(b"Basic realm=")


async def test_without_users_every_request_is_accepted() -> None:
    app = BasicAuth(hello, dict, PasswordChecker(ClientLimits()))
    assert (await ask(app))[0] == 200


async def test_changed_users_apply_at_once() -> None:
    users = dict(USERS)
    app = BasicAuth(hello, lambda: users, PasswordChecker(ClientLimits()))
    assert (await ask(app, authorization("alice", "right"), client=None))[0] == 200
    users[b"alice"] = bcrypt.hashpw(b"changed", bcrypt.gensalt(4))
    assert (await ask(app, authorization("alice", "right")))[0] == 401
    assert (await ask(app, authorization("alice", "changed")))[0] == 200


async def test_lifespan_passes() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await BasicAuth(app, lambda: USERS, PasswordChecker(ClientLimits()))({"type": "lifespan"}, None, None)  # type: ignore[arg-type] # never used
    assert seen == ["lifespan"]


def test_credentials_are_not_shown() -> None:
    credentials = parse_credentials([(b"authorization", authorization("alice", "a:b").encode())])
    assert credentials == BasicCredentials(b"alice", b"a:b")
    assert repr(credentials) == "BasicCredentials()"


def test_a_password_that_bcrypt_would_cut_is_wrong() -> None:
    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert matches(b"x" * 72, stored)
    assert not matches(b"x" * 73, stored)
    assert not matches(b"right\0", STORED)


async def test_each_password_is_checked_once_and_on_a_thread() -> None:
    compare = Counting()
    checker = PasswordChecker(ClientLimits(), compare)
    for _ in range(3):
        assert await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE) is CheckResult.RIGHT
        assert await checker.check(USERS, BasicCredentials(b"alice", b"wrong"), HERE) is CheckResult.WRONG
        assert await checker.check(USERS, BasicCredentials(b"bob", b"right"), HERE) is CheckResult.WRONG
    assert len(compare.seen) == 3
    assert threading.get_ident() not in compare.threads


async def test_an_unknown_user_takes_as_long() -> None:
    compare = Counting(lambda _, __: True)  # a match with the hash of a decoy must not grant access
    checker = PasswordChecker(ClientLimits(), compare)
    users = {b"a": STORED, b"b": STORED.replace(b"$04$", b"$05$")}
    for i in range(20):
        assert await checker.check(users, BasicCredentials(b"user%d" % i, b"x"), HERE) is CheckResult.WRONG
        assert await checker.check(users, BasicCredentials(b"user%d" % i, b"y"), HERE) is CheckResult.WRONG
    decoys = [stored for _, stored in compare.seen]
    assert {stored[4:6] for stored in decoys} == {b"04", b"05"}
    assert decoys[::2] == decoys[1::2]  # each user name always has the same decoy
    assert not any(matches(b"x", stored) for stored in set(decoys))


async def test_concurrent_checks_of_the_same_password_are_shared() -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(password_checks=1, password_queue=1), gate)
    tasks = [
        asyncio.create_task(checker.check(USERS, BasicCredentials(b"alice", b"right"), ClientKey("n", port)))
        for port in range(50)
    ]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    gate.open()
    assert set(await asyncio.gather(*tasks[1:])) == {CheckResult.RIGHT}
    assert gate.order == [b"right"]


@pytest.mark.parametrize("honest", [ClientKey("elsewhere", 1), ClientKey("guesser", 99)])
async def test_clients_that_guess_leave_room_for_others(honest: ClientKey) -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(password_checks=1, password_queue=4), gate)

    def check(password: bytes, client: ClientKey) -> asyncio.Task[CheckResult]:
        return asyncio.create_task(checker.check(USERS, BasicCredentials(b"alice", password), client))

    guesser = ClientKey("guesser", 1)
    gate.open()
    assert await check(b"first", guesser) is CheckResult.WRONG
    guesses = [check(b"%d" % i, guesser) for i in range(5)]
    await asyncio.sleep(0)
    right = check(b"right", honest)
    await asyncio.sleep(0)
    shared = check(b"right", guesser)  # shares the result of the running check
    gate.open(10)
    assert await right is CheckResult.RIGHT
    assert await shared is CheckResult.RIGHT
    assert (await asyncio.gather(*guesses)).count(CheckResult.BUSY) == 3


async def test_the_number_of_pending_checks_is_limited() -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(password_checks=1, password_queue=3), gate)
    tasks = [
        asyncio.create_task(checker.check(USERS, BasicCredentials(b"alice", b"%d" % i), ClientKey(f"n{i}", i)))
        for i in range(10)
    ]
    await asyncio.sleep(0)
    gate.open(10)
    assert (await asyncio.gather(*tasks)).count(CheckResult.BUSY) == 7


async def test_too_many_checks_are_refused_with_429() -> None:
    gate = Gate()
    app = BasicAuth(hello, lambda: USERS, PasswordChecker(ClientLimits(password_checks=1, password_queue=1), gate))
    first = asyncio.create_task(ask(app, authorization("alice", "right")))
    await asyncio.sleep(0.01)
    status, headers = await ask(app, authorization("alice", "other"))
    assert status == 429
    assert headers[b"retry-after"] == b"1"
    gate.open()
    assert (await first)[0] == 200


async def test_a_client_that_disconnects_does_not_cancel_the_check() -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(password_checks=1), gate)
    task = asyncio.create_task(checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE))
    await asyncio.sleep(0.01)
    task.cancel()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(join_checks)
    assert await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE) is CheckResult.RIGHT


async def test_without_a_free_thread_the_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    checker = PasswordChecker(ClientLimits())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE) is CheckResult.BUSY
    assert await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE) is CheckResult.RIGHT


async def test_the_cache_is_limited_and_contains_no_credentials() -> None:
    checker = PasswordChecker(ClientLimits(), lambda _, __: False, cache_size=8)
    for i in range(40):
        await checker.check(USERS, BasicCredentials(b"alice", b"%d" % i), ClientKey(f"n{i}", i))
    assert len(checker._wrong) == 8
    assert not any("alice" in repr(key) for key in checker._wrong._keys)
    assert len(checker._suspects) == 8


def test_a_check_may_end_after_its_event_loop() -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(), gate)

    async def abandon() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE)

    asyncio.run(abandon())
    gate.open()
    join_checks()


@pytest.mark.parametrize("same_network", [False, True])
async def test_wrong_passwords_do_not_keep_the_right_one_out(same_network: bool) -> None:
    """An attacker sends 1,000 wrong passwords per second, from 8 networks or from the client's network."""
    users = {b"alice": bcrypt.hashpw(b"right", bcrypt.gensalt(10)), b"bob": STORED}
    app = BasicAuth(hello, lambda: users, PasswordChecker(ClientLimits()))
    assert (await ask(app, authorization("bob", "right")))[0] == 200
    loop = asyncio.get_running_loop()
    statuses: list[int] = []
    tasks: set[asyncio.Task[None]] = set()

    async def attempt(number: int) -> None:
        client = ("198.51.100.1", number % 8) if same_network else (f"203.0.113.{number % 8}", number)
        statuses.append((await ask(app, authorization("alice", f"guess{number}"), client=client))[0])

    async def flood(seconds: float) -> None:
        begin, sent = loop.time(), 0
        while (now := loop.time()) < begin + seconds:
            while sent < (now - begin) * 1000:
                task = asyncio.create_task(attempt(sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(0.005)

    flooding = asyncio.create_task(flood(1.5))
    await asyncio.sleep(0.5)
    assert (await ask(app, authorization("bob", "right"), client=("198.51.100.1", 4000)))[0] == 200
    assert (await ask(app, authorization("alice", "right"), client=("198.51.100.1", 5000)))[0] == 200
    await flooding
    await asyncio.gather(*tasks)
    assert set(statuses) == {401, 429}


async def test_the_same_bytes_divided_differently_are_other_credentials() -> None:
    users = {b"ab": STORED, b"a": STORED}
    checker = PasswordChecker(ClientLimits(), lambda password, _: password == b"c")
    assert await checker.check(users, BasicCredentials(b"ab", b"c"), HERE) is CheckResult.RIGHT
    assert await checker.check(users, BasicCredentials(b"a", b"bc"), HERE) is CheckResult.WRONG


async def test_a_client_that_has_authenticated_may_use_the_whole_queue() -> None:
    gate = Gate()
    checker = PasswordChecker(ClientLimits(password_checks=1, password_queue=4), gate)
    gate.open()
    assert await checker.check(USERS, BasicCredentials(b"alice", b"right"), HERE) is CheckResult.RIGHT
    await asyncio.sleep(0)
    crowd = [
        asyncio.create_task(
            checker.check(USERS, BasicCredentials(b"alice", b"no%d" % number), ClientKey(f"203.0.113.{number}", 1))
        )
        for number in range(3)
    ]
    await asyncio.sleep(0)
    gate.open(4)
    assert await checker.check(USERS, BasicCredentials(b"bob", b"right"), HERE) is CheckResult.WRONG, "it was checked"
    assert await asyncio.gather(*crowd) == [CheckResult.WRONG] * 3
    join_checks()
