"""The application reloads the configuration and reports the status of the reload."""

import pytest

from exporter.application import Application
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
