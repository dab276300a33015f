"""The exporter shows, hashes or hides the names of customers, as the configuration specifies."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from exporter.exposition.page import PageRequest
from tests.helpers import BATCH_PATH, OFF, FakeApi, World, customer, partner, stored_text, v3

ROWS = [customer("c-1", organization="Alpha"), customer("c-2", organization="Beta"), customer("c-3", organization=None)]


async def shown(labels: Any, **more: Any) -> dict[str, dict[str, str]]:
    """Return the labels of avepoint_customer_info for each customer."""
    world = World(FakeApi({BATCH_PATH: v3(ROWS)}))
    await world.apply(partner(collectors={"protected_data": OFF}, labels=labels, **more))
    assert await world.refresh()
    names = PageRequest(names=frozenset({"avepoint_customer_info"}))
    found = [dict(series) for _, series in world.samples(names)]
    await world.accounts.stop()
    return {series["customer_id"]: series for series in found}


@pytest.mark.parametrize(("owner", "organization"), list(product((True, False, "hashed"), repeat=2)))
async def test_each_name_is_shown_as_the_configuration_says(owner: Any, organization: Any) -> None:
    series = await shown({"owner_email": owner, "organization": organization})
    assert set(series) == {"c-1", "c-2", "c-3"}
    names = [one.get("organization") for one in series.values()]
    addresses = [one.get("owner_email") for one in series.values()]
    assert (names == ["Alpha", "Beta", None]) is (organization is True)
    assert (names == [None] * 3) is (organization is False)
    assert (addresses == ["owner@example.com"] * 3) is (owner is True)
    assert (addresses == [None] * 3) is (owner is False)
    if organization == "hashed":
        assert names[2] is None
        assert len({*names[:2]}) == 2
        assert all(len(name or "") == 16 and name not in ("Alpha", "Beta") for name in names[:2])
    if owner == "hashed":
        assert len(set(addresses)) == 1
        assert all(len(address or "") == 16 and "@" not in (address or "") for address in addresses)


async def test_addresses_are_not_shown_unless_asked_for() -> None:
    series = await shown({})
    assert [one["organization"] for one in list(series.values())[:2]] == ["Alpha", "Beta"]
    assert not any("@" in text for one in series.values() for text in one.values())


async def test_a_hash_stays_the_same_and_differs_between_apps() -> None:
    hashed = {"organization": "hashed"}
    first, again = await shown(hashed), await shown(hashed)
    other = await shown(hashed, auth={"client_id": "another", "client_secret": "x"})
    assert first == again
    assert first["c-1"]["organization"] != other["c-1"]["organization"]


@pytest.mark.parametrize("organization", [True, False, "hashed"])
async def test_names_of_microsoft_365_tenants_follow_the_organization(organization: Any) -> None:
    rows = [customer("c-1", tenants=[{"id": "t-1", "name": "Contoso"}, {"id": "t-2", "name": None}, {"name": "x"}, 7])]
    world = World(FakeApi({BATCH_PATH: v3(rows)}))
    await world.apply(partner(collectors={"protected_data": OFF}, labels={"organization": organization}))
    assert await world.refresh()
    found = world.samples(PageRequest(names=frozenset({"avepoint_customer_tenant_info"})))
    names = {labels["tenant_id"]: labels.get("tenant") for labels in (dict(series) for _, series in found)}
    assert set(names) == {"t-1", "t-2"}
    assert names["t-2"] is None
    assert (names["t-1"] == "Contoso") is (organization is True)
    assert (names["t-1"] is None) is (organization is False)
    await world.accounts.stop()


async def test_a_reload_that_hides_names_hides_those_of_tenants(tmp_path: Path) -> None:
    rows = [customer("c-1", tenants=[{"id": "t-1", "name": "Fabrikam"}])]
    world = World(FakeApi({BATCH_PATH: v3(rows)}), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh("customers")
    assert "Fabrikam" in world.text()
    await world.apply(partner(labels={"organization": "hashed"}))
    assert "Fabrikam" not in world.text()
    await world.accounts.stop()


async def test_a_reload_that_hides_names_hides_them_at_once(tmp_path: Path) -> None:
    world = World(FakeApi({BATCH_PATH: v3(ROWS)}), folder=tmp_path)
    await world.apply(partner())
    assert await world.refresh("customers")
    assert "Alpha" in world.text()
    await world.apply(partner(labels={"organization": False}))
    assert "Alpha" not in world.text()
    assert await world.refresh("customers")
    assert "Alpha" not in world.text()
    assert "Alpha" not in stored_text(tmp_path)
    await world.accounts.stop()
