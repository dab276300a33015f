"""The application runs the accounts, the metrics and the HTTP server in one process."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from exporter.clock import Clock, SystemClock
from exporter.collectors.registry import families, stored_families
from exporter.config.schema import Config
from exporter.config.watch import FileWatch
from exporter.engine.accounts import Accounts
from exporter.engine.refresh import refresh_all
from exporter.engine.shard import WHOLE, Shard
from exporter.engine.snapshot import SnapshotView
from exporter.errors import ConfigError
from exporter.exposition.exporter_metrics import OwnMetrics
from exporter.exposition.page import MetricsPage, PageRequest
from exporter.health.families import FAMILIES as VERDICT_FAMILIES
from exporter.logs import logger, write_suppressed
from exporter.runtime import settings_of_a_server
from exporter.web.app import App, Services
from exporter.web.descriptors import raise_limit
from exporter.web.server import serve
from exporter.web.status_data import ConfigStatus

if TYPE_CHECKING:
    from exporter.engine.shared.keeper import Keeper
    from exporter.engine.shared.state import SharedState
    from exporter.engine.storage.state import StateStore

_SUPPRESSED_SECONDS: Final = 10.0  # seconds between two checks for suppressed log lines

Load = Callable[[], Config]
"""A function that loads the configuration. The function raises ConfigError if the configuration is invalid."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The addresses and options of the HTTP server. If the file `watched` changes, the configuration is reloaded."""

    addresses: Sequence[str]
    web_config: Path | None = None
    lifecycle: bool = False
    watched: Path | None = None


