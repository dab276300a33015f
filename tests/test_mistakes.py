"""Each test uses the exporter incorrectly. The message must show where the error is, what is wrong, and what to do."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from exporter.cli import run
from exporter.config.expectations import ProblemName, ProductName
from exporter.diagnose.connectivity import Host, resolve, tls_handshake
from exporter.errors import AvePointError, ConfigError
from tests.avepoint.test_certificate import identity
from tests.diagnose.support import checked, failure_of, partner_with, tenant_with
from tests.diagnose.test_preflight import tls_server
from tests.fakes import make_account, payload
from tests.helpers import FakeApi, World, overview_path, portfolio, tenant
from tests.web.conftest import make_pki
from tests.web.test_app import browser

JOBS = "/backup/m365/cloudbackupjobs"
LICENSE = "/backup/m365/cloudbackuplicenseconsumption"
OVERVIEW = "/partner/external/v3/general/customers/{customerId}/cloud-backup-m365/overview"
PERMISSION = "microsoft365backup.subscriptionInfo.read.all"
ONLINE_SERVICES = "AvePoint Online Services > Administration > App registrations"
ELEMENTS = "Elements > Settings > API app registration"
FINE = "accounts: [{name: contoso, type: tenant, data_center: us, auth: {client_id: app, client_secret: hunter2}}]"
UNSET = "AVEPOINT_TEST_UNSET"
TOKEN_PATH = "/connect/token"
SECRETS = ("hunter2", "a-secret-that-nobody-sees")


@dataclass(frozen=True, slots=True)
class Stage:
    """A test runs a command in `folder`. Then `written` returns the command's output on standard error."""

    folder: Path
    written: Callable[[], str]
    set_variable: Callable[[str, str], None]


Provoke = Callable[[Stage], str]


def waiting(provoke: Callable[[Stage], Awaitable[str]]) -> Provoke:
    """Return a synchronous function that runs a coroutine in a new event loop."""

    async def awaited(stage: Stage) -> str:
        return await provoke(stage)

    return lambda stage: asyncio.run(awaited(stage))


def typed(*arguments: str, **files: str) -> Provoke:
    """Return a function that runs a command in a directory with `files`. The function returns the command's message.

    In the keyword arguments, `_` stands for the dot of a file name.
    """

    def provoke(stage: Stage) -> str:
        for name, content in files.items():
            (stage.folder / name.replace("_", ".")).write_text(content)
        assert run(arguments) == 1
        (line,) = stage.written().splitlines()
        return line.removeprefix("avepoint-exporter: ")

    return provoke


def configured(text: str) -> Provoke:
    """Check a configuration."""
    return typed("--config.check", config_yaml=text)


def with_variable(name: str, value: str, provoke: Provoke) -> Provoke:
    """Return a function that sets an environment variable and then calls `provoke`."""

    def provoked(stage: Stage) -> str:
        stage.set_variable(name, value)
        return provoke(stage)

    return provoked


def warned(text: str, **variables: str) -> Provoke:
    """Check a valid configuration, and return the only warning."""

    def provoke(stage: Stage) -> str:
        (stage.folder / "config.yaml").write_text(text)
        for name, value in variables.items():
            stage.set_variable(name, value)
        assert run(["--config.check"]) == 0
        (line,) = stage.written().splitlines()
        return line.removeprefix("avepoint-exporter: warning: ")

    return provoke


def expecting(exceptions: str) -> str:
    """Return a configuration with these items of `expectations.exceptions` on the second line."""
    return f"{FINE}\nexpectations: {{exceptions: [{exceptions}]}}"


def account(more: str = "", *, auth: str = "client_id: app, client_secret: hunter2", kind: str = "tenant") -> Provoke:
    """Check a configuration of one account with these additional keys."""
    center = ", data_center: us" if kind == "tenant" and "data_center" not in more else ""
    return configured(f"accounts: [{{name: contoso, type: {kind}{center}, auth: {{{auth}}}{more and ', '}{more}}}]")


def written(content: bytes, name: str = "config.yaml", config: str = "") -> Provoke:
    """Write these bytes to a file, check the configuration, and return the error."""

    def provoke(stage: Stage) -> str:
        (stage.folder / name).write_bytes(content)
        (stage.folder / name).chmod(0o600)
        return configured(config)(stage) if config else typed("--config.check")(stage)

    return provoke


def secret_file(content: bytes) -> Provoke:
    """Check a configuration whose secret file contains these bytes."""
    return written(content, "secret", FINE.replace("client_secret: hunter2", "client_secret_file: secret"))


def web(text: str) -> Provoke:
    """Check a web configuration."""
    return typed("--config.check", "--web.config.file", "web.yaml", config_yaml=FINE, web_yaml=text)


def answered(answer: Any, path: str = LICENSE) -> Provoke:
    """Return the error that `check` reports for this response from `path`."""

    async def provoke(_: Stage) -> str:
        report = await checked(FakeApi({path: answer}), tenant_with("license", api="modern"))
        failure = failure_of(report.collectors[0][1])
        return f"{failure.message}: {failure.hint}"

    return waiting(provoke)


def customer_answered(answer: Any) -> Provoke:
    """Return the error that `check` reports for this response about a customer."""

    async def provoke(_: Stage) -> str:
        api = FakeApi(portfolio(["c1"]) | {overview_path("c1"): answer})
        report = await checked(api, partner_with("protected_data", api="modern"))
        failure = failure_of(report.collectors[0][1])
        return f"{failure.message}: {failure.hint}"

    return waiting(provoke)


def locations_answered(answer: Any, otherwise: Any) -> Provoke:
    """Return the error of `check`. The API returns `answer` if the request has a geo location, else `otherwise`."""

    async def provoke(_: Stage) -> str:
        api = FakeApi({JOBS: lambda request: answer if "location" in request.url.params else otherwise})
        failure = failure_of((await checked(api, tenant_with("jobs", locations=["NAM"]))).collectors[0][1])
        return f"{failure.message}: {failure.hint}"

    return waiting(provoke)


def refused(code: str) -> Provoke:
    return answered(lambda _: httpx.Response(400, json={"error": code}), TOKEN_PATH)


def asked(method: str, path: str, *, reload: str | None = None) -> Provoke:
    """Return the response of the exporter. If `reload` is not None, reloads are enabled and fail with this error."""

    async def fail() -> None:
        raise ConfigError([str(reload)])

    async def provoke(_: Stage) -> str:
        world = World(FakeApi())
        await world.apply(tenant())
        async with browser(world, fail if reload is not None else None) as client:
            answer = await client.request(method, path)
        await world.accounts.stop()
        assert answer.status_code >= 400
        return " ".join(answer.text.split())

    return waiting(provoke)


def port_in_use(stage: Stage) -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = typed("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error", config_yaml=FINE)(stage)
    return said.replace(str(port), "PORT")


