"""Test keys of the configuration with their types, defaults and bounds."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS
from exporter.config.schema import Account, Auth, CollectorOptions, ProxyUrl, Requests, Url
from exporter.config.sections import format_duration, is_duration, parse_duration

AUTH = {"client_id": "app", "client_secret": "hunter2"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
        ("1y2w3d4h5m6s7ms", 33_019_506.007),
        ("090s", 90),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "5", "m", "5 m", " 5m", "5m\n", "-5m", "+5m", "1.h", "5M", "30s5m", "5m5m", "\N{ARABIC-INDIC DIGIT FIVE}m",
     "9" * 5000 + "s", "9" * 10 + "s", "PT5M", None, 5, 5.0, True, ["5m"], {}],
)  # fmt: skip
def test_invalid_durations(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as 30s, 5m, 1h or 7d$"):
        parse_duration(value)


@given(st.integers(min_value=0, max_value=10**12))
@example(0)
@example(90_000)
def test_a_formatted_duration_parses_to_the_same_value(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(st.text(alphabet="0123456789ywdhms .-\n", max_size=30) | st.text(max_size=10))
@example("9" * 9 + "y" + "9" * 9 + "ms")
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds < 10**18


def test_durations_are_distinguished_from_other_numbers() -> None:
    assert is_duration(CollectorOptions.model_fields["interval"])
    assert is_duration(CollectorOptions.model_fields["max_age"])
    assert is_duration(Requests.model_fields["timeout"])
    assert not is_duration(Requests.model_fields["per_second"])
    assert not is_duration(Account.model_fields["customers"])


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://graph.example.com", "https://graph.example.com"),
        ("https://graph.example.com/", "https://graph.example.com"),
        ("https://graph.example.com:8443/path/@/", "https://graph.example.com:8443/path/@"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("HTTPS://GRAPH.EXAMPLE.COM.", "HTTPS://GRAPH.EXAMPLE.COM."),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_addresses(given_url: str, kept: str) -> None:
    assert TypeAdapter(Url).validate_python(given_url) == kept


NONE = "must be an https:// URL"
SPACES = f"{NONE} without spaces"
PORT = f"{NONE} with a port from 1 to 65535"
PARTS = "must not contain a user name, query or fragment"
PLAIN = "must begin with https://, because tokens are never sent unencrypted"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", NONE),
        ("graph.example.com", NONE),
        ("//graph.example.com", NONE),
        ("https:graph.example.com", NONE),
        ("https://", NONE),
        ("https:///path", NONE),
        ("file:///etc/passwd", NONE),
        ("https://graph.example.com:0", PORT),
        ("https://graph.example.com:65536", PORT),
        ("https://graph.example.com:https", PORT),
        ("https://[::1", NONE),
        ("https://[hunter2]", NONE),
        ("https://hunter2\u2100@graph.example.com", NONE),
        ("https://graph example.com", SPACES),
        ("https://graph..example.com", NONE),
        ("https://" + "a" * 64 + ".example.com", NONE),
        ("https://graph.example.com\\@evil.example.com", NONE),
        ("https://graph.exa\nmple.com", SPACES),
        ("https://graph.example.com/\x00", NONE),
        (" https://graph.example.com", SPACES),
        ("https://gräph.example.com", NONE),
        ("https://@graph.example.com", PARTS),
        ("https://user@graph.example.com", PARTS),
        ("https://:hunter2@graph.example.com", PARTS),
        ("https://graph.example.com?", PARTS),
        ("https://graph.example.com#", PARTS),
        ("http://graph.example.com", PLAIN),
        ("http://127.0.0.1.example.com", PLAIN),
        ("http://127.300.0.1", PLAIN),
        ("http://0.0.0.0", PLAIN),
        ("http://localhost.example.com", PLAIN),
    ],
)
def test_urls_that_are_refused(url: str, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Url).validate_python(url)
    assert [str(error["ctx"]["error"]) for error in caught.value.errors()] == [why]
    assert caught.value.errors()[0]["ctx"]["error"].__cause__ is None


@pytest.mark.parametrize("url", ["http://proxy:3128", "https://user:hunter2@proxy.example.com", "http://[::1]:8080/"])
def test_the_password_of_a_proxy_is_never_shown(url: str) -> None:
    proxy = TypeAdapter(ProxyUrl).validate_python(url)
    assert proxy.get_secret_value() == url
    assert "hunter2" not in f"{proxy!r} {proxy}"


@pytest.mark.parametrize("url", ["", "proxy:3128", "socks5://proxy", "http://", "http://proxy:99999", "http://[x]"])
def test_proxies_that_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an http:// or https:// URL"):
        TypeAdapter(ProxyUrl).validate_python(url)


def test_a_secret_is_never_shown() -> None:
    auth = Auth.model_validate(AUTH)
    assert auth.client_secret == SecretStr("hunter2")
    assert "hunter2" not in f"{auth!r} {auth}"


def test_relative_paths_count_from_the_directory_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    for given_path in ("secret", str(tmp_path / "secret")):
        raw = {"client_id": "app", "client_secret_file": given_path}
        auth = Auth.model_validate(raw, context={"directory": tmp_path})
        assert auth.client_secret_file == tmp_path / "secret"


def test_without_a_directory_paths_count_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    monkeypatch.chdir(tmp_path)
    assert Auth.model_validate({"client_id": "app", "client_secret_file": "secret"}).client_secret_file == Path(
        "secret"
    )


@pytest.mark.parametrize("key", ["client_secret", "client_secret_file", "certificate_password_env"])
def test_a_key_without_a_value_is_unset(key: str) -> None:
    assert getattr(Auth.model_validate({"client_id": "app", key: None}), key) is None


def test_values_are_kept_for_12_hours_or_three_intervals_by_default() -> None:
    assert CollectorOptions().stale_after == 12 * 3600
    assert CollectorOptions.model_validate({"interval": "5h"}).stale_after == 15 * 3600
    assert CollectorOptions.model_validate({"interval": "1h", "max_age": "1h"}).stale_after == 3600


def account(**keys: object) -> Account:
    return Account.model_validate({"name": "contoso", "type": "tenant", "auth": AUTH, **keys})


@pytest.mark.parametrize(
    ("keys", "api", "identity"),
    [
        ({"data_center": "us"}, "https://graph-us.avepointonlineservices.com", "identity.avepointonlineservices.com"),
        (
            {"environment": "us-gov"},
            "https://graph-gov.avepointonlineservices.com",
            "identity-gov.avepointonlineservices.com",
        ),
        (
            {"environment": "aos2"},
            "https://graph-aos2.avepointonlineservices.com",
            "identity-aos2.avepointonlineservices.com",
        ),
        ({"environment": "fedramp"}, "https://graphusgovapi.online15.net", "identity.online15.net"),
        ({"type": "partner"}, "https://graph.avepointonlineservices.com", "identity.avepointonlineservices.com"),
        (
            {"type": "partner", "environment": "us-gov"},
            "https://graph-gov.avepointonlineservices.com",
            "identity-gov.avepointonlineservices.com",
        ),
        (
            {"type": "partner", "environment": "fedramp"},
            "https://graphusgovapi.online15.net",
            "identity.online15.net",
        ),
        ({"base_url": "https://example.com/x/"}, "https://example.com/x", "identity.avepointonlineservices.com"),
    ],
)
def test_urls_of_an_account(keys: dict[str, object], api: str, identity: str) -> None:
    made = account(**keys)
    assert (made.api_url, made.identity_url) == (api, f"https://{identity}/connect/token")


def test_token_url_replaces_the_url_of_the_environment() -> None:
    assert account(data_center="us", token_url="https://example.com/token").identity_url == "https://example.com/token"


def test_every_environment_is_a_choice_with_a_known_data_center() -> None:
    annotation = Account.model_fields["environment"].annotation
    assert set(getattr(annotation, "__args__", ())) == set(ENVIRONMENTS)
    assert {"gov", "aos2"} <= DATA_CENTERS


@pytest.mark.parametrize("name", ["a", "A.b-c_d", "0", "a" * 63])
def test_names(name: str) -> None:
    assert account(name=name).name == name


@pytest.mark.parametrize("name", ["", "a" * 64, "-a", ".a", "a b", "a\n", "a/b", "ä", 'a"'])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        account(name=name)
