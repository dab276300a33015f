from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from avepoint_simulator import AppCredentials, Simulator, Switches
from avepoint_simulator.client_assertions import is_valid_assertion
from avepoint_simulator.tokens import TokenBook

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANTED = "elements.jobs.read.all"
NOW = 1_780_000_000.0


def assertion(**changes: Any) -> str:
    claims = {"iss": "app", "sub": "app", "aud": "https://id.example.com", "exp": NOW + 60} | changes
    parts = ({"alg": "RS256"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "signature"])


async def test_token_answer_names_lifetime_and_scope(api: Any) -> None:
    scope = "partner.jobs.read.all elements.jobs.read.all"
    response = await api.token(scope=scope)
    body = response.json()
    assert (response.status_code, body["expires_in"], body["token_type"], body["scope"]) == (
        200, 3600, "Bearer", scope,
    )  # fmt: skip
    assert api.simulator.granted[-1] == scope


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": "other"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": f"{GRANTED:<301}"}, "invalid_scope"),
        ({"scope": f"{GRANTED} elements.license.read.all"}, "invalid_scope"),
        ({"scope": "nobody.needs.this"}, "invalid_scope"),
        ({"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b"}, "invalid_client"),
    ],
)
async def test_token_refusals(api: Any, changes: dict[str, str], error: str) -> None:
    api.simulator.switches = Switches(granted_scopes=frozenset({GRANTED, "nobody.needs.this"}))
    assert (await api.token(scope=GRANTED)).status_code == 200
    response = await api.token(**{"scope": GRANTED} | changes)
    assert (response.status_code, response.json()) == (400, {"error": error})


async def test_what_no_endpoint_needs_is_not_granted(api: Any) -> None:
    assert (await api.token(scope="elements.jobs.read.all")).status_code == 200
    response = await api.token(scope="elements.jobs.read.all elements.jobs.write.all")
    assert (response.status_code, response.json()) == (400, {"error": "invalid_scope"})


async def test_scope_of_exactly_300_characters_is_granted(api: Any) -> None:
    assert (await api.token(scope=f"{GRANTED:<300}")).status_code == 200


async def test_calls_without_a_token_that_holds_get_401(api: Any, clock: Any) -> None:
    good = api.headers
    for header in ("", "Bearer nonsense", f"Basic {good['Authorization'][7:]}"):
        api.headers = {"Authorization": header}
        response = await api.get("/cloudbackup/jobs")
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    api.headers = good
    clock.seconds += 3599
    assert (await api.get("/cloudbackup/jobs")).status_code == 200
    clock.seconds += 1
    assert (await api.get("/cloudbackup/jobs")).status_code == 401


async def test_token_lifetime_can_be_short(api: Any, clock: Any) -> None:
    api.simulator.switches = Switches(token_lifetime_seconds=5)
    assert (await api.token()).json()["expires_in"] == 5
    await api.sign_in()
    clock.seconds += 6
    assert (await api.get("/cloudbackup/jobs")).status_code == 401


async def test_revoked_tokens_get_401(api: Any) -> None:
    api.simulator.revoke_tokens()
    assert (await api.get("/cloudbackup/jobs")).status_code == 401


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/cloudbackup/jobs", "microsoft365backup.jobInfo.read.all"),
        ("/backup/m365/cloudbackupjobs", "microsoft365backup.jobInfo.read.all"),
        ("/cloudbackup/licenseconsumption", "microsoft365backup.subscriptionInfo.read.all"),
        ("/backup/m365/cloudbackuplicenseconsumption", "microsoft365backup.subscriptionInfo.read.all"),
        ("/partner/customers", "partner.customers.read.all"),
        ("/partner/customers/customer-0/protected", "partner.cbprotected.read.all"),
        ("/partner/external/v3/general/customers/customer-0/cloud-backup-m365/overview",
         "elements.cbprotected.read.all"),
    ],
)  # fmt: skip
async def test_each_endpoint_wants_its_own_permission(api: Any, path: str, permission: str) -> None:
    await api.sign_in(scope=GRANTED)
    assert (await api.get(path)).status_code == 403
    await api.sign_in(scope=permission)
    assert (await api.get(path)).status_code == 200


async def test_batch_wants_its_permission(api: Any) -> None:
    await api.sign_in(scope="partner.customers.read.all")
    assert (await api.batch()).status_code == 403
    await api.sign_in(scope="elements.customers.read.all")
    assert (await api.batch()).status_code == 200


@pytest.mark.parametrize(
    ("given", "valid"),
    [
        (assertion(), True),
        (assertion(iss="other"), False),
        (assertion(sub="other"), False),
        (assertion(aud=""), False),
        (assertion(exp=NOW), False),
        (assertion(exp="soon"), False),
        ("one.two", False),
        ("one.!!!.three", False),
        ("one." + base64.urlsafe_b64encode(b"[]").decode() + ".three", False),
    ],
)
def test_assertion_claims(given: str, valid: bool) -> None:
    assert is_valid_assertion(given, "app", NOW, None) is valid


def test_assertion_signature_counts_with_a_public_key() -> None:
    ours, theirs = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = ours.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    claims = {"iss": "app", "sub": "app", "aud": "x", "exp": NOW + 1, "iat": NOW}
    assert is_valid_assertion(jwt.encode(claims, ours, "RS256"), "app", NOW, public)
    assert not is_valid_assertion(jwt.encode(claims, theirs, "RS256"), "app", NOW, public)


async def test_token_for_an_assertion(api: Any) -> None:
    simulator: Simulator = api.simulator
    simulator.tokens.credentials = replace(AppCredentials(), client_id="app")
    response = await api.token(
        client_id="app", client_secret="", client_assertion_type=ASSERTION_TYPE, client_assertion=assertion()
    )
    assert response.status_code == 200


def test_expired_tokens_are_forgotten_when_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avepoint_simulator.tokens._MANY_TOKENS", 2)
    book = TokenBook(AppCredentials())
    form = {
        "grant_type": "client_credentials",
        "client_id": "simulator",
        "client_secret": "open-sesame",
        "scope": GRANTED,
    }
    for now in (0.0, 0.0, 10_000.0):
        book.grant(form, Switches(), now)
    assert len(book._tokens) == 1
