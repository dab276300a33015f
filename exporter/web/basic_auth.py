"""HTTP basic authentication with bcrypt hashes.

A bcrypt check takes tens of milliseconds of CPU time. To limit the CPU time for wrong passwords, results are cached,
checks run on a few threads, and the queue of pending checks is short. A network or connection that has sent only wrong
passwords can fill only part of the queue. Other clients can use the rest of the queue. An attacker that uses many
networks can still fill the whole queue.
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
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.limits import ClientLimits, client_network, send_text

Users = Mapping[bytes, bytes]
Compare = Callable[[bytes, bytes], bool]

_LONGEST_PASSWORD: Final = 72  # maximum length in bytes; bcrypt ignores all further bytes
_CACHE_SIZE: Final = 4096


class CheckResult(enum.Enum):
    """The result of a password check."""

    RIGHT = enum.auto()
    WRONG = enum.auto()
    BUSY = enum.auto()  # too many checks are pending, so the password was not checked


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """The user name and password from a request. `repr` shows neither the name nor the password."""

    user: bytes = field(repr=False)
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The network and port of a client. Together, the network and the port identify a connection."""

    network: str
    port: int


class BasicAuth:
    """ASGI middleware that requires valid credentials on every path, like Prometheus's exporter-toolkit."""

    def __init__(self, app: ASGIApp, users: Callable[[], Users], checker: "PasswordChecker") -> None:
        self._app = app
        self._users = users
        self._checker = checker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with 401 if credentials are missing or wrong. Respond with 429 if too many checks are pending."""
        users = self._users()
        result = CheckResult.RIGHT
        if scope["type"] == "http" and users:
            result = await self._check(users, scope)
        if result is CheckResult.RIGHT:
            await self._app(scope, receive, send)
        elif result is CheckResult.BUSY:
            await send_text(send, 429, "Too Many Requests", [(b"retry-after", b"1")])
        else:
            challenge = (b"www-authenticate", b'Basic realm="metrics", charset="UTF-8"')
            await send_text(send, 401, "Unauthorized", [challenge])

    async def _check(self, users: Users, scope: Scope) -> CheckResult:
        if (credentials := parse_credentials(scope["headers"])) is None:
            return CheckResult.WRONG
        host, port = scope.get("client") or ("", 0)
        return await self._checker.check(users, credentials, ClientKey(client_network(host), port))


def parse_credentials(headers: Iterable[tuple[bytes, bytes]]) -> BasicCredentials | None:
    """Return the credentials from the Authorization header.

    Return None if the header is missing, malformed or repeated.
    """
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
    """Return whether a password matches a hash.

    A password that is too long for bcrypt never matches, but the check takes the same time.
    """
    import bcrypt  # noqa: PLC0415 - only configurations with passwords need this module

    return bcrypt.checkpw(password[:_LONGEST_PASSWORD], stored) and len(password) <= _LONGEST_PASSWORD


class _Cache:
    """A set of limited size. If the set is full, adding a key drops the oldest key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[object, None] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: object) -> None:
        """Add a key. If the cache is full, drop the oldest key."""
        self._keys[key] = None
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)

    def discard(self, key: object) -> None:
        """Remove a key, if present."""
        self._keys.pop(key, None)


class PasswordChecker:
    """Checks passwords and caches the results. The number of threads and the length of the queue are limited."""

    def __init__(self, limits: ClientLimits, compare: Compare = matches, *, cache_size: int = _CACHE_SIZE) -> None:
        self._limits = limits
        self._compare = compare
        self._threads = asyncio.Semaphore(limits.password_checks)
        # The caches contain only HMACs of credentials. The HMAC key never leaves this process.
        self._key = secrets.token_bytes(32)
        self._right = _Cache(cache_size)
        self._wrong = _Cache(cache_size)
        self._decoys: dict[bytes, bytes] = {}
        self._pending: dict[bytes, asyncio.Task[CheckResult]] = {}
        self._suspects = _Cache(cache_size)  # networks and connections that have sent only wrong or unchecked passwords

    async def check(self, users: Users, credentials: BasicCredentials, client: ClientKey) -> CheckResult:
        """Check the password of a user. Concurrent requests with the same credentials share one check."""
        stored = users.get(credentials.user) or self._decoy(users, credentials.user)
        key = self._digest(credentials.user, credentials.password, stored)
        if key in self._right:
            return CheckResult.RIGHT
        if key in self._wrong:
            return CheckResult.WRONG
        task = self._pending.get(key)
        if task is None:
            if len(self._pending) >= self._queue_for(client):
                return CheckResult.BUSY
            is_known = credentials.user in users
            task = asyncio.create_task(self._run(key, credentials.password, stored, is_known=is_known))
            self._pending[key] = task
            self._suspects.add(client.network)
            self._suspects.add(client)
            task.add_done_callback(lambda done: self._finish(key, client, done))
        # If a client disconnects, the check continues, because other requests may be waiting for its result.
        return await asyncio.shield(task)

    def _queue_for(self, client: ClientKey) -> int:
        """Return the maximum length of the queue for this client.

        If the queue has reached this length, the check is not added to the queue.
        """
        limit = self._limits.password_queue
        if client.network not in self._suspects:
            return limit
        return limit * 3 // 4 if client not in self._suspects else limit // 2

    def _finish(self, key: bytes, client: ClientKey, task: asyncio.Task[CheckResult]) -> None:
        del self._pending[key]
        if not task.cancelled() and task.exception() is None and task.result() is CheckResult.RIGHT:
            self._suspects.discard(client.network)
            self._suspects.discard(client)

    async def _run(self, key: bytes, password: bytes, stored: bytes, *, is_known: bool) -> CheckResult:
        async with self._threads:
            try:
                is_right = await _in_daemon_thread(lambda: self._compare(password, stored))
            except RuntimeError:  # the system cannot start another thread
                return CheckResult.BUSY
        is_right = is_right and is_known
        (self._right if is_right else self._wrong).add(key)
        return CheckResult.RIGHT if is_right else CheckResult.WRONG

    def _digest(self, *parts: bytes) -> bytes:
        framed = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self._key, framed, "sha256")

    def _decoy(self, users: Users, user: bytes) -> bytes:
        """Return a hash that matches no password.

        With this hash, a check takes as long for an unknown user as for a known user. The hash has the bcrypt cost of a
        configured hash. The user name determines the cost, so all checks for one name take equally long.
        """
        costs = sorted({stored[4:6] for stored in users.values()})
        cost = costs[int.from_bytes(self._digest(user)[:4]) % len(costs)]
        if cost not in self._decoys:
            import bcrypt  # noqa: PLC0415 - only configurations with passwords need this module

            self._decoys[cost] = bcrypt.gensalt(int(cost)) + b"." * 31
        return self._decoys[cost]


async def _in_daemon_thread(function: Callable[[], bool]) -> bool:
    """Run a function on a daemon thread and return its result.

    An executor would delay the exit of the process, because Python waits for executor threads at exit. A bcrypt check
    with cost 17 takes seconds and cannot be interrupted.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()

    def finish(result: bool) -> None:  # noqa: FBT001 - call_soon_threadsafe passes arguments by position
        if not future.done():
            future.set_result(result)

    def run() -> None:
        result = False
        try:
            result = function()
        finally:
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(finish, result)

    threading.Thread(target=run, name="bcrypt", daemon=True).start()
    return await future
