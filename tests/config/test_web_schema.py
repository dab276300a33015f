"""Test the web configuration file: valid contents, and the message of each error."""

import logging
import re
from pathlib import Path
from textwrap import dedent

import bcrypt
import pytest

from exporter.config.web_load import load_web_config, warn_of_slow_hashes
from exporter.config.web_schema import WebConfig
from exporter.errors import ConfigError

# This hash is an example from Prometheus's exporter toolkit.
HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"


def read(folder: Path, text: str) -> WebConfig:
    for name in ("a.crt", "a.key", "ca.crt"):
        (folder / name).write_text("x")
    path = folder / "web.yaml"
    path.write_text(dedent(text))
    return load_web_config(path)


def test_everything_at_once(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        f"""
        tls_server_config:
          cert_file: a.crt
          key_file: {tmp_path}/a.key
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: ca.crt
          client_allowed_sans: [prometheus]
          min_version: TLS13
          cipher_suites: [TLS_AES_128_GCM_SHA256]
          prefer_server_cipher_suites: false
          curve_preferences: [X25519]
        http_server_config:
          http2: false
          headers: {{X-Frame-Options: sameorigin, Strict-Transport-Security: ""}}
        rate_limit: {{interval: 1m1.5s, burst: 20}}
        basic_auth_users:
          alice: {HASH}
        """,
    )
    tls = config.tls_server_config
    assert tls.cert_file == tmp_path / "a.crt"
    assert config.files() == (tmp_path / "a.crt", tmp_path / "a.key", tmp_path / "ca.crt")
    assert tls.enabled
    assert tls.verifies_clients
    assert tls.openssl_ciphers == ""
    assert config.http_server_config.headers["X-Frame-Options"] == "sameorigin"
    assert config.rate_limit.interval == 61.5
    assert config.users == {b"alice": HASH.encode()}
    assert HASH not in repr(config)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tls_server_config: {}\nbasic_auth_users:\nhttp_server_config:\nrate_limit: {interval: 0}",
        "tls_server_config: {cert_file: '', key_file: }",
    ],
)
def test_off(tmp_path: Path, text: str) -> None:
    config = read(tmp_path, text)
    assert not config.tls_server_config.enabled
    assert config.users == {}
    assert config.files() == ()


PAIR = "cert_file: a.crt, key_file: a.key"

