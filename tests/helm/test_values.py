"""Schema, values and README have the same keys, and an invalid value causes one clear error."""

import json
import re
from collections.abc import Iterator
from functools import reduce
from typing import Any

import helm_python
import pytest
import yaml

from exporter.collectors.registry import catalogue
from exporter.config import clouds
from exporter.config.expectations import Expectations
from exporter.config.schema import Account, Auth
from exporter.config.sections import Section
from tests.helm.chart import CHART, account, manifests

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
README = (CHART / "README.md").read_text("utf-8")
MONITOR = {"serviceMonitor": {"enabled": True}}
DATABASE = {"storage": {"existingSecret": {"name": "database"}}}
[TENANT] = account(client_secret="a")["accounts"]
HASH = "$2b$12$abcdefghijklmnopqrstuuKBeJ7ZL9uLjsw6XxSZ3LSFy4h2Jn0Oy"
TLS = {"tls": {"enabled": True, "secretName": "x"}}


def test_the_schema_is_draft_07_and_closed() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    for path, schema in _objects_of(SCHEMA):
        assert schema.get("additionalProperties") is not None, path


def _objects_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and schema of every object with properties."""
    if "properties" in schema:
        yield path, schema
    for key in ("properties", "definitions"):
        for name, inner in schema.get(key, {}).items():
            yield from _objects_of(inner, f"{path}.{name}")


def _leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _defaults(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        inner = schema.get("properties", {}).get(name, {})
        if isinstance(value, dict) and "properties" in inner:
            yield from _defaults(value, inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_schema_and_values_have_the_same_keys() -> None:
    assert set(_leaves(SCHEMA)) == set(_defaults(VALUES, SCHEMA))


def test_every_value_is_explained_in_the_readme() -> None:
    section = README[README.index("## Values") :]
    explained = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))

    assert {name for name in explained if not name.startswith("accounts[]")} == set(_leaves(SCHEMA))


def test_the_readme_gives_the_defaults() -> None:
    section = README[README.index("## Values") :]
    for name, default in re.findall(r"^\| `([^`\[]+)` \| `([^`]*)` \|", section, re.MULTILINE):
        value = VALUES
        for key in name.split("."):
            value = value[key]
        assert value == yaml.safe_load(default), name


def test_an_account_takes_what_the_exporter_takes() -> None:
    properties = SCHEMA["definitions"]["account"]["properties"]
    own_auth = {"existing_secret", "certificate", "certificate_password"}
    # The chart stores client_secret in a Secret, never in an environment variable or a ConfigMap.
    variables = {"client_secret_env", "certificate_password_env"}

    assert properties.keys() == Account.model_fields.keys()
    for key in ("customers", "labels", "requests", "tls"):
        section = Account.model_fields[key].annotation
        assert isinstance(section, type)
        assert issubclass(section, Section)
        assert properties[key]["properties"].keys() == section.model_fields.keys()
    assert properties["auth"]["properties"].keys() == (Auth.model_fields.keys() - variables) | own_auth
    assert SCHEMA["definitions"]["expectations"]["properties"].keys() == Expectations.model_fields.keys()
    assert set(properties["environment"]["enum"]) == clouds.ENVIRONMENTS.keys()
    assert set(properties["locations"]["items"]["enum"]) == set(clouds.GEOGRAPHIES)
    collectors = {name: options for kind in catalogue().values() for name, options in kind.items()}
    assert properties["collectors"]["properties"].keys() == collectors.keys()
    for name, options in collectors.items():
        assert properties["collectors"]["properties"][name]["properties"].keys() == options.model_fields.keys()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (account(), "accounts[0].auth has no credentials; set one of existing_secret, client_secret"),
        (
            account(client_secret="a", existing_secret={"name": "x", "client_secret_key": "y"}),
            "accounts[0].auth.existing_secret and accounts[0].auth.client_secret are set, but only one of them can be",
        ),
        (
            account(existing_secret={"name": "x"}),
            "accounts[0].auth.existing_secret names no key; set client_secret_key",
        ),
        (
            account(existing_secret={"name": "x", "client_secret_key": "a", "certificate_key": "b"}),
            "client_secret_key and accounts[0].auth.existing_secret.certificate_key are set, but only one of them can",
        ),
        (
            account(client_secret="a", certificate_password="b"),
            "accounts[0].auth.certificate_password needs certificate.",
        ),
        (
            {"accounts": account(client_secret="a")["accounts"] * 2},
            "accounts[1].name: contoso is the name of another account; choose another name.",
        ),
        (
            {**account(client_secret="a"), "demo": {"enabled": True}},
            "accounts and demo.enabled are set, but only one of them can be used.",
        ),
        (
            {"existingConfig": {"secret": "a", "configMap": "b"}},
            "existingConfig.configMap and existingConfig.secret are",
        ),
        ({"web": {"tls": {"enabled": True}}}, "web.tls.enabled needs web.tls.secretName, a Secret with a certificate"),
        ({"web": {"tls": {"secretName": "x"}}}, "web.tls.secretName and web.tls.clientCAKey need web.tls.enabled."),
        ({"web": {**TLS, "existingSecret": {"name": "y"}}}, "web.existingSecret is the whole web configuration;"),
        ({"web": TLS, **MONITOR}, "serviceMonitor.tlsConfig is needed with web.tls.enabled"),
        (
            {
                "web": {"basicAuthUsers": {"a": "$2b$12$abcdefghijklmnopqrstuuKBeJ7ZL9uLjsw6XxSZ3LSFy4h2Jn0Oy"}},
                **MONITOR,
            },
            "serviceMonitor.basicAuth is needed with basic",
        ),
        ({"ca": {"configMap": "a", "secret": "b"}}, "ca.configMap and ca.secret are set, but only one"),
        (
            {"proxy": {"httpsProxy": "http://u:p@proxy:3128"}},
            "proxy.httpsProxy contains credentials, which anyone who can read the pod could read;",
        ),
        ({"replicas": 2}, "replicas above 1 needs storage.existingSecret.name, the database that the replicas share."),
        (
            {**DATABASE, "replicas": 2, "shards": 2},
            "replicas above 1 cannot be used with shards; each shard has one pod, which Kubernetes restarts.",
        ),
        (
            {**DATABASE, "persistence": {"enabled": True}},
            "persistence.enabled are set, but only one of them can be used.",
        ),
        ({"persistence": {"existingClaim": "x"}}, "persistence.existingClaim needs persistence.enabled."),
        (
            {"shards": 2, "persistence": {"enabled": True, "existingClaim": "x"}},
            "persistence.existingClaim is one volume, but each shard needs its own volume; leave the value empty.",
        ),
        (
            {"podDisruptionBudget": {"enabled": True, "minAvailable": 0, "maxUnavailable": 1}},
            "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are set, but only one",
        ),
        (
            {"prometheusRule": {"enabled": True, "alerts": {"NoSuchAlert": {"enabled": False}}}},
            "prometheusRule.alerts.NoSuchAlert: this chart has no such alert.",
        ),
        ({"demo": {"enabled": True}, "expectations": {"backup_age": "1d"}}, "expectations needs accounts;"),
        ({"service": {"nodePort": 30087}}, "service.nodePort needs service.type NodePort or LoadBalancer."),
        ({"ingress": {"enabled": True}}, "ingress.enabled needs ingress.hosts."),
        ({"httpRoute": {"enabled": True}}, "httpRoute.enabled needs httpRoute.parentRefs, the gateways of the route."),
        (
            {**MONITOR, "podMonitor": {"enabled": True}},
            "serviceMonitor.enabled and podMonitor.enabled are set, but only one of them can be used.",
        ),
        ({"web": TLS, "podMonitor": {"enabled": True}}, "podMonitor.tlsConfig is needed with web.tls.enabled;"),
        (
            {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}},
            "persistentVolumeClaimRetentionPolicy needs persistence.enabled and shards above 1.",
        ),
        (
            {"proxy": {"httpsProxy": "http://user:a/b@proxy:80"}},
            "proxy.httpsProxy contains credentials, which anyone who can read the pod could read;",
        ),
        (
            {"serviceMonitor": {"enabled": True, "proxyUrl": "http://user@proxy:80"}},
            "serviceMonitor.proxyUrl contains credentials, which anyone who can read the object could read;",
        ),
        (
            {"podMonitor": {"enabled": True, "interval": "1m", "scrapeTimeout": "1m500ms"}},
            "podMonitor.scrapeTimeout is longer than interval; shorten scrapeTimeout.",
        ),
        (
            {"shards": 2, "updateStrategy": {"type": "Recreate"}},
            "updateStrategy.type Recreate cannot be used with shards; set RollingUpdate or OnDelete.",
        ),
        ({"updateStrategy": {"type": "OnDelete"}}, "updateStrategy.type OnDelete needs shards above 1;"),
        ({"dnsPolicy": "None"}, "dnsPolicy None needs dnsConfig.nameservers."),
        ({"dnsPolicy": "None", "dnsConfig": None}, "dnsPolicy None needs dnsConfig.nameservers."),
        ({"image": {"repository": None}}, "image.repository is empty; set the repository of the image."),
        (
            {"serviceAccount": {"create": False, "annotations": {"a": "b"}}},
            "serviceAccount.annotations needs serviceAccount.create; annotate an existing service account yourself.",
        ),
        (
            {"image": {"repository": "ghcr.io/x/y"}},
            "image.repository begins with the registry ghcr.io; set image.registry to it, and remove it from",
        ),
        (
            {"accounts": [{key: value for key, value in TENANT.items() if key != "data_center"}]},
            "accounts[0].data_center is missing; set it to the data center of the tenant, or set base_url.",
        ),
        (
            {"accounts": [{**TENANT, "expectations": {"exceptions": [{"backup_age": "7h"}]}}]},
            "accounts[0].expectations.exceptions[0] contains no customers, products or workloads; set one of them.",
        ),
        (
            {"accounts": [TENANT], "expectations": {"exceptions": [{"backup_age": "7h"}]}},
            "expectations.exceptions[0] contains no customers, products or workloads; set one of them.",
        ),
    ],
)
def test_wrong_values_give_one_clear_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(helm_python.HelmError) as caught:
        manifests(values)

    assert sentence in str(caught.value)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"shard": 2}, "shard"),
        ({"shards": "two"}, "/shards"),
        ({"shards": 0}, "/shards"),
        ({"image": {"digest": "sha256:short"}}, "/image/digest"),
        ({"log": {"level": "trace"}}, "/log/level"),
        (account(client_secret_env="X"), "client_secret_env"),
        ({"accounts": [{"name": "a b", "type": "tenant", "auth": {"client_id": "x"}}]}, "/accounts/0/name"),
        ({"accounts": [{"name": "a", "type": "tenants", "auth": {"client_id": "x"}}]}, "/accounts/0/type"),
        ({"web": {"basicAuthUsers": {"prometheus": "plain-password"}}}, "/web/basicAuthUsers/prometheus"),
        ({"serviceMonitor": {"interval": "1 minute"}}, "/serviceMonitor/interval"),
        ({"persistence": {"size": "much"}}, "/persistence/size"),
        ({"nameOverride": "Upper_Case"}, "/nameOverride"),
        ({"namespaceOverride": "a.b"}, "/namespaceOverride"),
        ({"fullnameOverride": "x" * 64}, "/fullnameOverride"),
        ({"existingConfig": {"secret": "two words"}}, "/existingConfig/secret"),
        ({"serviceAccount": {"name": "-a"}}, "/serviceAccount/name"),
        ({"proxy": {"httpsProxy": "proxy:3128"}}, "/proxy/httpsProxy"),
        ({"imagePullSecrets": ["registry"]}, "/imagePullSecrets/0"),
        (account(existing_secret={"name": "a/b", "client_secret_key": "x"}), "existing_secret/name"),
        ({"podMonitor": {"bodySizeLimit": "64 MB"}}, "/podMonitor/bodySizeLimit"),
        ({"podLabels": {"app.kubernetes.io/name": "x"}}, "invalid propertyName 'app.kubernetes.io/name'"),
        ({"podLabels": {"app.kubernetes.io/component": "x"}}, "invalid propertyName 'app.kubernetes.io/component'"),
        (
            {"service": {"labels": {"app.kubernetes.io/component": "x"}}},
            "invalid propertyName 'app.kubernetes.io/component'",
        ),
        ({"commonLabels": {"helm.sh/chart": "x"}}, "invalid propertyName 'helm.sh/chart'"),
        ({"service": {"labels": {"a b": "x"}}}, "invalid propertyName 'a b'"),
        ({"service": {"labels": {"a": "x y"}}}, "/service/labels/a"),
        ({"prometheusRule": {"alertLabels": {"a-b": "x"}}}, "invalid propertyName 'a-b'"),
        ({"updateStrategy": {"type": "Foo"}}, "/updateStrategy/type"),
        ({"image": {"registry": "https://ghcr.io"}}, "/image/registry"),
        ({"global": {"imageRegistry": "my registry"}}, "/global/imageRegistry"),
        ({"web": {"basicAuthUsers": {"prometheus": "$2b$12$x"}}}, "/web/basicAuthUsers/prometheus"),
        ({"web": {"basicAuthUsers": {"a:b": HASH}}}, "invalid propertyName 'a:b'"),
        ({"proxy": {"httpsProxy": "http://proxy:08080"}}, "/proxy/httpsProxy"),
        ({"proxy": {"httpsProxy": "http://proxy:99999"}}, "/proxy/httpsProxy"),
        ({"proxy": {"httpsProxy": "http://proxy/proxy.pac"}}, "/proxy/httpsProxy"),
        ({"accounts": [{**TENANT, "data_center": "mars"}]}, "/accounts/0/data_center"),
        ({"accounts": [{**TENANT, "type": "partner"}]}, "/accounts/0/data_center"),
        ({"accounts": [{**TENANT, "customers": {"exclude": ["a"]}}]}, "/accounts/0/customers"),
        ({"accounts": [{**TENANT, "collectors": {"protected_data": {}}}]}, "invalid propertyName 'protected_data'"),
        (
            {"accounts": [{**TENANT, "collectors": {"jobs": {"interval": "0s"}}}]},
            "/accounts/0/collectors/jobs/interval",
        ),
        *(
            ({"accounts": [{**TENANT, "base_url": url}]}, "/accounts/0/base_url")
            for url in ("http://example.com", "https://example.com?x=1", "https://a b", "https://example.com:0")
        ),
    ],
)
def test_the_schema_names_what_is_wrong(values: dict[str, Any], where: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=re.escape(where)):
        manifests(values)


@pytest.mark.parametrize("key", ["base_url", "token_url", "proxy_url"])
def test_credentials_in_the_urls_of_an_account_are_refused(key: str) -> None:
    values = account(client_secret="a")
    values["accounts"][0][key] = "https://user:word@host:3128"

    with pytest.raises(helm_python.HelmError, match=rf"accounts\[0\]\.{key} contains credentials") as caught:
        manifests(values)
    assert "word@" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "updateStrategy", "dnsConfig", "commonLabels", "podLabels", "imagePullSecrets", "image.pullSecrets",
        "image.registry", "web.tls.enabled", "proxy.httpProxy", "proxy.httpsProxy", "proxy.noProxy", "expectations",
        "serviceAccount.annotations", "service.labels", "serviceMonitor.proxyUrl", "serviceMonitor.labels",
        "podMonitor.proxyUrl", "prometheusRule.alerts", "prometheusRule.alertLabels",
        "prometheusRule.alertAnnotations", "prometheusRule.additionalGroups",
    ],
)  # fmt: skip
def test_null_is_the_same_as_empty(key: str) -> None:
    *sections, name = key.split(".")
    is_optional = sections and "enabled" in VALUES[sections[0]]
    empty = "" if name == "registry" else reduce(lambda values, part: values[part], key.split("."), VALUES)

    def rendered(value: Any) -> dict[str, str]:
        values = reduce(lambda inner, part: {part: inner}, reversed(key.split(".")), value)
        if is_optional:
            values[sections[0]]["enabled"] = True
        return manifests(values)

    assert rendered(None) == rendered(empty)
