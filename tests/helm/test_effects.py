"""Every value of the chart affects the rendered objects."""

import copy
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
import yaml

from exporter.collectors.registry import catalogue
from tests.helm.chart import CHART, objects

Values = dict[str, Any]
Schema = dict[str, Any]
Path = tuple[str, ...]

SCHEMA: Schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES: Values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((CHART / "files" / "rules" / "avepoint.rules.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
ALERT = next(rule["alert"] for rule in RULES if "keep_firing_for" not in rule and "alert" in rule)
ACCOUNT = {
    "name": "contoso",
    "type": "tenant",
    "data_center": "us",
    "auth": {"client_id": "id", "existing_secret": {"name": "contoso", "client_secret_key": "secret"}},
}
PARTNER = {**{key: value for key, value in ACCOUNT.items() if key != "data_center"}, "type": "partner"}
OF_PARTNERS = ["customers", "labels", *(f"collectors.{name}" for name in catalogue()["partner"])]
TLS = {"web": {"tls": {"enabled": True, "secretName": "tls"}}}
WEB = {"web": {"existingSecret": {"name": "web"}}}
STORAGE = {"shards": 2, "persistence": {"enabled": True}}
DATABASE = {"storage": {"existingSecret": {"name": "database"}}}
# Some values of the chart have an effect only if other values are set. BASES contains these other values for each
# prefix of a path. The test also enables each section that contains the tested value.
BASES: dict[str, Values] = {
    "existingConfig.key": {"accounts": [], "existingConfig": {"secret": "config"}},
    "existingConfig": {"accounts": []},
    "demo": {"accounts": []},
    "web.tls.enabled": WEB,
    "web.tls": TLS,
    "web.existingSecret.name": {},
    "web.existingSecret": WEB,
    "ca.key": {"ca": {"secret": "ca"}},
    "persistentVolumeClaimRetentionPolicy": STORAGE,
    "storage.existingSecret.key": DATABASE,
    "replicas": DATABASE,
    "service.nodePort": {"service": {"type": "NodePort"}},
    "ingress": {"ingress": {"hosts": [{"host": "example.com"}]}},
    "httpRoute": {"httpRoute": {"parentRefs": [{"name": "gateway"}]}},
    "serviceMonitor.scrapeTimeout": {"serviceMonitor": {"interval": "8m"}},
    "podMonitor.scrapeTimeout": {"podMonitor": {"interval": "8m"}},
    "accounts.0.type": {"accounts": [{**PARTNER, "type": "tenant", "base_url": "https://example.com"}]},
    **{f"accounts.0.{key}": {"accounts": [PARTNER]} for key in OF_PARTNERS},
}
# For some keys, the test cannot derive another value from the schema. For these keys, SAMPLES contains the value.
SAMPLES: Values = {
    "accounts": [{**ACCOUNT, "name": "another"}],
    "image.digest": f"sha256:{'0' * 64}",
    "web.basicAuthUsers": {"another": "$2b$12$abcdefghijklmnopqrstuuKBeJ7ZL9uLjsw6XxSZ3LSFy4h2Jn0Oy"},
    "imagePullSecrets": [{"name": "another"}],
    "image.pullSecrets": [{"name": "another"}],
    "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
    "ingress.hosts": [{"host": "another.example.com"}],
    "httpRoute.rules": [{"filters": [{"type": "RequestHeaderModifier"}]}],
    "prometheusRule.alerts": {ALERT: {"enabled": False}},
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "another"}}],
    "serviceMonitor.params": {"name[]": ["another"]},
    "podMonitor.params": {"name[]": ["another"]},
    "expectations.exceptions": [{"workloads": ["teams"], "backup_age": "7h"}],
    "accounts.0.expectations.exceptions": [{"workloads": ["teams"], "backup_age": "7h"}],
    "accounts.0.labels.owner_email": "hashed",
    "updateStrategy.type": "Recreate",
    "dnsPolicy": "Default",
    "accounts.0.labels.organization": "hashed",
}
# Each pattern in the schema matches one of these strings.
TEXTS = ("another", "7m", "https://another.example.com", "/another", "7Gi", "64MB", "192.0.2.7", "YW5vdGhlcg==")


def resolved(schema: Schema) -> Schema:
    """Return a schema with its top-level reference resolved."""
    reference = schema.get("$ref", "").removeprefix("#/definitions/")
    return dict(SCHEMA["definitions"][reference]) if reference else schema


