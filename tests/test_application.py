"""The application reloads the configuration and reports the status of the reload."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from exporter.application import Application, Listening
from exporter.config.schema import Config
from exporter.errors import ConfigError
from exporter.web.status_data import ConfigStatus
from tests.helpers import NOW, FakeClock, config, tenant


async def test_a_failed_reload_is_shown_until_one_succeeds() -> None:
    clock, mistakes = FakeClock(), [(), ("accounts: is missing",), ()]

    def load() -> Config:
        if found := mistakes.pop(0):
            raise ConfigError(found)
        return config(tenant(collectors={"jobs": {"enabled": False}}))

    application = Application(load, clock=clock)
    assert application.configured == ConfigStatus()
    await application.reload()
    assert application.configured == ConfigStatus(loaded_at=NOW)
    clock.advance(60)
    with pytest.raises(ConfigError):
        await application.reload()
    assert application.configured == ConfigStatus(loaded_at=NOW, errors=("accounts: is missing",))
    await application.reload()
    assert application.configured == ConfigStatus(loaded_at=NOW + 60)
    await application.accounts.stop()


@asynccontextmanager
async def serving(*, lifecycle: bool) -> AsyncIterator[tuple[httpx.AsyncClient, list[int]]]:
    """Serve on a free port. Yield a client, and a list that grows with each load of the configuration."""
    loads = list[int]()

    def load() -> Config:
        loads.append(1)
        return config(tenant(collectors={"jobs": {"enabled": False}}))

    bound: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
    listening = Listening(("127.0.0.1:0",), lifecycle=lifecycle)
    task = asyncio.create_task(Application(load).serve(listening, bound.set_result))
    try:
        (address,) = await asyncio.wait_for(bound, 30)
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            yield client, loads
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("lifecycle", "status", "loads"), [(False, 403, 1), (True, 200, 2)])
async def test_a_client_reloads_only_if_the_lifecycle_is_enabled(lifecycle: bool, status: int, loads: int) -> None:
    async with serving(lifecycle=lifecycle) as (client, loaded):
        assert (await client.post("/-/reload")).status_code == status
        assert len(loaded) == loads