MISTAKES = {
    "tls_server_config: {min_version: TLS12}": [
        "tls_server_config.cert_file: is missing; add cert_file or cert",
        "tls_server_config.key_file: is missing; add key_file or key",
    ],
    f"tls_server_config: {{{PAIR}, cert: x, key: y, client_ca: z, client_ca_file: ca.crt}}": [
        "tls_server_config.cert: conflicts with cert_file; remove one of the keys",
        "tls_server_config.key: conflicts with key_file; remove one of the keys",
        "tls_server_config.client_ca: conflicts with client_ca_file; remove one of the keys",
        "tls_server_config.client_auth_type: NoClientCert ignores the client CA; use RequireAndVerifyClientCert",
    ],
    f"tls_server_config: {{{PAIR}, min_version: TLS10, max_version: TLS14}}": [
        "tls_server_config.min_version: TLS10 is not secure; use TLS12 or TLS13",
        "tls_server_config.max_version: must be TLS12 or TLS13",
    ],
    f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}": [
        "tls_server_config.max_version: must not be below min_version"
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]}}": [
        "tls_server_config.client_ca_file: is missing; VerifyClientCertIfGiven requires client_ca_file or client_ca",
        "tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert}}": [
        (
            "tls_server_config.client_auth_type: RequireAnyClientCert is not supported, because it does not "
            "verify certificates; use RequireAndVerifyClientCert"
        )
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: Maybe}}": [
        (
            "tls_server_config.client_auth_type: must be NoClientCert, VerifyClientCertIfGiven or "
            "RequireAndVerifyClientCert"
        )
    ],
    f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}": [
        "tls_server_config.cipher_suites[0]: must be the name of a cipher suite that Go considers secure"
    ],
    f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}": [
        "tls_server_config.cipher_suites: contains no TLS 1.2 suite; add one, or set min_version: TLS13"
    ],
    f"tls_server_config: {{{PAIR}, curve_preferences: [X25519, CurveP256]}}": [
        "tls_server_config.curve_preferences: must contain only one curve"
    ],
    "tls_server_config: {cert_file: none.crt, key_file: 5}": [
        (
            "tls_server_config.cert_file: cannot read the file (looked in FOLDER): no such file or directory;"
            " create it, or correct the path"
        ),
        "tls_server_config.key_file: must be the path of a file",
    ],
    "tls_server_config: [1]": ["tls_server_config: must be a mapping of keys to values"],
    "http_server_config: {headers: {X-Powered-By: me, X-Frame-Options: allow, X-XSS-Protection: 'é'}}": [
        (
            "http_server_config.headers.X-Powered-By: this header is not supported; available headers are "
            "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, "
            "X-XSS-Protection"
        ),
        "http_server_config.headers.X-Frame-Options: must be deny or sameorigin",
        "http_server_config.headers.X-XSS-Protection: must be one line of ASCII characters",
    ],
    "rate_limit: {interval: 1 s, burst: -1}": [
        "rate_limit.interval: must be a duration such as 30s, 5m, 1h or 7d",
        "rate_limit.burst: must be at least 0",
    ],
    "rate_limit: {interval: 1s}": ["rate_limit.burst: must be at least 1, because 0 refuses every request"],
    "rate_limit: {interval: 5}": ["rate_limit.interval: must be a duration such as 30s, 5m, 1h or 7d"],
    "basic_auth_users: {alice: hunter2, 'b:b': $2y$03$x, 5: no, c: 7}\nother: 1": [
        "basic_auth_users.alice: must be a bcrypt hash; create one with htpasswd -nBC 10 USER",
        "basic_auth_users.b:b: user names must not contain a colon",
        "basic_auth_users.b:b: must be a bcrypt hash; create one with htpasswd -nBC 10 USER",
        "basic_auth_users[5]: must be a string; put the value in quotes",
        "basic_auth_users.c: must be a string; put the value in quotes",
        "other: unknown key; use tls_server_config, http_server_config, rate_limit, basic_auth_users",
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [line.rpartition(" (")[0].replace(str(tmp_path), "FOLDER") for line in caught.value.errors] == MISTAKES[text]
    assert all(re.search(r"/web\.yaml:[12]\)$", line) for line in caught.value.errors)


@pytest.mark.parametrize(
    "bad",
    [
        HASH[:-1],
        HASH + "x",
        HASH + "\n",
        HASH.replace("$2y$", "$2x$"),
        HASH.replace("$10$", "$03$"),
        HASH.replace("$10$", "$32$"),
        HASH[:28] + "z" + HASH[29:],
    ],
)
def test_a_bad_hash_is_not_shown(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"basic_auth_users: {{alice: {bad!r}}}")
    message = "basic_auth_users.alice: must be a bcrypt hash; create one with htpasswd -nBC 10 USER"
    assert str(caught.value) == f"{message} ({tmp_path}/web.yaml:1)"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_every_version_of_bcrypt_is_accepted(tmp_path: Path) -> None:
    made = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users = {"a": "$2a$" + made[4:], "b": made, "y": "$2y$" + made[4:]}
    config = read(tmp_path, "basic_auth_users: " + str(users))
    assert all(bcrypt.checkpw(b"secret", stored) for stored in config.users.values())


def test_a_slow_hash_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slow = HASH.replace("$10$", "$15$")
    with caplog.at_level(logging.WARNING, "exporter.web"):
        warn_of_slow_hashes(read(tmp_path, f"basic_auth_users: {{alice: {HASH}, bob: {slow}}}"))
    assert [record.getMessage() for record in caplog.records] == [
        "basic_auth_users.bob: with bcrypt cost 15, the first check of a password takes seconds; use a lower cost"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("basic_auth_users:\n  alice: 'hunter2", "line 2, column 18"),
        ("basic_auth_users: {a: hunter2, a: hunter3}", "line 1, column 32"),
        ("? [1]\n: hunter2", "line 1, column 3"),
    ],
)
def test_invalid_yaml_is_reported_without_its_content(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert f"web.yaml: invalid YAML at {place}: " in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: no such file or directory"):
        load_web_config(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml: line 1 is not UTF-8; save the file as UTF-8$"):
        load_web_config(path)
