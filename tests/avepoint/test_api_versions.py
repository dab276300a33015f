"""The exporter selects the API version, and may change the version after a response."""

from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from exporter.avepoint.lists import ApiVersions
from exporter.config.schema import ApiVersion
from exporter.errors import AvePointError, NotFoundError, NotOfferedError, TokenError, UnavailableError

GONE = NotFoundError("gone", status=404)
NOT_GRANTED = TokenError("not granted", reason="invalid_scope")
Outcome = str | AvePointError


class Asked:
    def __init__(self, api: Literal["auto", "modern", "legacy"] = "auto") -> None:
        self.api_versions = ApiVersions(api)
        self.calls: list[str] = []

    def _reader(self, name: str, outcome: Outcome) -> Callable[[], Awaitable[str]]:
        async def read() -> str:
            self.calls.append(name)
            if isinstance(outcome, AvePointError):
                raise outcome
            return outcome

        return read

    async def ask(self, modern: Outcome, legacy: Outcome) -> str:
        self.calls.clear()
        readers: dict[ApiVersion, Callable[[], Awaitable[str]]] = {
            "modern": self._reader("modern", modern), "legacy": self._reader("legacy", legacy),
        }  # fmt: skip
        return await self.api_versions.ask(readers)


async def test_modern_is_asked_first() -> None:
    asked = Asked()
    assert asked.api_versions.answered is None
    assert await asked.ask("new", "old") == "new"
    assert asked.calls == ["modern"]
    assert asked.api_versions.answered == "modern"


@pytest.mark.parametrize("refusal", [GONE, NOT_GRANTED])
async def test_falls_back_and_remembers(refusal: AvePointError) -> None:
    asked = Asked()
    assert await asked.ask(refusal, "old") == "old"
    assert await asked.ask("new", "old") == "old"
    assert asked.calls == ["legacy"]
    asked.api_versions.begin()
    assert await asked.ask("new", GONE) == "new", "learns again"
    assert asked.calls == ["legacy", "modern"]


@pytest.mark.parametrize(
    "error", [UnavailableError("x", status=503, retry_after=None), TokenError("x", reason="invalid_client")]
)
async def test_other_failures_are_no_sign(error: AvePointError) -> None:
    asked = Asked()
    with pytest.raises(type(error)):
        await asked.ask(error, "old")
    assert asked.calls == ["modern"]


async def test_the_first_error_is_told_if_none_is_there() -> None:
    asked = Asked()
    with pytest.raises(TokenError):
        await asked.ask(NOT_GRANTED, GONE)
    with pytest.raises(NotFoundError):
        await asked.ask(GONE, NOT_GRANTED)
    assert asked.api_versions.answered is None


@pytest.mark.parametrize("api", ["modern", "legacy"])
async def test_pinned(api: Literal["modern", "legacy"]) -> None:
    asked = Asked(api)
    with pytest.raises(NotFoundError):
        await asked.ask(GONE, GONE)
    assert asked.calls == [api]
    assert await asked.ask("same", "same") == "same"


async def test_a_single_customers_404_costs_one_call() -> None:
    asked = Asked()
    await asked.ask("new", "old")
    with pytest.raises(NotFoundError):
        await asked.ask(GONE, "old")
    assert asked.calls == ["modern"]


async def test_one_customer_whom_only_the_other_version_has_changes_nothing() -> None:
    asked = Asked()

    async def gone() -> str:
        await asked.api_versions.ask({"modern": asked._reader("m", "new")})  # another request succeeds in the meantime
        raise GONE

    assert await asked.api_versions.ask({"modern": gone, "legacy": asked._reader("l", "old")}) == "old"
    assert asked.api_versions.answered == "modern"


async def test_what_only_one_version_has_is_asked_of_no_other() -> None:
    asked = Asked()
    assert await asked.api_versions.ask({"modern": asked._reader("m", "new")}) == "new"
    asked.api_versions.begin()
    with pytest.raises(NotFoundError):
        await asked.api_versions.ask({"modern": asked._reader("m", GONE)})
    assert asked.calls == ["m", "m"]


async def test_where_the_configuration_pins_another_version_nothing_is_asked() -> None:
    asked = Asked("legacy")
    with pytest.raises(NotOfferedError, match="the legacy endpoints do not provide this data"):
        await asked.api_versions.ask({"modern": asked._reader("m", "new")})
    assert asked.calls == []
    assert asked.api_versions.answered is None
