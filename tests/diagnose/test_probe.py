"""A client that stops after one answer."""

import httpx
import pytest

from exporter.avepoint.endpoints import Endpoint
from exporter.diagnose.probe import ProbeClient
from exporter.errors import BadRequestError, EnoughError
from tests.fakes import ClientHarness, Script

ENDPOINT = Endpoint("GET", "/things/{id}", "things.read.all")


async def test_a_call_after_the_first_answer_is_not_made() -> None:
    world = ClientHarness(Script(httpx.Response(200, json={"a": 1})))
    once = ProbeClient(world.client)
    assert await once.call(ENDPOINT, ids={"id": "1"}, query={"x": 2}) == {"a": 1}
    assert str(world.calls[0].url) == "https://graph.example.com/things/1?x=2"
    with pytest.raises(EnoughError):
        await once.call(ENDPOINT, ids={"id": "2"})
    assert len(world.calls) == 1


async def test_a_refusal_is_no_answer() -> None:
    world = ClientHarness(Script(httpx.Response(400), httpx.Response(200, json=[])))
    once = ProbeClient(world.client)
    with pytest.raises(BadRequestError):
        await once.call(ENDPOINT, ids={"id": "1"})
    assert await once.call(ENDPOINT, ids={"id": "1"}) == []


async def test_all_else_is_the_other_clients() -> None:
    world = ClientHarness(Script(httpx.Response(200, json=[])))
    once = ProbeClient(world.client)
    assert once.value_issues is world.client.value_issues
    assert once.link_query(ENDPOINT, "/things?page=2") == {"page": "2"}
    await once.authorize("things.read.all")
    await once.aclose()
    assert world.token_calls == 1
    assert await once.call(ENDPOINT, ids={"id": "1"}) == []  # the connections are still open
    assert world.token_calls == 1