class Application:
    """Loads the configuration, refreshes the accounts, and serves the metrics."""

    def __init__(
        self,
        load: Load,
        *,
        storage_path: Path | None = None,
        storage_url: str | None = None,
        shard: Shard = WHOLE,
        clock: Clock | None = None,
    ) -> None:
        self._load = load
        self._clock = clock or SystemClock()
        self._own = OwnMetrics()
        self._own.set_shard(shard)
        self._page = MetricsPage((*VERDICT_FAMILIES, *families()), self._own)
        self._log = logger()
        self._reloading = asyncio.Lock()
        self.configured = ConfigStatus()
        shared = None if storage_url is None else _open_shared(storage_url, shard, self._clock, self._log)
        self.accounts = Accounts(
            clock=self._clock,
            observe=self._own.observer,
            forget=self._own.forget,
            storage=shared if storage_path is None else _open_storage(storage_path, self._clock, self._log),
            shard=shard,
        )
        self._keeper = None if shared is None else _keeper(shared, self.accounts, self._clock, self._log)

    async def serve(
        self,
        listening: Listening,
        announce: Callable[[Sequence[str]], None],
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve requests until SIGTERM or SIGINT, and reload on SIGHUP. Raise ConfigError if startup fails.

        When the server accepts connections, `announce` is called with the server's addresses. `on_stop` is called at
        the first signal.
        """
        raise_limit()
        stop, loop = _stop_on_signals(on_stop), asyncio.get_running_loop()
        watch = None if listening.watched is None else FileWatch(listening.watched)
        reloads = set[asyncio.Task[None]]()
        loop.add_signal_handler(signal.SIGHUP, lambda: reloads.add(loop.create_task(self._reload_quietly())))
        background = [loop.create_task(self._write_suppressed())]
        if watch is not None:
            background.append(loop.create_task(watch.run(self._clock, self._reload_quietly)))

        def bound(addresses: Sequence[str]) -> None:
            # Do not start the refreshes earlier. If the process cannot listen on its addresses, it must not send
            # requests to AvePoint.
            if self._keeper is None:
                self.accounts.start()
            else:
                background.append(loop.create_task(self._join(self._keeper, config)))
                background[-1].add_done_callback(lambda _: stop.set())
            announce(addresses)

        app = self._app(listening)
        try:
            config = await asyncio.to_thread(self._load)
            self._record_config()
            if self._keeper is None and await _ended_first(self._restore(config), stop):
                return
            await serve(app.asgi(), listening.addresses, listening.web_config, stop=stop, on_bound=bound)
            _raise_errors(background)
        finally:
            await _cancel([*background, *reloads])
            app.close()
            await self.accounts.stop()

    def _app(self, listening: Listening) -> App:
        return App(
            Services(
                accounts=self.accounts,
                page=self._page,
                own=self._own,
                clock=self._clock,
                configured=lambda: self.configured,
                reload=self._reload_alone if listening.lifecycle else None,
            )
        )

    async def _reload_alone(self) -> None:
        """Reload the configuration as soon as no other reload is running."""
        async with self._reloading:
            await self.reload()

    async def _reload_quietly(self) -> None:
        with suppress(ConfigError):  # `reload` has already logged and recorded the error.
            await self._reload_alone()

    async def _restore(self, config: Config) -> None:
        with settings_of_a_server():
            await self._apply(config, start=False)

    async def _join(self, keeper: "Keeper", config: Config) -> None:
        """Restore the state from the shared database, and then keep the lease until the task is canceled."""
        async with self._reloading:
            await keeper.attempt()
            await self._restore(config)
        self.accounts.start()
        await keeper.run()

    async def _write_suppressed(self) -> None:
        while True:
            await self._clock.sleep(_SUPPRESSED_SECONDS)
            write_suppressed()

    async def reload(self) -> None:
        """Reload the configuration. If the new configuration is invalid, keep the old configuration."""
        try:
            config = await asyncio.to_thread(self._load)
            await self._apply(config)
        except ConfigError as error:
            self._own.reload_successful.set(0)
            self.configured = replace(self.configured, errors=error.errors)
            self._log.error("configuration not reloaded; the old configuration is kept", error=error)
            raise
        self._log.info("configuration reloaded", accounts=len(config.accounts))

    async def _apply(self, config: Config, *, start: bool = True) -> None:
        await self.accounts.apply(config, start=start)
        await self.accounts.settle()
        self._record_config()

    def _record_config(self) -> None:
        self._own.reload_successful.set(1)
        self._own.reload_time.set(self._clock.time())
        self.configured = ConfigStatus(loaded_at=self._clock.time())

    async def once(self) -> tuple[str, tuple[SnapshotView, ...]]:
        """Refresh all collectors once. Return the metrics page and a view of each collector."""
        background = list[asyncio.Task[None]]()
        try:
            if self._keeper is not None:
                background.append(await self._keeper.hold())
            await self._apply(self._load(), start=False)
            await refresh_all(self.accounts.refreshers())
            views = self.accounts.snapshot.views()
            await self.accounts.settle()
            shown = (*views, *self.accounts.verdict_views())
            page = self._page.plain(shown, PageRequest(), monotonic=self._clock.monotonic())
            return b"".join(page).decode(), views
        finally:
            await _cancel(background)
            await self.accounts.stop()


def _open_storage(path: Path, clock: Clock, log: structlog.stdlib.BoundLogger) -> "StateStore":
    # Import SQLite only if persistent state is configured.
    from exporter.engine.storage.sqlite import open_directory  # noqa: PLC0415
    from exporter.engine.storage.state import StateStore  # noqa: PLC0415

    return StateStore(open_directory(path, clock, log), stored_families(), clock, log)


def check_storage_url(url: str) -> None:
    """Raise ConfigError if the URL of the database is invalid. Do not connect to the database."""
    try:
        from exporter.engine.shared.url import connection_parameters  # noqa: PLC0415 - this import loads psycopg, which is optional
    except ImportError:
        what = "PostgreSQL needs the package psycopg; run: pip install 'avepoint-exporter[postgresql]'"
        raise ConfigError([f"--storage.url: {what}"]) from None
    try:
        connection_parameters(url)
    except ValueError as error:
        raise ConfigError([f"--storage.url: {error}"]) from None


def _open_shared(url: str, shard: Shard, clock: Clock, log: structlog.stdlib.BoundLogger) -> "SharedState":
    check_storage_url(url)
    from exporter.engine.shared.opening import open_shared  # noqa: PLC0415 - this import loads psycopg, which is optional

    return open_shared(url, shard, clock, log)


def _keeper(storage: "SharedState", accounts: Accounts, clock: Clock, log: structlog.stdlib.BoundLogger) -> "Keeper":
    from exporter.engine.shared.keeper import Keeper  # noqa: PLC0415 - this import loads psycopg, which is optional

    return Keeper(storage, accounts, clock, log)


def _stop_on_signals(on_stop: Callable[[], None]) -> asyncio.Event:
    stop = asyncio.Event()

    def on_signal() -> None:
        if not stop.is_set():
            on_stop()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


async def _ended_first(coroutine: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Run a coroutine until it ends or until `stop` is set. Return whether `stop` was set."""
    task, stopping = asyncio.ensure_future(coroutine), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        await task  # raise the error of the coroutine, if any
    await _cancel([task])
    return stop.is_set()


def _raise_errors(tasks: Sequence[asyncio.Task[None]]) -> None:
    """If a task has failed, raise its error. The error stops the server."""
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
