"""A response is an error if the object in its field `data` reports an error."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from exporter.avepoint.endpoints import LICENSE, UNUSUAL_ACTIVITY
from exporter.avepoint.responses import RawResponse, decode_response
from exporter.errors import AvePointError
from tests.helpers import NOW, FakeApi, World, tenant


def decoded(body: Mapping[str, object]) -> object:
    return decode_response(LICENSE.modern, RawResponse(200, {}, json.dumps(body).encode()), now=NOW)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"data": [], "error": "boom"}, "the response reports an error: boom"),
        ({"totalCount": 0, "Jobs": [], "Errors": [{"code": "E", "message": "boom"}]}, "an error: boom (E)"),
        ({"purchasedUserSeats": 0, "Error": {"code": 7}}, "the response reports an error: (7)"),
        ({"statusCode": 500, "message": "boom", "data": []}, "HTTP 500: boom"),
    ],
)
def test_an_error_in_the_data_of_an_envelope_is_a_failure(data: object, message: str) -> None:
    with pytest.raises(AvePointError, match=re.escape(message)) as caught:
        decoded({"statusCode": 200, "message": "fine", "errors": [], "data": data, "requestId": "r-9"})
    assert caught.value.request_id == "r-9"


@pytest.mark.parametrize(
    "data", [[{"error": "boom", "jobErrors": [{"value": "x"}]}], {"error": None, "errors": [], "data": [{"error": 1}]}]
)
def test_an_error_of_a_row_is_data(data: object) -> None:
    assert decoded({"data": data}) == {"data": data}


async def test_an_error_beside_no_rows_does_not_clear_the_counts() -> None:
    row = {"serviceType": 0, "potentialRansomwareAttackCount": 4, "unusualActivitiesCount": 5}
    answer: dict[str, Any] = {"data": [row]}
    world = World(FakeApi({UNUSUAL_ACTIVITY.modern.template: lambda _: {"statusCode": 200, "data": answer}}))
    await world.apply(tenant(collectors={"unusual_activity": {}}))
    assert await world.refresh()
    shown = world.value("avepoint_potential_ransomware_sites", account="contoso", workload="Exchange Online")
    answer.update(data=[], error="boom")
    assert not await world.refresh()
    assert shown == 4
    assert world.value("avepoint_potential_ransomware_sites", account="contoso", workload="Exchange Online") == 4
    await world.accounts.stop()