def expired_certificate(stage: Stage) -> str:
    own = identity(rsa.generate_private_key(65537, 2048), start=1, end=1_600_000_000)
    (stage.folder / "app.pem").write_bytes(own.pem())
    (stage.folder / "app.pem").chmod(0o600)
    return account(auth="client_id: app, certificate_file: app.pem")(stage)


def locked_certificate(stage: Stage) -> str:
    own = identity(rsa.generate_private_key(65537, 2048), start=1, end=4_000_000_000)
    (stage.folder / "app.pem").write_bytes(own.pem(b"hunter2"))
    (stage.folder / "app.pem").chmod(0o600)
    return account(auth="client_id: app, certificate_file: app.pem")(stage)


def certificate_file(content: bytes, password: bytes | None = None) -> Provoke:
    """Check a configuration whose certificate file and password file contain these bytes."""

    def provoke(stage: Stage) -> str:
        (stage.folder / "password").write_bytes(password or b"")
        (stage.folder / "password").chmod(0o600)
        more = ", certificate_password_file: password" if password is not None else ""
        config = FINE.replace("client_secret: hunter2", f"certificate_file: app.pem{more}")
        return written(content, "app.pem", config)(stage)

    return provoke


def served(bits: int = 2048, end: int = 4_000_000_000, key: str = "server.pem", users: str = "{}") -> Provoke:
    """Check a web configuration whose certificate has this key size and expiry, and return the error or warning."""

    def provoke(stage: Stage) -> str:
        (stage.folder / "server.pem").write_bytes(
            identity(rsa.generate_private_key(65537, bits), start=1, end=end).pem()
        )
        (stage.folder / "config.yaml").write_text(FINE)
        tls = f"tls_server_config:\n  cert_file: server.pem\n  key_file: {key}"
        (stage.folder / "web.yaml").write_text(f"{tls}\nbasic_auth_users: {users}")
        run(["--config.check", "--web.config.file", "web.yaml"])
        (line,) = stage.written().splitlines()
        return line.removeprefix("avepoint-exporter: ")

    return provoke


def ca_file(more: bytes) -> Provoke:
    """Check a configuration whose file tls.ca_file has a certificate and these bytes."""

    def provoke(stage: Stage) -> str:
        own = identity(rsa.generate_private_key(65537, 2048), start=1, end=4_000_000_000)
        begin = b"-----BEGIN CERTIFICATE-----"
        pem = begin + own.pem().partition(begin)[2].rstrip() + b"\n"
        (stage.folder / "ca.pem").write_bytes(pem + more)
        said = account("tls: {ca_file: ca.pem}")(stage)
        return said.replace(f"line {len(pem.splitlines()) + 1}", "line LINE")

    return provoke


async def said_by(call: Awaitable[Any]) -> str:
    with pytest.raises(AvePointError) as caught:
        await call
    return f"{caught.value}: {caught.value.hint}"


@waiting
async def untrusted(stage: Stage) -> str:
    async with tls_server(make_pki(stage.folder)) as port:
        said = await said_by(tls_handshake(make_account(), Host("127.0.0.1", port, is_encrypted=True)))
    return re.sub(r" \(_ssl\.c:\d+\)", "", said.replace(str(port), "PORT"))


@waiting
async def unknown_name(_: Stage) -> str:
    said = await said_by(resolve(Host("graph-usa.invalid", 443, is_encrypted=True)))
    # This part of the message depends on the operating system.
    return re.sub(r"(?<=invalid: )[^:]+", "NO SUCH NAME", said)


@waiting
async def secret_gone(stage: Stage) -> str:
    (stage.folder / "secret").write_text("hunter2")
    auth = {"client_id": "app", "client_secret_file": str(stage.folder / "secret")}

    class Gone(FakeApi):
        def transport(self) -> httpx.MockTransport:
            (stage.folder / "secret").unlink()  # the exporter has already loaded the configuration
            return super().transport()

    report = await checked(Gone(), tenant_with("license", auth=auth))
    failure = failure_of(report.collectors[0][1])
    return f"{failure.message}: {failure.hint}"


HELP = "(help: avepoint-exporter --help)"
ADDRESS = "check the network, proxy_url, and the URL (environment, data_center, base_url or token_url)"
NOT_OURS = (
    "the response is not from AvePoint; it may be a proxy's login page or a maintenance page;"
    " check proxy_url and the URL (environment, data_center or base_url)"
)
CHANGED = "the API may have changed; check whether a newer version of the exporter supports it"
READ_AGAIN = "replace the file; no restart is needed"
EXPIRE = "the secret may have expired"
CREATE = "create it, or correct the path"
TOKEN = f"no token for {PERMISSION}: "
CENTERS = "au, ca, ch, de, fr, gcp-au, gcp-jp, gcp-kr, gcp-us, gcp-we, jp, kr, ne, qa, sg, uae, uk, us, we, za"
LOCALHOST = ["--log.level", "error", "--web.listen-address"]
LONG_NAME = "a" * 300
INIT = ["init", "--type", "tenant", "--name", "contoso", "--data-center", "us", "--client-id", "app", "--no-check"]
AUTH = "accounts[0].auth"
EXCEPTION = "expectations.exceptions[0]"
NO_FLAG = "does not set any flag"
LINE = " (config.yaml:2)"
PLACE = " (config.yaml:1, account contoso)"

