"""HTTP basic authentication against bcrypt hashes, cheap for scrapes and bounded for floods.

A check costs tens of milliseconds of CPU, on purpose; so it runs off the event loop, what it found is remembered,
and how many wait for it is bounded. Whoever has asked least without being right is served first, by network and
then by connection: a client that is right gets through while others guess a thousand passwords a second. What
this cannot tell apart are guesses that come from the same address, each over a connection of its own.
"""

import asyncio
import base64
import binascii
import contextlib
import enum
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.limits import Limits, answer, client_network

Users = Mapping[bytes, bytes]
Compare = Callable[[bytes, bytes], bool]

_LONGEST_PASSWORD = 72  # bytes; bcrypt looks at no more
_REMEMBERED = 4096


class CheckResult(enum.Enum):
    """What is known of a user and a password."""

    RIGHT = enum.auto()
    WRONG = enum.auto()
    BUSY = enum.auto()  # not looked at: too many others wait


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """What a client sent; neither part is ever shown."""

    user: bytes = field(repr=False)
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """Who asks, from where; `port` tells the connections of one network apart."""

    network: str
    port: int


class BasicAuth:
    """Let only authenticated requests through; all paths are protected, as in the toolkit."""

    def __init__(self, app: ASGIApp, users: Callable[[], Users], checker: "Checker") -> None:
        self._app = app
        self._users = users
        self._checker = checker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to wrong credentials, 429 if they cannot be looked at now."""
        users = self._users()
        verdict = CheckResult.RIGHT
        if scope["type"] == "http" and users:
            verdict = await self._judge(users, scope)
        if verdict is CheckResult.RIGHT:
            await self._app(scope, receive, send)
        elif verdict is CheckResult.BUSY:
            await answer(send, 429, "Too Many Requests", [(b"retry-after", b"1")])
        else:
            challenge = (b"www-authenticate", b'Basic realm="metrics", charset="UTF-8"')
            await answer(send, 401, "Unauthorized", [challenge])

    async def _judge(self, users: Users, scope: Scope) -> CheckResult:
        credentials = parse_credentials(scope["headers"])
        if credentials is None:
            return CheckResult.WRONG
        host, port = scope.get("client") or ("", 0)
        return await self._checker.check(users, credentials, ClientKey(client_network(host), port))


def parse_credentials(headers: Iterable[tuple[bytes, bytes]]) -> BasicCredentials | None:
    """Read the Authorization header; None if there is none, more than one, or it is malformed."""
    values = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    if scheme.lower() != b"basic":
        return None
    try:
        decoded = base64.b64decode(token.strip(), validate=True)
    except binascii.Error:
        return None
    user, colon, password = decoded.partition(b":")
    return BasicCredentials(user, password) if colon else None


def matches(password: bytes, stored: bytes) -> bool:
    """Compare by bcrypt; a password that bcrypt would cut off is wrong, and takes as long."""
    import bcrypt  # noqa: PLC0415 - most run without passwords

    same = bcrypt.checkpw(password[:_LONGEST_PASSWORD], stored)
    return same and len(password) <= _LONGEST_PASSWORD


class _Recent:
    """A bounded memory of numbers by key, that forgets what was touched longest ago."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._values: OrderedDict[object, int] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: object) -> int:
        """Give a key's number, 0 if it is not remembered."""
        return self._values.get(key, 0)

    def add(self, key: object) -> None:
        """Count a key once more, as the latest."""
        self._values[key] = self._values.pop(key, 0) + 1
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def drop(self, key: object) -> None:
        """Forget a key."""
        self._values.pop(key, None)


@dataclass(eq=False, slots=True)
class _Check:
    """One comparison, waiting or running; several requests with the same credentials share it."""

    mark: bytes
    password: bytes = field(repr=False)
    stored: bytes = field(repr=False)
    known: bool
    client: ClientKey
    verdict: asyncio.Future[CheckResult]


