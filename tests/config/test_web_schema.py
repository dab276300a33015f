"""The web configuration file: what is understood, and the words for every mistake."""

import logging
from pathlib import Path
from textwrap import dedent

import bcrypt
import pytest

from exporter.config.web_load import read_web_config, warn_of_slow_hashes
from exporter.config.web_schema import WebConfig
from exporter.errors import ConfigError

HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"  # the toolkit's own example


def read(folder: Path, text: str) -> WebConfig:
    for name in ("a.crt", "a.key", "ca.crt"):
        (folder / name).touch()
    path = folder / "web.yaml"
    path.write_text(dedent(text))
    return read_web_config(path)


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
        "tls_server_config.cert_file: is missing (or cert)",
        "tls_server_config.key_file: is missing (or key)",
    ],
    f"tls_server_config: {{{PAIR}, cert: x, key: y, client_ca: z, client_ca_file: ca.crt}}": [
        "tls_server_config.cert: give cert or cert_file, not both",
        "tls_server_config.key: give key or key_file, not both",
        "tls_server_config.client_ca: give client_ca or client_ca_file, not both",
        "tls_server_config.client_auth_type: NoClientCert leaves the client CA without use",
    ],
    f"tls_server_config: {{{PAIR}, min_version: TLS10, max_version: TLS14}}": [
        "tls_server_config.min_version: TLS10 is not safe any more; only TLS12 and TLS13 are served",
        "tls_server_config.max_version: must be TLS12 or TLS13",
    ],
    f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}": [
        "tls_server_config.max_version: is below min_version"
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]}}": [
        "tls_server_config.client_ca_file: is missing (or client_ca): VerifyClientCertIfGiven needs it",
        "tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: RequireAnyClientCert}}": [
        (
            "tls_server_config.client_auth_type: RequireAnyClientCert verifies nothing and cannot be had here; "
            "use RequireAndVerifyClientCert"
        )
    ],
    f"tls_server_config: {{{PAIR}, client_auth_type: Maybe}}": [
        (
            "tls_server_config.client_auth_type: must be NoClientCert, VerifyClientCertIfGiven or "
            "RequireAndVerifyClientCert"
        )
    ],
    f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}": [
        "tls_server_config.cipher_suites[0]: is not a cipher suite that Go holds for secure, by Go's name"
    ],
    f"tls_server_config: {{{PAIR}, cipher_suites: [TLS_AES_128_GCM_SHA256]}}": [
        "tls_server_config.cipher_suites: names no TLS 1.2 suite; say min_version: TLS13"
    ],
    f"tls_server_config: {{{PAIR}, curve_preferences: [X25519, CurveP256]}}": [
        "tls_server_config.curve_preferences: only one curve can be named here"
    ],
    "tls_server_config: {cert_file: none.crt, key_file: 5}": [
        "tls_server_config.cert_file: cannot be read: no such file or directory; create it, or correct the path",
        "tls_server_config.key_file: must be a path",
    ],
    "tls_server_config: [1]": ["tls_server_config: must be a mapping"],
    "http_server_config: {headers: {X-Powered-By: me, X-Frame-Options: allow, X-XSS-Protection: 'é'}}": [
        (
            "http_server_config.headers.X-Powered-By: is not a header that can be set; only "
            "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, "
            "X-XSS-Protection"
        ),
        "http_server_config.headers.X-Frame-Options: must be deny or sameorigin",
        "http_server_config.headers.X-XSS-Protection: must be one line of ASCII",
    ],
    "rate_limit: {interval: 1 s, burst: -1}": [
        "rate_limit.interval: must be a duration such as 1s or 500ms",
        "rate_limit.burst: must be greater than or equal to 0",
    ],
    "rate_limit: {interval: 1s}": ["rate_limit.burst: must be 1 or more, or every request is refused"],
    "rate_limit: {interval: 5}": ["rate_limit.interval: must be a duration such as 1s or 500ms"],
    "basic_auth_users: {alice: hunter2, 'b:b': $2y$03$x, 5: no, c: 7}\nother: 1": [
        "basic_auth_users.alice: not a bcrypt hash; make one with htpasswd -nBC 10 USER",
        "basic_auth_users.b:b: a user name cannot hold a colon",
        "basic_auth_users.b:b: not a bcrypt hash; make one with htpasswd -nBC 10 USER",
        "basic_auth_users[5]: must be text (put it in quotes)",
        "basic_auth_users[5]: must be text (put it in quotes)",
        "basic_auth_users.c: must be text (put it in quotes)",
        "other: unknown key in the file of --web.config.file; correct its spelling",
    ],
    "[1, 2]": ["--web.config.file: must be a mapping"],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).splitlines() == MISTAKES[text]


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
    assert str(caught.value) == "basic_auth_users.alice: not a bcrypt hash; make one with htpasswd -nBC 10 USER"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_every_kind_of_hash_is_taken(tmp_path: Path) -> None:
    made = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    users = {"a": "$2a$" + made[4:], "b": made, "y": "$2y$" + made[4:]}
    config = read(tmp_path, "basic_auth_users: " + str(users))
    assert all(bcrypt.checkpw(b"secret", stored) for stored in config.users.values())


def test_a_slow_hash_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slow = HASH.replace("$10$", "$15$")
    with caplog.at_level(logging.WARNING, "exporter.web"):
        warn_of_slow_hashes(read(tmp_path, f"basic_auth_users: {{alice: {HASH}, bob: {slow}}}"))
    assert [record.getMessage() for record in caplog.records] == [
        "basic_auth_users.bob: cost 15 makes the first check of a password take seconds"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("basic_auth_users:\n  alice: 'hunter2", "line 2, column 18"),
        ("basic_auth_users: {a: hunter2, a: hunter3}", "line 1, column 32"),
        ("? [1]\n: hunter2", "line 1, column 3"),
    ],
)
def test_broken_yaml_says_only_where(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).endswith(f"web.yaml is not YAML (or a key is there twice): {place}; look just above")
    assert "hunter" not in str(caught.value)


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: no such file or directory"):
        read_web_config(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml is not YAML; look just above$"):
        read_web_config(path)