def leaves(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Yield the path and schema of every value that is not an object with properties."""
    schema = resolved(schema)
    if "properties" not in schema:
        yield path, schema
        return
    for name, inner in schema["properties"].items():
        yield from leaves(inner, (*path, name))


def of_account() -> Iterator[tuple[Path, Schema]]:
    account = {"properties": SCHEMA["definitions"]["account"]["properties"]}
    return ((path, schema) for path, schema in leaves(account, ("accounts", "0")) if path[2] != "auth")


LEAVES = {".".join(path): (path, schema) for path, schema in [*leaves(SCHEMA), *of_account()]}


def keys(schema: Schema, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every key. In a path, 0 stands for every list item, and * stands for every name."""
    schema = resolved(schema)
    inner = list(schema.get("properties", {}).items())
    yield from ((*path, name) for name, _ in inner)
    inner += [("0", schema["items"])] if isinstance(schema.get("items"), dict) else []
    inner += [("*", schema["additionalProperties"])] if isinstance(schema.get("additionalProperties"), dict) else []
    for name, one in inner:
        yield from keys(one, (*path, name))


def of_exceptions() -> Iterator[tuple[Path, Schema]]:
    exception = {"properties": resolved(SCHEMA["definitions"]["expectations"]["properties"]["exceptions"]["items"])}
    for path in (("expectations",), ("accounts", "0", "expectations")):
        for name, schema in exception["properties"]["properties"].items():
            yield (*path, "exceptions", "0", name), schema


INNER = {".".join(path): (path, resolved(schema)) for path, schema in of_exceptions()}
TESTED_BELOW = (
    r"accounts\.0\.auth\.", r"prometheusRule\.alerts\.\*\.", r"ingress\.hosts\.0\.", r"httpRoute\.rules\.0\.",
    r"(image\.pull|imagePull)Secrets\.0\.name",
)  # fmt: skip


def with_exception(path: Path, exception: Values) -> Values:
    value: Values = {"expectations": {"exceptions": [exception]}}
    return {"accounts": [{**ACCOUNT, **value}]} if path[0] == "accounts" else value


def base(path: Path) -> Values:
    """Return other values that must be set before the value at this path has an effect."""
    name = ".".join(path)
    [*_, prefix] = ["", *sorted((key for key in BASES if f"{name}.".startswith(f"{key}.")), key=len)]
    values = merged({"accounts": [ACCOUNT]}, BASES.get(prefix, {}))
    for length in range(1, len(path)):
        section = at(VALUES, path[:length])
        if isinstance(section, dict) and "enabled" in section and path[length] != "enabled":
            values = merged(values, nested((*path[:length], "enabled"), value=True))
    return values


def merged(one: Values, other: Values) -> Values:
    """Merge two sets of values as Helm does, and return the result."""
    result = copy.deepcopy(one)
    for key, value in other.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and key in result else copy.deepcopy(value)
    return result


def nested(path: Path, *, value: Any) -> Values:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def at(values: Any, path: Path) -> Any:
    """Return the value at a path. If the path does not exist, return None."""
    for key in path:
        values = values[int(key)] if isinstance(values, list) and values else values.get(key) if values else None
    return values


def with_value(values: Values, path: Path, value: Any) -> Values:
    if path[0] == "accounts" and len(path) > 1:
        return {**values, "accounts": [merged(values["accounts"][0], nested(path[2:], value=value))]}
    return merged(values, nested(path, value=value))


def another(name: str, schema: Schema, current: Any) -> Any:
    """Return a value that the schema accepts. The value differs from the current value."""
    if name in SAMPLES:
        return SAMPLES[name]
    kind = schema.get("type")
    if "enum" in schema:
        return next(value for value in reversed(schema["enum"]) if value not in ("", current))
    if kind in ("boolean", ["boolean", "null"]):
        return not current
    if kind in ("integer", "number") or (isinstance(kind, list) and "integer" in kind):
        return current + 1 if current is not None else min(schema.get("maximum", 2), 2)
    if kind == "array":
        item = resolved(schema["items"])
        return [{"another": "x"} if item.get("type") == "object" else another(name, item, None)]
    if kind == "object":
        return {"another": "x"}
    assert kind == "string", name
    pattern = schema.get("pattern", "")
    return next(text for text in TEXTS if re.search(pattern, text) and text != current)


def rendered(values: Values) -> list[Any]:
    """Return all rendered objects without comments and checksums. A checksum changes if any text changes."""
    return _rendered(json.dumps(values))


@lru_cache
def _rendered(values: str) -> list[Any]:
    """Render the chart only once for values that many tests compare with."""
    return [without_checksums(decoded(one)) for one in objects(json.loads(values))]


def decoded(one: Values) -> Values:
    if one["kind"] != "Secret":
        return one
    return {**one, "data": {key: b64decode(text).decode("utf-8", "replace") for key, text in one["data"].items()}}


def without_checksums(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_checksums(one) for key, one in value.items() if not str(key).startswith("checksum/")}
    if isinstance(value, str) and "\n" in value:  # comments in a file have no effect
        return [line for line in value.splitlines() if not line.lstrip().startswith("#")]
    return [without_checksums(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", LEAVES)
def test_every_value_changes_an_object(name: str) -> None:
    path, schema = LEAVES[name]
    values = base(path)
    given = at(values, path)
    sample = another(name, schema, at(VALUES, path) if given is None else given)
    changed = with_value(values, path, sample)

    assert changed != values
    before, after = rendered(values), rendered(changed)
    assert after != before
    if isinstance(sample, str):
        assert str(after).count(sample) > str(before).count(sample)


@pytest.mark.parametrize("name", INNER)
def test_every_key_of_an_exception_changes_an_object(name: str) -> None:
    path, schema = INNER[name]
    sample = another(path[-1], schema, None)

    def excepting(**keys: Any) -> list[Any]:
        return rendered(
            merged({"accounts": [ACCOUNT]}, with_exception(path, {"workloads": ["teams"], "backup_age": "7h", **keys}))
        )

    assert excepting(**{path[-1]: sample}) != excepting(**({"backup_age": "8h"} if path[-1] == "backup_age" else {}))


def test_no_key_of_the_schema_is_left_out() -> None:
    """The tests above cover all keys, except the keys that match TESTED_BELOW."""
    names = {".".join(path) for path in keys(SCHEMA)}
    sections = {name for name in names if any(other.startswith(f"{name}.") for other in names)}
    left = names - sections - LEAVES.keys() - INNER.keys()
    assert {name for name in left if not re.match("|".join(TESTED_BELOW), name)} == set()
    assert all(any(re.match(pattern, name) for name in left) for pattern in TESTED_BELOW)


AUTH: dict[str, tuple[Values, str | None]] = {
    "client_id": ({}, "client_id"),
    "existing_secret": ({"existing_secret": {"name": "a", "client_secret_key": "b"}}, None),
    "client_secret": ({"client_secret": "a"}, "client_secret"),
    "client_secret_file": ({"client_secret_file": "/a"}, "client_secret_file"),
    "certificate": ({"certificate": "YQ=="}, "certificate"),
    "certificate_file": ({"certificate_file": "/a"}, "certificate_file"),
    "certificate_password": ({"certificate": "YQ==", "certificate_password": "a"}, "certificate_password"),
    "certificate_password_file": (
        {"certificate_file": "/a", "certificate_password_file": "/b"},
        "certificate_password_file",
    ),
}


def with_auth(auth: Values) -> Values:
    return {"accounts": [{**ACCOUNT, "auth": {"client_id": "id", **auth}}]}


def test_every_credential_changes_an_object() -> None:
    assert AUTH.keys() == SCHEMA["definitions"]["account"]["properties"]["auth"]["properties"].keys()
    for auth, key in AUTH.values():
        if key is not None:
            base_auth = auth or {"client_secret": "a"}
            assert rendered(with_auth({**base_auth, key: "YW5vdGhlcg=="})) != rendered(with_auth(base_auth)), key
    certificate = {"name": "a", "certificate_key": "b", "certificate_password_key": "c"}
    for secret in ({"name": "a", "client_secret_key": "b"}, certificate):
        for key in secret:
            changed = {"existing_secret": {**secret, key: "another"}}
            assert rendered(with_auth(changed)) != rendered(with_auth({"existing_secret": secret})), key


CHANGES: Values = {
    "enabled": False,
    "severity": "info",
    "for": "7h",
    "keep_firing_for": "7h",
    "expr": "vector(7)",
    "labels": {"another": "x"},
    "annotations": {"another": "x"},
}


def test_every_change_of_an_alert_changes_its_rule() -> None:
    names = [rule["alert"] for rule in RULES if "alert" in rule]
    alert = next(name for name in names if names.count(name) == 1)
    properties = SCHEMA["properties"]["prometheusRule"]["properties"]["alerts"]["additionalProperties"]["properties"]

    assert CHANGES.keys() == properties.keys()
    before = rendered({"prometheusRule": {"enabled": True}})
    for key, value in CHANGES.items():
        after = rendered({"prometheusRule": {"enabled": True, "alerts": {alert: {key: value}}}})
        assert before != after, key


def test_every_key_of_a_host_and_of_a_route_changes_an_object() -> None:
    def ingress(**path: str) -> list[Any]:
        return rendered({"ingress": {"enabled": True, "hosts": [{"host": "example.com", "paths": [path]}]}})

    def route(**rule: Any) -> list[Any]:
        return rendered({"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}], "rules": [rule]}})

    matches = [{"path": {"type": "Exact", "value": "/"}}]
    assert ingress(path="/a") != ingress()
    assert ingress(pathType="Exact") != ingress()
    assert route(name="another", matches=matches) != route(matches=matches)
    assert route(matches=matches, timeouts={"request": "7s"}) != route(matches=matches)