class Checker:
    """Compares passwords on threads of its own, remembers the results, and bounds the queue."""

    def __init__(self, limits: Limits, compare: Compare = matches) -> None:
        self._limits = limits
        self._compare = compare
        # Credentials are remembered only under a keyed hash, whose key ends with the process.
        self._key = secrets.token_bytes(32)
        self._right = _Recent()
        self._wrong = _Recent()
        self._tries = _Recent()
        self._decoys: dict[bytes, bytes] = {}
        self._pending: dict[bytes, _Check] = {}
        self._waiting: list[_Check] = []
        self._running = 0

    async def check(self, users: Users, credentials: BasicCredentials, client: ClientKey) -> CheckResult:
        """Say whether the password is the user's; only the first answer for a pair costs a comparison."""
        stored = users.get(credentials.user) or self._decoy(users, credentials.user)
        mark = self._mark(credentials.user, credentials.password, stored)
        if mark in self._right:
            return CheckResult.RIGHT
        if mark in self._wrong:
            return CheckResult.WRONG
        check = self._pending.get(mark)
        if check is None:
            future = asyncio.get_running_loop().create_future()
            known = credentials.user in users
            check = _Check(mark, credentials.password, stored, known, client, future)
            self._admit(check)
        # Shielded: the one who leaves must not take the answer from those who share it.
        return await asyncio.shield(check.verdict)

    def _mark(self, *parts: bytes) -> bytes:
        framed = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self._key, framed, "sha256")

    def _decoy(self, users: Users, user: bytes) -> bytes:
        """Give an unknown user a hash that nothing matches, with the cost of some configured one.

        Which one depends on the name only: asking twice shows nothing, and a name that does not exist takes as
        long as one that does.
        """
        costs = sorted({stored[4:6] for stored in users.values()})
        cost = costs[int.from_bytes(self._mark(user)[:4]) % len(costs)]
        if cost not in self._decoys:
            import bcrypt  # noqa: PLC0415 - as above

            self._decoys[cost] = bcrypt.gensalt(int(cost)) + b"." * 31
        return self._decoys[cost]

    def _admit(self, check: _Check) -> None:
        """Start a check, or let it wait; where there is no room, the least deserving one is turned away."""
        self._tries.add(check.client.network)
        self._tries.add(check.client)
        self._pending[check.mark] = check
        self._waiting.append(check)
        self._start()
        if len(self._waiting) > self._limits.password_queue:
            last = max(reversed(self._waiting), key=self._rank)
            self._waiting.remove(last)
            self._settle(last, CheckResult.BUSY)

    def _rank(self, check: _Check) -> tuple[int, int]:
        return self._tries.get(check.client.network), self._tries.get(check.client)

    def _start(self) -> None:
        while self._waiting and self._running < self._limits.password_checks:
            check = min(self._waiting, key=self._rank)
            self._waiting.remove(check)
            # A daemon thread each, of a bounded number: an executor's threads would be waited for at exit, and
            # a comparison at cost 17 cannot be interrupted. Starting one costs a thousandth of the comparison.
            thread = threading.Thread(target=self._run, args=(check,), name="bcrypt", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads
                self._settle(check, CheckResult.BUSY)
            else:
                self._running += 1

    def _run(self, check: _Check) -> None:
        same = False
        try:
            same = self._compare(check.password, check.stored)
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                check.verdict.get_loop().call_soon_threadsafe(self._finish, check, same and check.known)

    def _finish(self, check: _Check, right: bool) -> None:  # noqa: FBT001 - call_soon passes by position only
        self._running -= 1
        if right:
            self._right.add(check.mark)
            self._tries.drop(check.client.network)
            self._tries.drop(check.client)
        else:
            self._wrong.add(check.mark)
        self._settle(check, CheckResult.RIGHT if right else CheckResult.WRONG)
        self._start()

    def _settle(self, check: _Check, verdict: CheckResult) -> None:
        del self._pending[check.mark]
        if not check.verdict.done():
            check.verdict.set_result(verdict)
