"""Test the client that lets a collector send only one request."""

import httpx
import pytest

from exporter.avepoint.endpoints import Endpoint
from exporter.diagnose.probe import ProbeClient
from exporter.errors import BadRequestError
from tests.fakes import ClientHarness, Script

ENDPOINT = Endpoint("GET", "/things/{id}", "things.read.all")


async def test_a_read_ends_at_its_second_request() -> None:
    harness = ClientHarness(Script(httpx.Response(200, json={"a": 1})))
    probe = ProbeClient(harness.client)
    responses = []

    async def read() -> None:
        responses.append(await probe.call(ENDPOINT, ids={"id": "1"}, query={"x": 2}))
        responses.append(await probe.call(ENDPOINT, ids={"id": "2"}))

    await probe.read_once(read())
    assert responses == [{"a": 1}]
    assert [str(request.url) for request in harness.calls] == ["https://graph.example.com/things/1?x=2"]


async def test_an_error_is_no_response() -> None:
    harness = ClientHarness(Script(httpx.Response(400), httpx.Response(200, json=[])))
    probe = ProbeClient(harness.client)
    with pytest.raises(BadRequestError):
        await probe.read_once(probe.call(ENDPOINT, ids={"id": "1"}))
    assert await probe.call(ENDPOINT, ids={"id": "1"}) == []


async def test_everything_else_is_left_to_the_other_client() -> None:
    harness = ClientHarness(Script(httpx.Response(200, json=[])))
    probe = ProbeClient(harness.client)
    assert probe.value_issues is harness.client.value_issues
    assert probe.link_query(ENDPOINT, "/things?page=2") == {"page": "2"}
    await probe.token_ahead("things.read.all")
    assert harness.token_calls == 0
