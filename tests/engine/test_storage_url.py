"""libpq accepts every valid URL of a database. The error for an invalid URL contains no secret."""

import pytest

from exporter.engine.shared.url import EXAMPLE, connection_parameters

ENCODE = "percent-encode special characters (@ is %40, / is %2F, : is %3A, % is %25, a space is %20)"
NO_VALUE = "has an invalid value; correct or remove it"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("u@h:port/db", f"the port {NO_VALUE}"),
        ("u@h:70000/db", f"the port {NO_VALUE}"),
        ("u@h:0/db", f"the port {NO_VALUE}"),
        ("u@/db?host=h&port=5x", f"the port {NO_VALUE}"),
        ("u@h1:1,h2:2x/db", f"the port {NO_VALUE}"),
        ("u@h/db?colour=red", "contains an unknown parameter; remove the parameter, or use one that libpq supports"),
        ("u@h/db?sslmdoe=require", "contains an unknown parameter; did you mean sslmode?"),
        ("u@h/db?sslmode", "contains a parameter without a value; write NAME=VALUE after the question mark"),
        ("u@h/db?sslmode=requird", f"the parameter sslmode {NO_VALUE}"),
        ("u@h/db?ssl_min_protocol_version=TLSv9", f"the parameter ssl_min_protocol_version {NO_VALUE}"),
        ("u@h/db?target_session_attrs=primry", f"the parameter target_session_attrs {NO_VALUE}"),
        ("u@h/db?connect_timeout=3s", "the parameter connect_timeout is not an integer; correct or remove it"),
        ("u@h/db?keepalives_idle=yes", "the parameter keepalives_idle is not an integer; correct or remove it"),
        ("u@h/db?hostaddr=db", "the parameter hostaddr is not an IP address; use host for a name"),
        ("u@h/db?service=none", "the parameter service is not in the service file; correct or remove it"),
        ("u@:5432/db", f"contains no host; use {EXAMPLE}"),
        ("u@/db", f"contains no host; use {EXAMPLE}"),
        ("u:hunter%2@h/db", f"contains a % that does not begin a percent-encoded character; {ENCODE}"),
        ("u:hunter2%00@h/db", f"contains a % that does not begin a percent-encoded character; {ENCODE}"),
        ("u:hunter2@hunter2@h/db", f"the host name or the database name is invalid; {ENCODE}"),
        ("u:hunter2/x@h/db", f"the host name or the database name is invalid; {ENCODE}"),
        ("u:hunter2 x@h/db", f"contains a space; {ENCODE}"),
        ("u@h/my db", f"contains a space; {ENCODE}"),
        (
            "u@[::1/db",
            f"contains an invalid IPv6 address; use {EXAMPLE} with the address in square brackets",
        ),
    ],
)
def test_an_invalid_url_has_one_error_with_advice(rest: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        connection_parameters(f"postgresql://{rest}")
    assert str(caught.value) == message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "rest",
    [
        "u@h:5432/db",
        "h",
        "/db",
        "u:p%40ss%2F@h/db",
        "u@[::1]:5432/db",
        "u@h1:1,h2:2/db?target_session_attrs=read-write&load_balance_hosts=random",
        "u@%2Fvar%2Frun%2Fpostgresql/db",
        "/db?host=/var/run/postgresql",
        "u@h/db?sslmode=verify-full&sslrootcert=system&connect_timeout=5&application_name=x",
        "u@/db?hostaddr=127.0.0.1",
    ],
)
def test_a_valid_url_is_accepted(rest: str) -> None:
    assert connection_parameters(f"postgresql://{rest}").keys() <= {
        "user", "password", "host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert", "connect_timeout",
        "application_name", "target_session_attrs", "load_balance_hosts",
    }  # fmt: skip


def test_an_environment_variable_of_libpq_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "requird")
    with pytest.raises(ValueError, match=r"^the environment variable PGSSLMODE has an invalid value"):
        connection_parameters("postgresql://u@h/db")


def test_the_host_may_come_from_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db")
    assert connection_parameters("postgresql://u@/exporter")["user"] == "u"