# An entry contains the name of an error, a function that causes the error, and the message as place^error^advice.
USER_ERRORS: Mapping[str, tuple[Provoke, str]] = {
    # The command line
    "unknown flag": (typed("--nonsense"), "no flag is named ^--nonsense ^" + HELP),
    "misspelt flag": (
        typed("--log.levle", "info"),
        f"no flag is named ^--log.levle; ^did you mean --log.level? {HELP}",
    ),
    "secret as a flag": (
        typed(*INIT, "--client-secret", "hunter2"),
        ("no flag is named --client-secret; ^no flag accepts a secret, ^so use --secret-env or --secret-from"
         " (help: avepoint-exporter init --help)"),
    ),
    "secret as a flag with an underscore": (
        typed(*INIT, "--client_secret=hunter2"),
        ("no flag is named --client_secret; ^no flag accepts a secret, ^so use --secret-env or --secret-from"
         " (help: avepoint-exporter init --help)"),
    ),
    "password as a flag of check": (
        typed("check", "--password", "hunter2"),
        ("no flag is named --password; ^no flag accepts a secret, ^so use client_secret_env in the configuration"
         " (help: avepoint-exporter check --help)"),
    ),
    "beginning of a flag": (
        typed(*INIT, "--cert", "app.pem"),
        ("no flag is named ^--cert; ^did you mean --certificate-file? (help: avepoint-exporter init --help)"),
    ),
    "short flag": (typed("-c", "x.yaml"), f"no flag is named ^-c; ^did you mean --config.file? {HELP}"),
    "port as a flag": (typed("--port", "1"), f"no flag is named ^--port; ^did you mean --web.listen-address? {HELP}"),
    "flag of no command": (
        typed("check", "--config.check"),
        ("no flag is named ^--config.check; ^use this flag with avepoint-exporter without a command"
         " (help: avepoint-exporter check --help)"),
    ),
    "flag of no command that is similar to another": (
        typed("init", "--once"),
        ("no flag is named ^--once; ^use this flag with avepoint-exporter without a command"
         " (help: avepoint-exporter init --help)"),
    ),
    "unknown command": (typed("chekc"), f"no command is named ^'chekc'; ^did you mean check? {HELP}"),
    "flag without value": (typed("--config.file"), "option '--config.file' ^requires an argument ^" + HELP),
    "log level": (
        typed("--log.level", "loud"),
        ("invalid value for '--log.level': ^'loud' is not one of ^'debug', 'info', 'warn', 'error'"
         " (help: avepoint-exporter --help)"),
    ),
    "once before a command": (typed("--once", "check"), "--once ^cannot be used with check ^" + HELP),
    "shard beyond the last": (
        typed("--config.check", "--shard", "3", "--total-shards", "3", config_yaml=FINE),
        "--shard: ^3 must be less than --total-shards, which is 3; ^the first shard is 0",
    ),
    "shard without a number": (
        typed("--config.check", "--shard", "pod", config_yaml=FINE),
        "--shard: ^'pod' is not an index; ^use an integer, or a name that ends in -INDEX",
    ),
    "shell": (
        typed("completion", "tcsh"),
        ("invalid value for '{bash|zsh|fish}': ^'tcsh' is not one of ^'bash', 'zsh', 'fish'"
         " (help: avepoint-exporter completion --help)"),
    ),
    "unknown account": (
        typed("check", "--account", "fabrikam", config_yaml=FINE),
        "--account: ^no account is named 'fabrikam'; ^configured: contoso",
    ),
    "init over a file": (
        typed(*INIT, "--secret-env", "HOME", config_yaml=FINE),
        "config.yaml: ^file exists; ^use --force to replace the file, or use another --config.file",
    ),
    "init over a secret": (
        typed(*INIT, "--secret-env", "HOME", contoso_secret="old"),
        "FOLDER/contoso.secret: ^file exists; ^use --force to replace the file, or use another --secret-file",
    ),
    "init over a folder": (
        typed(*INIT, "--secret-env", "HOME", "--force", "--config.file", "."),
        ".: ^is not a regular file; ^use another --config.file",
    ),
    "init with a name that is too long": (
        typed(*INIT, "--secret-env", "HOME", "--config.file", LONG_NAME),
        f"{LONG_NAME}: ^file name too long; ^use another --config.file",
    ),
    "init with a secret file whose name is too long": (
        typed(*INIT, "--secret-env", "HOME", "--force", "--secret-file", LONG_NAME),
        f"{LONG_NAME}: ^file name too long; ^use another --secret-file",
    ),
    "init without a secret": (
        typed(*INIT, "--secret-env", UNSET),
        f"--secret-env: ^the environment variable {UNSET} is missing or empty; ^set it, or use --secret-from",
    ),
    "init with an empty secret": (
        typed(*INIT, "--secret-from", "/dev/null"),
        "--secret-from: ^/dev/null is empty; ^write the secret to it",
    ),
    "init without a place": (
        typed(*INIT, "--secret-env", "HOME", "--config.file", "no/such.yaml"),
        ("FOLDER/no/contoso.secret: ^cannot write the file: no such file or directory; ^create the directory FOLDER/no,"
         " or use another --config.file"),
    ),
    # The listen address, the storage and the web configuration
    "port in use": (
        port_in_use,
        ("--web.listen-address: cannot listen on 127.0.0.1:PORT: ^address already in use; "
        "^stop the other process, or use another port"),
    ),
    "address without a port": (
        typed(*LOCALHOST, "localhost", config_yaml=FINE),
        "--web.listen-address: ^'localhost' is not HOST:PORT; ^add a port, such as localhost:10087",
    ),
    **{
        f"listen address {address}": (
            typed("--config.check", "--web.listen-address", address, config_yaml=FINE),
            f"--web.listen-address: ^'{address}' is not HOST:PORT; ^{advice}",
        )
        for address, advice in {
            "10087": "write :10087",
            ":abc": "write the port as a number, such as :10087",
            "http://localhost:10087": "remove http://",
            "": "add a port, such as :10087",
            "::1": "write an IPv6 address in square brackets, such as [::1]:10087",
        }.items()
    },
    "port too high": (
        typed(*LOCALHOST, ":70000", config_yaml=FINE),
        "--web.listen-address: ^':70000' has a port above 65535; ^use a lower port",
    ),
    "address that the check refuses": (
        typed("--config.check", "--web.listen-address", "localhost", config_yaml=FINE),
        "--web.listen-address: ^'localhost' is not HOST:PORT; ^add a port, such as localhost:10087",
    ),
    "address twice": (
        typed("--config.check", *("--web.listen-address", ":9766") * 2, config_yaml=FINE),
        "--web.listen-address: ^':9766' is a duplicate; ^remove one",
    ),
    "check and once": (
        typed("--config.check", "--once", config_yaml=FINE), "--config.check ^cannot be used with --once ^" + HELP,
    ),
    "storage in a file": (
        typed("--once", "--storage.path", "config.yaml", config_yaml=FINE),
        "--storage.path: ^config.yaml: is not a directory; ^use a directory to which the exporter can write",
    ),
    "storage in a folder whose name is too long": (
        typed("--config.check", "--storage.path", LONG_NAME, config_yaml=FINE),
        f"--storage.path: ^{LONG_NAME}: file name too long; ^use a directory to which the exporter can write",
    ),
    "a database that is not PostgreSQL": (
        typed("--once", "--storage.url", "mysql://db/exporter", config_yaml=FINE),
        "--storage.url: ^is not the URL of a PostgreSQL database; ^begin it with postgresql://",
    ),
    "a password that ps shows": (
        typed("--once", "--storage.url", "postgresql://me:hunter2@db/exporter", config_yaml=FINE),
        (
            "--storage.url: ^must not contain a password, because ps shows it; ^set PGPASSWORD,"
            " AVEPOINT_EXPORTER_STORAGE_URL or a .pgpass file"
        ),
    ),
    "a database URL with a wrong parameter": (
        typed("--once", "--storage.url", "postgresql://db/exporter?colour=red", config_yaml=FINE),
        "--storage.url: ^contains an unknown parameter; ^remove the parameter, or use one that libpq supports",
    ),
    "a database URL with a port that is a word": (
        typed("--config.check", "--storage.url", "postgresql://me@db:port/exporter", config_yaml=FINE),
        "--storage.url: ^the port has an invalid value; ^correct or remove it",
    ),
    "a database URL with a misspelled parameter": (
        typed("--config.check", "--storage.url", "postgresql://db/exporter?sslmdoe=require", config_yaml=FINE),
        "--storage.url: ^contains an unknown parameter; ^did you mean sslmode?",
    ),
    "a database URL with a misspelled value": (
        typed("--config.check", "--storage.url", "postgresql://db/exporter?sslmode=requird", config_yaml=FINE),
        "--storage.url: ^the parameter sslmode has an invalid value; ^correct or remove it",
    ),
    "a database URL without a host": (
        typed("--config.check", "--storage.url", "postgresql://me@:5432/exporter", config_yaml=FINE),
        "--storage.url: ^contains no host; ^use postgresql://USER@HOST:5432/DATABASE",
    ),
    "a database password that is not percent-encoded": (
        with_variable(
            "AVEPOINT_EXPORTER_STORAGE_URL",
            "postgresql://me:hunter2/@db/exporter",
            typed("--config.check", config_yaml=FINE),
        ),
        ("--storage.url: ^the host name or the database name is invalid; ^percent-encode special characters"
         " (@ is %40, / is %2F, : is %3A, % is %25, a space is %20)"),
    ),
    "an empty path, from a variable of the shell that is not set": (
        typed("--config.check", "--web.config.file", "", config_yaml=FINE),
        "invalid value for '--web.config.file': ^the path is empty; ^set it, or remove the flag " + HELP,
    ),
    "an empty database URL": (
        typed("--config.check", "--storage.url", "", config_yaml=FINE),
        "--storage.url: ^is not the URL of a PostgreSQL database; ^begin it with postgresql://",
    ),
    "storage in a file, for the check": (
        typed("--config.check", "--storage.path", "config.yaml", config_yaml=FINE),
        "--storage.path: ^config.yaml: is not a directory; ^use a directory to which the exporter can write",
    ),
    "number of shards without a shard": (
        typed("--config.check", "--total-shards", "3", config_yaml=FINE),
        "--shard: ^is missing; ^set the index of this shard, because --total-shards is set",
    ),
    "empty shard": (
        typed("--config.check", "--shard", "", "--total-shards", "3", config_yaml=FINE),
        "--shard: ^'' is not an index; ^use an integer, or a name that ends in -INDEX",
    ),
    "flag of another command": (
        typed("--storage.path", "state", "check", config_yaml=FINE),
        "--storage.path ^cannot be used with check ^" + HELP,
    ),
    "speed that is no number": (
        typed("demo", "--speed", "nan"),
        "invalid value for '--speed': ^nan is not a number ^(help: avepoint-exporter demo --help)",
    ),
    "two databases": (
        typed("--config.check", "--storage.url", "postgresql://db/exporter", "--storage.path", "x", config_yaml=FINE),
        "--storage.url: ^cannot be used with --storage.path; ^remove one of them",
    ),
    "no web configuration": (
        typed("--config.check", "--web.config.file", "web.yaml", config_yaml=FINE),
        f"--web.config.file: ^cannot read web.yaml: no such file or directory; ^{CREATE}",
    ),
    "web configuration that is no YAML": (
        web("a: ["),
        ("web.yaml: ^invalid YAML at line 1, column 5: expected the node content, but found '<stream end>'; "
         "^check this line and the previous line"),
    ),
    "unknown web key": (
        web("nonsense: 1"), ("nonsense: ^unknown key; "
        "^use tls_server_config, http_server_config, rate_limit, basic_auth_users (web.yaml:1)"),
    ),
    "no TLS certificate": (
        web("tls_server_config: {cert_file: a.crt, key_file: web.yaml}"),
        ("tls_server_config.cert_file: ^cannot read the file (looked in .): no such file or directory; "
         f"^{CREATE} (web.yaml:1)"),
    ),
    "TLS certificate that is none": (
        web("tls_server_config: {cert_file: web.yaml, key_file: web.yaml}"),
        ("tls_server_config.cert_file: ^contains no PEM certificates; ^use certificates in PEM format (web.yaml:1)"),
    ),
    "empty TLS certificate": (
        typed("--config.check", "--web.config.file", "web.yaml", config_yaml=FINE, a_crt=" ",
              web_yaml="tls_server_config: {cert_file: a.crt, key_file: web.yaml}"),
        "tls_server_config.cert_file: ^the file (looked in .) is empty; ^use a file that is not empty (web.yaml:1)",
    ),
    "TLS certificate with a short key": (
        served(bits=1024),
        ("tls_server_config.cert_file: ^the key of the certificate is too short; "
         "^issue a certificate with a longer key (web.yaml:2)"),
    ),
    "TLS certificate that has expired": (
        served(end=1_600_000_000),
        "warning: tls_server_config.cert_file: ^the certificate expired on 2020-09-13; ^replace the file (web.yaml:2)",
    ),
    "TLS key that is none": (
        served(key="config.yaml"),
        ("tls_server_config.key_file: ^the private key cannot be read; "
         "^use the private key of the certificate, in PEM format (web.yaml:3)"),
    ),
    "password hash that takes a day": (
        served(users=f"{{alice: $2b$31${'a' * 21}.{'a' * 31}}}"),
        ("warning: basic_auth_users.alice: ^with bcrypt cost 31, the first check of a password takes seconds; "
         "^use a lower cost (web.yaml:4)"),
    ),
    "burst without an interval": (
        web("rate_limit: {burst: 5}"),
        "rate_limit.interval: ^is missing; ^without it, burst has no effect (web.yaml:1)",
    ),
    "password in place of a hash": (
        web("basic_auth_users: {alice: hunter2}"),
        "basic_auth_users.alice: ^must be a bcrypt hash; ^create one with htpasswd -nBC 10 USER (web.yaml:1)",
    ),
    # The configuration (tests/config contains a file for each error)
    "no configuration": (
        typed("--config.check"),
        ("--config.file: ^cannot read config.yaml: no such file or directory; "
        f"^{CREATE} (`avepoint-exporter init` creates the file)"),
    ),
    "folder as a configuration": (
        typed("--config.check", "--config.file", "."),
        "--config.file: ^cannot read .: is a directory; ^use the path of a file",
    ),
    "broken YAML": (
        configured("accounts: [}"),
        ("config.yaml: ^invalid YAML at line 1, column 12: expected the node content, but found '}'; "
         "^check this line and the previous line"),
    ),
    **{
        f"secret {secret} without quotes": (
            configured(f"accounts:\n- auth:\n    client_secret: {secret}"),
            ("config.yaml: ^invalid YAML at line 3, column "
             f"{column}: a key or value begins with a special character; ^put it in quotes"),
        )
        for secret, column in {"@hunter2": 20, "%hunter2": 20, "!hunter2": 20, "|hunter2": 21, "=": 20}.items()
    },
    "secret *hunter2 without quotes": (
        configured("accounts:\n- auth:\n    client_secret: *hunter2"),
        ("config.yaml: ^invalid YAML at line 3, column 20: undefined alias; "
         "^define the anchor, or put the value in quotes"),
    ),
    **{
        f"secret {secret} that YAML does not read": (
            configured(f"{FINE.partition('hunter2')[0]}\n  {secret}\n  }}}}]"),
            f"{AUTH}.client_secret: ^must not be empty; ^if the value begins with # or &, put it in quotes{PLACE}",
        )
        for secret in ("#hunter2", "&hunter2")
    },
    "character that YAML cannot read": (
        configured("accounts:\n- name: con\x1btoso"),
        "config.yaml: ^invalid YAML at line 2, column 12: invalid character; ^remove the character",
    ),
    "tab": (
        configured("accounts:\n\t- name: x"),
        "config.yaml: ^invalid YAML at line 2, column 1: tab found; ^indent with spaces",
    ),
    "key twice": (
        configured("accounts: []\naccounts: []"),
        "config.yaml: ^invalid YAML at line 2, column 1: duplicate key accounts; ^remove one",
    ),
    "not a mapping": (
        configured("- name: contoso"),
        'config.yaml: ^must be a mapping with the key "accounts"; ^see config.example.yaml',
    ),
    "no accounts": (configured("accounts: []"), "accounts: ^must not be empty; ^add an item (config.yaml:1)"),
    "misspelled key": (
        account("databcenter: us"), "accounts[0].databcenter: ^unknown key; ^did you mean data_center?" + PLACE),
    "unknown key": (account("tls: {insecure: true}"), "accounts[0].tls.insecure: ^unknown key; ^use ca_file" + PLACE),
    "secret as a key": (
        account(auth="client_id: app, client_secret: x, 4hunter2: y"),
        f"{AUTH}: ^contains an unknown key, which is not shown because it may be a secret; ^check the keys{PLACE}",
    ),
    "no client id": (account(auth="client_secret: hunter2"), f"{AUTH}.client_id: ^is missing; ^add the key{PLACE}"),
    "no secret": (
        account(auth="client_id: app"),
        (f"{AUTH}: ^contains no credential; ^set one of client_secret, client_secret_file, client_secret_env or"
         f" certificate_file{PLACE}"),
    ),
    "two secrets": (
        account(auth="client_id: app, client_secret: hunter2, client_secret_env: HOME"),
        f"{AUTH}: ^contains client_secret and client_secret_env; ^keep only one{PLACE}",
    ),
    "secret that is a number": (
        account(auth="client_id: app, client_secret: 31415926"),
        f"{AUTH}.client_secret: ^must be a string; ^put the value in quotes{PLACE}",
    ),
    "secret file that is not there": (
        account(auth="client_id: app, client_secret_file: /no/such"),
        f"{AUTH}.client_secret_file: ^cannot read /no/such: no such file or directory; ^{CREATE}{PLACE}",
    ),
    "variable that is not set": (
        account(auth=f"client_id: app, client_secret_env: {UNSET}"),
        (f"{AUTH}.client_secret_env: ^the environment variable {UNSET} is not set or is empty; "
        f"^set it for the exporter process{PLACE}"),
    ),
    "unknown data center": (
        account("data_center: mars"),
        f"accounts[0].data_center: ^must be one of ^{CENTERS}; for another data center, set base_url{PLACE}",
    ),
    "account without a dash": (
        typed("--config.check", config_yaml=f"accounts: {FINE.removeprefix('accounts: [').removesuffix(']')}"),
        "accounts: ^must be a list; ^begin each item with a dash (config.yaml:1)",
    ),
    "collector that is false": (
        account("collectors: {jobs: false}"),
        ("accounts[0].collectors.jobs: ^must be a mapping of keys to values; "
        f"^to disable the collector, set enabled: false{PLACE}"),
    ),
    "misspelled choice": (
        account("api: moderne"),
        f"accounts[0].api: ^must be one of auto, modern, legacy; ^did you mean modern?{PLACE}",
    ),
    "misspelled workload": (
        warned(expecting("{workloads: [Exchnage Online], backup_age: 8d}")),
        (f"{EXCEPTION}.workloads[0]: ^no known workload has this name; ^did you mean Exchange Online?{LINE}"),
    ),
    "part of a workload's name": (
        warned(expecting("{workloads: [Teams, Exchange], backup_age: 8d}")),
        (f"{EXCEPTION}.workloads[1]: ^no known workload has this name; ^did you mean Exchange Online?{LINE}"),
    ),
    "workload that nobody knows": (
        warned(expecting("{workloads: [Quux], backup_age: 8d}")),
        f"{EXCEPTION}.workloads[0]: ^no known workload has this name; ^use a value of the label workload{LINE}",
    ),
    "exception for customers without a partner account": (
        warned(expecting("{customers: [c1], backup_age: 8d}")),
        f"{EXCEPTION}.customers: ^no account is a partner account; ^remove the exception{LINE}",
    ),
    "exception for customers of a tenant": (
        account("expectations: {exceptions: [{customers: [c1], backup_age: 8d}]}"),
        f"accounts[0].{EXCEPTION}.customers: ^not available for tenant accounts; ^remove the key{PLACE}",
    ),
    "misspelled problem": (
        configured(expecting("{workloads: [Teams], ignore: [backup_overdu]}")),
        (f"{EXCEPTION}.ignore[0]: ^must be one of {', '.join(get_args(ProblemName))}; "
         f"^did you mean backup_overdue?{LINE}"),
    ),
    "part of a product's name": (
        configured(expecting("{products: [google], ignore: [job_incomplete]}")),
        (f"{EXCEPTION}.products[0]: ^must be one of {', '.join(get_args(ProductName))}; "
         f"^did you mean Google Workspace?{LINE}"),
    ),
    "limit of a customer for a workload": (
        configured(expecting("{workloads: [Teams], storage_ratio: 0.5}")),
        (f"{EXCEPTION}.storage_ratio: ^applies to whole customers; "
         f"^move it to an exception without products and workloads{LINE}"),
    ),
    "problem of a customer for a product": (
        configured(expecting("{products: [Salesforce], ignore: [job_failed, storage_full]}")),
        (f"{EXCEPTION}.ignore[1]: ^applies to whole customers; "
         f"^move it to an exception without products and workloads{LINE}"),
    ),
    "limit of another product": (
        configured(expecting("{products: [Salesforce], retention: 30d}")),
        (f"{EXCEPTION}.retention: ^applies only to Microsoft 365; "
         f"^add Microsoft 365 to products, or remove this limit{LINE}"),
    ),
    "exception after a broader exception": (
        configured(expecting("{workloads: [Teams], backup_age: 8d}, {workloads: [teams], backup_age: 9d}")),
        ("expectations.exceptions[1]: ^never applies, because exceptions[0] matches first; "
         f"^change the order, or remove one{LINE}"),
    ),
    "exception that contradicts the other limits": (
        configured(expecting("{workloads: [Teams], idle_after: 60d}")),
        f"{EXCEPTION}: ^retired_after must be ^at least as long as idle_after{LINE}",
    ),
    "exception for a customer with a space": (
        configured(expecting("{customers: [c 1], backup_age: 8d}")),
        f"{EXCEPTION}.customers[0]: ^contains a space or an invisible character; ^copy the id again{LINE}",
    ),
    "customers that are included and excluded": (
        account("customers: {include: [c1, c2], exclude: [c2, c1, c3]}", kind="partner"),
        f"accounts[0].customers.exclude: ^contains all customers of `include`; ^remove some of these customers{PLACE}",
    ),
    "misspelled environment variable": (
        warned(FINE, AVEPOINT_EXPORTER_LOG_LEVLE="debug"),
        f"AVEPOINT_EXPORTER_LOG_LEVLE: ^{NO_FLAG}; ^did you mean AVEPOINT_EXPORTER_LOG_LEVEL?",
    ),
    "environment variable in lower case": (
        warned(FINE, avepoint_exporter_log_level="debug"),
        f"avepoint_exporter_log_level: ^{NO_FLAG}; ^did you mean AVEPOINT_EXPORTER_LOG_LEVEL?",
    ),
    "environment variable for a port": (
        warned(FINE, AVEPOINT_EXPORTER_PORT="9766"),
        f"AVEPOINT_EXPORTER_PORT: ^{NO_FLAG}; ^did you mean AVEPOINT_EXPORTER_REPORT?",
    ),
    "environment variable for a secret": (
        warned(FINE, AVEPOINT_EXPORTER_CLIENT_SECRET="hunter2"),
        f"AVEPOINT_EXPORTER_CLIENT_SECRET: ^{NO_FLAG}; ^if it contains the secret, set client_secret_env to its name",
    ),
    "data center and URL": (
        warned(FINE.replace("data_center: us", "data_center: us, base_url: 'https://api.example.com'")),
        "accounts[0].data_center: ^has no effect, because base_url is set; ^remove it" + PLACE,
    ),
    "environment and URLs": (
        warned(FINE.replace("data_center: us", "environment: aos2, base_url: 'https://a.test', token_url: 'https://b.test'")),
        "accounts[0].environment: ^has no effect, because base_url and token_url are set; ^remove it" + PLACE,
    ),
    "home directory": (
        account(auth="client_id: app, client_secret_file: ~/contoso.secret"),
        f"{AUTH}.client_secret_file: ^~ is not expanded; ^use an absolute path{PLACE}",
    ),
    "plain HTTP": (
        account("base_url: 'http://graph.example.com'"),
        "accounts[0].base_url: ^must begin with https://, ^because tokens are never sent unencrypted" + PLACE,
    ),
    "odd interval": (
        account("collectors: {jobs: {interval: 5 minutes}}"),
        "accounts[0].collectors.jobs.interval: ^must be a duration ^such as 30s, 5m, 1h or 7d" + PLACE,
    ),
    "too many at once": (
        account("requests: {concurrency: 1000}"), "accounts[0].requests.concurrency: ^must be ^at most 64" + PLACE,
    ),
    "collector of the other kind": (
        account("collectors: {customers: {}}"),
        "accounts[0].collectors.customers: ^not available for tenant accounts; ^remove the key" + PLACE,
    ),
    "integer with a leading zero": (
        account("collectors: {jobs: {page_size: 050}}"),
        "accounts[0].collectors.jobs.page_size: ^must be an integer ^without a leading zero" + PLACE,
    ),
    "id with a space": (
        account(auth="client_id: 0000-00 00, client_secret: hunter2"),
        f"{AUTH}.client_id: ^contains a space or an invisible character; ^copy the id again{PLACE}",
    ),
    "id with an invisible character": (
        account(auth='client_id: "0000\\u200b-00", client_secret: hunter2'),
        f"{AUTH}.client_id: ^contains a space or an invisible character; ^copy the id again{PLACE}",
    ),
    "id in two pairs of quotes": (
        account(auth="""client_id: '"0000-00"', client_secret: hunter2"""),
        f"{AUTH}.client_id: ^begins or ends with a quotation mark; ^remove the mark{PLACE}",
    ),
    "id that is a reference": (
        account(auth="client_id: '${CLIENT_ID}', client_secret: hunter2"),
        f"{AUTH}.client_id: ^is a variable reference, but variables are not expanded; ^enter the value{PLACE}",
    ),
    "secret that is a reference": (
        account(auth="client_id: app, client_secret: '${SECRET}'"),
        (f"{AUTH}.client_secret: ^is a variable reference, but variables are not expanded; ^enter the value, or use"
         f" client_secret_env{PLACE}"),
    ),
    "data center that is a reference": (
        account("data_center: '${CENTER}'"),
        f"accounts[0].data_center: ^is a variable reference, but variables are not expanded; ^enter the value{PLACE}",
    ),
    "URL that is a reference": (
        account("base_url: 'https://${HOST}/v1'"),
        (f"accounts[0].base_url: ^contains a variable reference, but variables are not expanded; "
         f"^enter the value{PLACE}"),
    ),
    "proxy with references": (
        account("proxy_url: 'http://${USER}:${PASSWORD}@proxy:3128'"),
        (f"accounts[0].proxy_url: ^contains a variable reference, but variables are not expanded; "
         f"^enter the value{PLACE}"),
    ),
    "customer that is a reference": (
        account("customers: {include: ['%CUSTOMER%']}", kind="partner"),
        (f"accounts[0].customers.include[0]: ^is a variable reference, but variables are not expanded; "
         f"^enter the value{PLACE}"),
    ),
    **{
        f"path with the reference {path}": (
            account(auth=f"client_id: app, client_secret_file: '{path}'"),
            (f"{AUTH}.client_secret_file: ^contains a variable reference, but variables are not expanded; "
             f"^use an absolute path{PLACE}"),
        )
        for path in ("${HOME}/secret", "$HOME/secret", "/etc/$APP/secret", r"%USERPROFILE%\secret", "{{ dir }}/secret")
    },
    "path with a NUL character": (
        account(auth='client_id: app, client_secret_file: "a\\0b"'),
        f"{AUTH}.client_secret_file: ^contains a NUL character; ^correct the path{PLACE}",
    ),
    "path of a flag with a home directory": (
        typed("--config.check", "--storage.path=~/state", config_yaml=FINE),
        "invalid value for '--storage.path': ^~ is not expanded; ^use an absolute path " + HELP,
    ),
    "path of a flag with a reference": (
        typed("--config.check", "--config.file=$HOME/c.yaml"),
        ("invalid value for '--config.file': ^contains a variable reference, but variables are not expanded; "
         "^use an absolute path " + HELP),
    ),
    "secret in typographic quotes": (
        account(auth="client_id: app, client_secret: “hunter2”"),
        f"{AUTH}.client_secret: ^begins or ends with a quotation mark; ^remove the mark{PLACE}",
    ),
    "secret that is a placeholder": (
        account(auth="client_id: app, client_secret: <hunter2>"),
        f"{AUTH}.client_secret: ^is a placeholder; ^enter the value{PLACE}",
    ),
    "id in typographic quotes": (
        account(auth="client_id: “app”, client_secret: hunter2"),
        f"{AUTH}.client_id: ^begins or ends with a quotation mark; ^remove the mark{PLACE}",
    ),
    "id that is a placeholder": (
        account(auth="client_id: <app-id>, client_secret: hunter2"),
        f"{AUTH}.client_id: ^is a placeholder; ^enter the value{PLACE}",
    ),
    "id that is a placeholder in braces": (
        account(auth="client_id: '{app-id}', client_secret: hunter2"),
        f"{AUTH}.client_id: ^is a placeholder; ^enter the value{PLACE}",
    ),
    "id with a dash that is not a hyphen": (
        account(auth="client_id: 0000\N{EN DASH}00, client_secret: hunter2"),
        f"{AUTH}.client_id: ^contains a dash that is not a hyphen; ^copy the id again{PLACE}",
    ),
    "id in place of the secret": (
        account(auth="client_id: hunter2, client_secret: HUNTER2"),
        f"{AUTH}.client_secret: ^is equal to client_id; ^use the secret of the app registration{PLACE}",
    ),
    "secret in two pairs of quotes": (
        account(auth="""client_id: app, client_secret: '"hunter2"'"""),
        f"{AUTH}.client_secret: ^begins and ends with a quotation mark; ^remove both marks{PLACE}",
    ),
    "private key in place of the secret": (
        account(auth="client_id: app, client_secret: '-----BEGIN PRIVATE KEY-----'"),
        f"{AUTH}.client_secret: ^is a certificate or key in PEM format; ^use certificate_file{PLACE}",
    ),
    "variable with its dollar sign": (
        account(auth="client_id: app, client_secret_env: $SECRET"),
        f"{AUTH}.client_secret_env: ^must be the name of an environment variable, ^without $, % or braces{PLACE}",
    ),
    "secret file in another encoding": (
        secret_file("hunté".encode("cp1252")),
        (f"{AUTH}.client_secret_file: FOLDER/secret: ^line 1 is not UTF-8; ^save the file as UTF-8"
         " (account contoso)"),
    ),
    "secret file with two lines": (
        secret_file(b"hunter2\nother"),
        (f"{AUTH}.client_secret_file: FOLDER/secret: ^has more than one line; ^keep only the line with the secret"
         " (account contoso)"),
    ),
    "secret file with a certificate": (
        secret_file(b"-----BEGIN CERTIFICATE-----\nhunter2"),
        (f"{AUTH}.client_secret_file: FOLDER/secret: ^is a certificate or key in PEM format; ^use certificate_file"
         " (account contoso)"),
    ),
    "empty secret file": (
        secret_file(b"\n"),
        f"{AUTH}.client_secret_file: FOLDER/secret: ^is empty; ^enter the secret (account contoso)",
    ),
    "configuration in another encoding": (
        written(b"accounts:\n  # f\xfcr alle"), "config.yaml: ^line 2 is not UTF-8; ^save the file as UTF-8",
    ),
    "proxy with a password that is not encoded": (
        account("proxy_url: 'http://user:hunter2/x@proxy:3128'"),
        ("accounts[0].proxy_url: ^must be an http:// or https:// URL; "
         "^percent-encode the password (@ is %40, / is %2F, : is %3A, # is %23, ? is %3F)" + PLACE),
    ),
    "proxy without a scheme": (
        account("proxy_url: 'proxy.example.com:3128'"),
        "accounts[0].proxy_url: ^must be ^an http:// or https:// URL" + PLACE,
    ),
    "name twice": (
        configured(
            FINE.replace("]", ", {name: contoso, type: partner, auth: {client_id: x, client_secret: hunter2}}]")
        ),
        "accounts[1].name: ^duplicate of accounts[0].name; ^use another name" + PLACE,
    ),
    "number of customers": (
        typed("demo", "--customers", "abc"),
        "invalid value for '--customers': ^'abc' is not an integer ^(help: avepoint-exporter demo --help)",
    ),
    "CA file without certificates": (
        account("tls: {ca_file: config.yaml}"),
        ("accounts[0].tls.ca_file: FOLDER/config.yaml: ^contains no PEM certificates; ^use certificates in PEM format"
         " (account contoso)"),
    ),
    "CA file with a damaged certificate": (
        ca_file(b"-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"),
        ("accounts[0].tls.ca_file: FOLDER/ca.pem: ^the certificate on line LINE is damaged; ^replace this certificate"
         " (account contoso)"),
    ),
    "CA file with an incomplete certificate": (
        ca_file(b"-----BEGIN CERTIFICATE-----\nhunter2\n"),
        ("accounts[0].tls.ca_file: FOLDER/ca.pem: ^the certificate on line LINE is damaged; ^replace this certificate"
         " (account contoso)"),
    ),
    "CA file of which a part is in UTF-16": (
        ca_file(b"# \xe9 " + "-----BEGIN CERTIFICATE-----\nhunter2".encode("utf-16")),
        ("accounts[0].tls.ca_file: FOLDER/ca.pem: ^line LINE is not UTF-8; ^save the file as UTF-8 (account contoso)"),
    ),
    "empty certificate": (
        certificate_file(b" "),
        f"{AUTH}.certificate_file: FOLDER/app.pem: ^is empty; ^{READ_AGAIN} (account contoso)",
    ),
    "password file in another encoding": (
        certificate_file(b"-----BEGIN", b"\xe9"),
        (f"{AUTH}.certificate_password_file: FOLDER/password: ^line 1 is not UTF-8; ^save the file as UTF-8; "
         f"{READ_AGAIN} (account contoso)"),
    ),
    "expired certificate": (
        expired_certificate,
        (f"{AUTH}.certificate_file: FOLDER/app.pem: ^the certificate expired on 2020-09-13; "
        f"^{READ_AGAIN} (account contoso)"),
    ),
    "certificate without its password": (
        locked_certificate,
        (f"{AUTH}.certificate_file: FOLDER/app.pem: ^needs a password; "
        "^set auth.certificate_password_file or auth.certificate_password_env to the password (account contoso)"),
    ),
    # AvePoint
    "host name": (
        unknown_name,
        ("graph-usa.invalid: ^NO SUCH NAME: "
        "^check the spelling of the host name (environment, data_center, base_url or token_url) and the DNS "
        "configuration"),
    ),
    "nobody there": (
        answered(httpx.ConnectError("Connection refused")), f"127.0.0.1:9: ^Connection refused: ^{ADDRESS}",
    ),
    "no answer": (answered(httpx.ReadTimeout("")), f"127.0.0.1:9: ^no response in time: ^{ADDRESS}"),
    "authority that nobody knows": (
        untrusted,
        ("127.0.0.1:PORT: ^[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer"
        " certificate: ^if a proxy or firewall inspects TLS, add its CA certificate to tls.ca_file;"
         " if not, check the URL"),
    ),
    "proxy that wants a password": (
        answered(httpx.ProxyError("407 Proxy Authentication Required")),
        ("127.0.0.1:9: ^407 Proxy Authentication Required: "
         "^check the URL, user name and password in proxy_url, or check HTTPS_PROXY and NO_PROXY;"
         " percent-encode special characters"),
    ),
    "proxy without TLS": (
        answered(httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032)")),
        ("127.0.0.1:9: ^[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1032): "
         "^the server or proxy does not use TLS; check the port, and begin the URL of the proxy with http://"),
    ),
    "wrong secret": (
        refused("invalid_client"),
        f"not tested: token: {TOKEN}^invalid_client: ^check auth.client_id and the secret or certificate; {EXPIRE}",
    ),
    "permission that was not granted": (
        refused("invalid_scope"),
        f"{TOKEN}^invalid_scope: ^the app was not granted this permission; add it in {ONLINE_SERVICES}",
    ),
    "app that is disabled": (
        refused("unauthorized_client"),
        (f"not tested: token: {TOKEN}^unauthorized_client: "
        "^check auth.client_id; the app registration may be disabled"),
    ),
    "token service that is another": (
        answered(lambda _: httpx.Response(404), TOKEN_PATH),
        f"not tested: token: {TOKEN}^HTTP 404: ^check environment or token_url",
    ),
    "token service that is a page": (
        answered(lambda _: httpx.Response(200, text="<html>"), TOKEN_PATH),
        "not tested: token: ^the token response is not a JSON object: ^check environment or token_url",
    ),
    "secret file that is gone": (
        secret_gone,
        ("not tested: token: cannot read FOLDER/secret: ^no such file or directory: "
        "^create it, or correct the path; no restart is needed"),
    ),
    "400": (answered(httpx.Response(400)), f"{LICENSE}: ^HTTP 400: AvePoint rejected a parameter; ^{CHANGED}"),
    "401": (
        answered(httpx.Response(401)),
        f"{LICENSE}: ^HTTP 401: ^AvePoint rejected a new token; check environment, data_center and base_url",
    ),
    "locations of a tenant that is not Multi-Geo": (
        locations_answered({"data": []}, payload("jobs-modern")),
        (f"{JOBS}: ^no jobs in the configured locations (NAM), but the tenant has other jobs: "
        "^remove locations, or list only geo locations that have jobs; the tenant might not use Multi-Geo"),
    ),
    "403 of a tenant": (
        answered(httpx.Response(403)),
        f"{LICENSE}: ^HTTP 403: ^the app lacks {PERMISSION}; add it in {ONLINE_SERVICES}",
    ),
    "403 of a partner": (
        customer_answered(httpx.Response(403)),
        f"{OVERVIEW}: ^HTTP 403: ^the app lacks elements.cbprotected.read.all; add it in {ELEMENTS}",
    ),
    "wrong data center, or not licensed": (
        answered(httpx.Response(404)),
        (f"{LICENSE}: ^HTTP 404: ^check that the app has {PERMISSION} in {ONLINE_SERVICES};"
        " then check the URL (data_center, base_url) and the license of the product"),
    ),
    "429": (
        answered(httpx.Response(429, headers={"retry-after": "1"})),
        (f"{LICENSE}: ^HTTP 429: ^the exporter retries; if the error persists, lower requests.per_second or lengthen"
        " the intervals"),
    ),
    "503 of an overloaded server": (
        answered(httpx.Response(503, headers={"retry-after": "1"})),
        (f"{LICENSE}: ^HTTP 503: ^the exporter retries; if the error persists, lower requests.per_second or lengthen"
        " the intervals"),
    ),
    "503 in an outage": (
        answered(httpx.Response(503)),
        f"{LICENSE}: ^HTTP 503: ^AvePoint may be unavailable; check its service status; the exporter retries",
    ),
    "500": (
        answered(httpx.Response(500)),
        f"{LICENSE}: ^HTTP 500: ^the exporter retries; if the error persists, contact AvePoint with the request id",
    ),
    "redirect": (
        answered(httpx.Response(302, headers={"location": "/login"})),
        (f"{LICENSE}: ^HTTP 302: redirects are not followed: "
        "^check the URL: environment, data_center or base_url"),
    ),
    "page in place of an answer": (
        answered(httpx.Response(200, text="<!DOCTYPE html>")),
        f"{LICENSE}: ^the response is not JSON; it begins with '<!DOCTYPE html>': ^{NOT_OURS}",
    ),
    "answer of another shape": (
        answered({"value": []}), f"{LICENSE}: ^the response contains none of the license fields: ^{CHANGED}",
    ),
    # HTTP endpoints of the exporter
    "probe of nobody": (
        asked("GET", "/probe?account=fabrikam"),
        "/probe: ^unknown account; ^set account=NAME to the name of a configured account",
    ),
    "reload that is off": (
        asked("POST", "/-/reload"), "reload ^is disabled; ^start the exporter with --web.enable-lifecycle"),
    "reload of a bad file": (
        asked("POST", "/-/reload", reload="accounts: is missing; add the key"),
        "configuration not reloaded; the old configuration is kept: accounts: ^is missing; ^add the key",
    ),
}  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stage:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(UNSET, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return Stage(tmp_path, lambda: capsys.readouterr().err, monkeypatch.setenv)


def test_the_table_is_long_enough() -> None:
    assert len(USER_ERRORS) >= 70


@pytest.mark.parametrize("name", USER_ERRORS)
def test_the_message_has_place_error_and_advice(name: str, stage: Stage) -> None:
    provoke, message = USER_ERRORS[name]
    said = provoke(stage).replace(str(stage.folder), "FOLDER")
    where, what, what_to_do = message.split("^")
    assert said == where + what + what_to_do
    assert all((where, what, what_to_do))
    assert said.isprintable()
    assert not any(secret in said for secret in SECRETS)
