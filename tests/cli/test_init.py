"""`avepoint-exporter init` reads flags or answers, and writes a valid configuration and a protected secret."""

import os
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from avepoint_simulator.application import Simulator
from avepoint_simulator.server import SimulatorServer
from avepoint_simulator.tokens import AppCredentials
from exporter.cli import command, run
from exporter.cli.questions import Questions, Settings
from exporter.collectors.registry import COLLECTORS, catalogue
from exporter.config.clouds import DATA_CENTERS, ENVIRONMENTS
from exporter.config.load import load_config, parse_config
from exporter.config.schema import Config
from exporter.config.template import ConfigFiles, answer_error, config_text
from exporter.errors import ConfigError
from tests.avepoint.test_certificate import identity
from tests.cli.support import TENANT
from tests.e2e.processes import on_a_terminal
from tests.programs import program

SECRET = "hunter2"
APP = AppCredentials()
TENANT_FLAGS = ["--type", "tenant", "--name", "contoso", "--data-center", "us", "--client-id", "app"]
PARTNER_FLAGS = ["--type", "partner", "--name", "msp", "--client-id", "app"]
REQUIRED = "required, because standard input is not a terminal"
MISSING = "no such file or directory; create it, or correct the path"
NOWHERE = "FOLDER/no/such/msp.secret: cannot write the file: no such file or directory"
FROM = ["--secret-env", "THE_SECRET"]


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("THE_SECRET", SECRET)
    with Path("/dev/null").open(encoding="utf-8") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        yield


def files(folder: str = ".") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def written() -> Config:
    return load_config(Path("config.yaml"), catalogue())


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def write_certificate(path: Path, password: str, days: int = 1) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - slow to load

    now = time.time()
    own = identity(rsa.generate_private_key(65537, 2048), start=now - 10 * 86_400, end=now + days * 86_400)
    path.write_bytes(own.pem(password.encode() or None))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_tenant_by_flags(umask: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = os.umask(umask)
    try:
        assert run(["init", *TENANT_FLAGS, *FROM, "--no-check"]) == 0
    finally:
        os.umask(before)
    (account,) = written().accounts
    assert (account.name, account.type, account.data_center, account.auth.client_id) == (
        "contoso",
        "tenant",
        "us",
        "app",
    )
    assert account.auth.client_secret_file == Path("contoso.secret").absolute()
    assert Path("contoso.secret").read_text() == f"{SECRET}\n"
    assert mode("contoso.secret") == 0o600
    assert SECRET not in Path("config.yaml").read_text()
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err
    assert "Wrote config.yaml and contoso.secret (mode 0600).\n" in shown.out
    assert run(["--config.check"]) == 0


def test_a_secret_from_a_file() -> None:
    Path("here").write_text(f"\ufeff {SECRET}\r\n")
    assert run(["init", *PARTNER_FLAGS, "--secret-from", "here", "--secret-file", "there", "--no-check"]) == 0
    assert Path("there").read_text() == f"{SECRET}\n"
    assert written().accounts[0].auth.client_secret_file == Path("there").absolute()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_secret_from_standard_input(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exporter", "init", *PARTNER_FLAGS, "--secret-from", "-", "--no-check"],
        input=f"{SECRET}\r\n".encode(encoding), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("msp.secret").read_bytes() == f"{SECRET}\n".encode()


ODD_TEXTS = (b"a\nb", b"'a'", b"${A}", b"<secret>", b"APP", b"-----BEGIN KEY")
ODD_BYTES = (b"\xe9", b"a\0b", "“a”".encode())  # an environment variable cannot contain all of these bytes


@pytest.mark.parametrize(
    ("secret", "is_variable"),
    [
        *((text, is_variable) for text in ODD_TEXTS for is_variable in (False, True)),
        *((odd, False) for odd in ODD_BYTES),
    ],
)
def test_the_check_and_init_refuse_a_secret_in_the_same_words(
    secret: bytes, is_variable: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd").write_bytes(secret)
    monkeypatch.setenv("ODD", secret.decode() if is_variable else "")
    source, key = (
        ("--secret-env=ODD", "client_secret_env") if is_variable else ("--secret-from=odd", "client_secret_file")
    )
    assert run(["init", *PARTNER_FLAGS, source, "--no-check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert files() == ["odd"]
    auth = f"{{client_id: app, {key}: {'ODD' if is_variable else 'odd'}}}"
    Path("config.yaml").write_text(f"accounts: [{{name: a, type: partner, auth: {auth}}}]")
    Path("odd").chmod(0o600)
    assert run(["--config.check"]) == 1
    (checked,) = capsys.readouterr().err.splitlines()
    plain = checked.removesuffix(" (account a)").replace(f"{Path.cwd()}/", "")
    assert plain.partition(f"{key}: ")[2] == line.partition(f"{source.partition('=')[0]}: ")[2]


def test_a_question_for_the_secret_is_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = {"type": "partner", "name": "a", "client_id": "app", "environment": "commercial"}
    person = Person(("Credential", ""), ("hidden", "app"), ("hidden", SECRET))
    assert questions(person, tmp_path, **flags).secret == SECRET
    assert "Error: the answer: is equal to client_id; use the secret" in capsys.readouterr().out


@pytest.mark.parametrize("password", ["", "correct horse"])
def test_a_certificate(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificate(Path("app.pem"), password)
    monkeypatch.setenv("THE_SECRET", password)
    source = FROM if password else []
    assert run(["init", *TENANT_FLAGS, "--certificate-file", "app.pem", *source, "--no-check"]) == 0
    auth = written().accounts[0].auth
    assert auth.certificate_file == Path("app.pem").absolute()
    assert (auth.certificate_password_file is not None) == bool(password)
    assert Path("contoso.secret").exists() == bool(password)
    assert run(["--config.check"]) == 0


@pytest.mark.parametrize(
    ("password", "days", "message"),
    [
        ("correct horse", -1, "the certificate expired on "),
        ("wrong", 1, "the password is wrong; pass its password with --secret-env or --secret-from"),
        (None, 1, "needs a password; pass its password with --secret-env or --secret-from"),
    ],
)
def test_an_unusable_certificate_is_refused(
    password: str | None, days: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_certificate(Path("app.pem"), "correct horse", days)
    monkeypatch.setenv("THE_SECRET", password or "")
    source = FROM if password else []
    assert run(["init", *TENANT_FLAGS, "--certificate-file", "app.pem", *source, "--no-check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--certificate-file: app.pem: {message}" in line
    assert files() == ["app.pem"]


def test_paths_are_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert run(["init", *PARTNER_FLAGS, *FROM, "--config.file", "etc/avepoint.yaml", "--no-check"]) == 0
    text = (tmp_path / "etc" / "avepoint.yaml").read_text()
    assert 'client_secret_file: "msp.secret"' in text
    assert mode("etc/msp.secret") == 0o600
    assert run(["--config.check", "--config.file", "etc/avepoint.yaml"]) == 0


def test_it_tests_the_new_account(
    avepoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["--base-url", avepoint, "--token-url", f"{avepoint}/connect/token"]
    flags = ["--type", "tenant", "--name", "contoso", "--client-id", APP.client_id, *place, *FROM]
    assert run(["init", *flags, "--config.file", "wrong.yaml"]) == 2
    shown = capsys.readouterr().out
    assert "invalid_client" in shown
    assert shown.endswith("Fix the errors, then run: avepoint-exporter check --config.file wrong.yaml\n")
    monkeypatch.setenv("THE_SECRET", APP.client_secret)
    monkeypatch.setenv("AVEPOINT_EXPORTER_SHARD", "avepoint-exporter-3")  # no account belongs to this shard
    monkeypatch.setenv("AVEPOINT_EXPORTER_TOTAL_SHARDS", "1000")
    assert run(["init", *flags, "--config.file", "right.yaml", "--secret-file", "right.secret"]) == 0
    shown = capsys.readouterr().out
    assert "collectors work." in shown
    assert shown.endswith("To serve metrics, run: avepoint-exporter --config.file right.yaml\n")
    assert APP.client_secret not in shown


def test_it_tests_three_customers_of_a_partner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_SECRET", APP.client_secret)
    flags = ["--type", "partner", "--client-id", APP.client_id, *FROM]
    with SimulatorServer(Simulator(customers=5, now=time.time)) as server:
        assert run(["init", *flags, "--base-url", server.url, "--token-url", f"{server.url}/connect/token"]) == 0
    assert "The check read only 3 customers." in capsys.readouterr().out
    assert written().accounts[0].name == "partner"


@pytest.mark.parametrize(("ignored", "is_warned"), [("*.secret", False), ("*.txt", True), (None, False)])
def test_a_warning_if_git_would_add_the_secret(
    ignored: str | None, is_warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if ignored is not None:
        subprocess.run([program("git"), "init", "--quiet"], check=True, capture_output=True)
        Path(".gitignore").write_text(f"{ignored}\n")
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check"]) == 0
    shown = capsys.readouterr().err
    assert ("git does not ignore" in shown) is is_warned
    assert ("contoso.secret; to avoid committing the secret, add" in shown) is is_warned


def test_the_checkout_ignores_secrets_keys_and_environments() -> None:
    names = ["config.yaml", "contoso.secret", "app.pem", "app.pfx", "app.P12", "app.p8", "app.jks", "tls.key", "id_rsa"]
    names += [".env", ".env.local", ".envrc", "env/x", ".venv", "secrets/contoso", "app.password", "state/state.sqlite"]
    done = subprocess.run(
        [program("git"), "check-ignore", *names], cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode > 1:
        pytest.skip("the test needs a Git checkout")
    assert done.stdout.split() == names


@pytest.mark.parametrize("arguments", [[], [*PARTNER_FLAGS, "--secret-from", "-"]])
def test_closed_standard_input_is_one_line_per_setting(arguments: list[str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" "$@" <&-', sys.executable, "-m", "exporter", "init", *arguments, "--no-check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert all(line.startswith("avepoint-exporter: --") for line in done.stderr.splitlines())
    assert "standard input is" in done.stderr
    assert files() == []


def test_end_of_input_at_a_question_writes_nothing() -> None:
    code, seen = conversation([("Account type", "tenant"), ("account label", "\x04")], "--no-check")
    assert code == 1
    assert "init: canceled; no file was written" in seen
    assert files() == []


def test_existing_files_are_kept_without_force(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avepoint-exporter: config.yaml: file exists; ")
    assert config.read_text() == TENANT
    config.unlink()
    Path("contoso.secret").write_text("old")
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check"]) == 1
    assert (
        "contoso.secret: file exists; use --force to replace the file, or use another --secret-file"
        in capsys.readouterr().err
    )
    assert not config.exists()
    assert Path("contoso.secret").read_text() == "old"
    Path("contoso.secret").chmod(0o644)
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check", "--force"]) == 0
    assert mode("contoso.secret") == 0o600
    assert Path("contoso.secret").read_text() == f"{SECRET}\n"
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check", "--force"]) == 0
    assert files() == ["config.yaml", "contoso.secret"]


def test_a_symbolic_link_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("contoso.secret").symlink_to(tmp_path / "elsewhere")
    assert run(["init", *TENANT_FLAGS, *FROM, "--no-check"]) == 1
    assert "contoso.secret: file exists" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
    assert not Path("config.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ([], [f"{flag}: {REQUIRED}" for flag in ("--type", "--name", "--client-id", "--secret-env or --secret-from")]),
        ([*TENANT_FLAGS, "--secret-env", "UNSET"],
         ["--secret-env: the environment variable UNSET is missing or empty; set it, or use --secret-from"]),
        ([*TENANT_FLAGS, "--secret-from", "absent"],
         ["--secret-from: cannot read absent: no such file or directory; correct the path"]),
        ([*TENANT_FLAGS, "--secret-from", "/dev/null"],
         ["--secret-from: /dev/null is empty; write the secret to it"]),
        ([*TENANT_FLAGS, "--secret-from", "-"],
         ["--secret-from: standard input is empty; pipe the secret to the command"]),
        ([*TENANT_FLAGS, "--secret-from", "binary"],
         ["--secret-from: binary: line 1 is not UTF-8; save the file as UTF-8"]),
        ([*TENANT_FLAGS, "--certificate-file", "binary"],
         ["--certificate-file: binary: the format is not PEM or PFX; replace the file"]),
        ([*TENANT_FLAGS, *FROM, "--secret-from", "x"],
         ["--secret-env: cannot be combined with --secret-from; remove one of them"]),
        ([*TENANT_FLAGS, "--certificate-file", "absent.pem"],
         [f"--certificate-file: cannot read the file (looked in FOLDER): {MISSING}"]),
        ([*PARTNER_FLAGS, *FROM, "--data-center", "us"],
         ["--data-center: not available for partner accounts; remove the flag"]),
        ([*PARTNER_FLAGS, *FROM, "--base-url", "http://graph.example.com"],
         ["--base-url: must begin with https://, because tokens are never sent unencrypted"]),
        (["--type", "tenant", "--name", "no good", "--client-id", "app", "--data-center", "mars", *FROM],
         ["--name: must be 1 to 63 letters, digits, dots, dashes or underscores, and begin with a letter or digit",
          "--data-center: must be one of CENTERS; for another data center, set base_url"]),
        ([*PARTNER_FLAGS, *FROM, "--config.file", "no/such/config.yaml"],
         [f"{NOWHERE}; create the directory FOLDER/no/such, or use another --config.file"]),
    ],
)  # fmt: skip
def test_all_errors_are_reported_at_once_and_no_file_is_written(
    arguments: list[str], lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert run(["init", *arguments, "--no-check"]) == 1
    shown = capsys.readouterr().err
    plain = re.sub(r"one of au, [a-z, -]*za", "one of CENTERS", shown.replace(str(tmp_path), "FOLDER"))
    assert [line.removeprefix("avepoint-exporter: ") for line in plain.splitlines()] == lines
    assert files() == ["binary"]
    assert SECRET not in shown


def test_no_secret_file_stays_if_the_configuration_cannot_be_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("read-only.yaml").mkdir()
    files = ConfigFiles(Path("read-only.yaml"), Path("kept"), catalogue())
    answers = {"type": "partner", "name": "msp", "client_id": "app", "client_secret_file": "kept"}
    with pytest.raises(ConfigError, match=r"read-only\.yaml: cannot write the file"):
        files.write(answers, SECRET, force=True)
    assert not Path("kept").exists()
    assert capsys.readouterr().out == ""


def uncommented(text: str) -> str:
    """Uncomment the defaults in a configuration, and return the result."""
    return re.sub(r"(?m)^    # (?!proxy_url)", "    ", text)


@pytest.mark.parametrize("kind", ["tenant", "partner"])
def test_commented_lines_show_the_defaults(kind: str, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text(SECRET)
    answers = {"type": kind, "name": "a", "client_id": "31415926", "client_secret_file": "kept"}
    answers |= {"data_center": "us"} if kind == "tenant" else {}
    text = config_text(answers, catalogue())
    plain, said = (parse_config(one, catalogue(), source="x", directory=tmp_path) for one in (text, uncommented(text)))
    assert plain == said
    assert set(plain.accounts[0].collectors) == {one.name for one in COLLECTORS if one.account_type == kind}
    assert all(len(line) <= 80 for line in text.splitlines())
    assert all("#" in line for line in text.splitlines() if line.strip() and not line.rstrip().endswith(":"))


@pytest.mark.parametrize("value", ["no", "null", "~", "1e3", "0x1", "2020-01-01", 'a"b', "a:b", "#x", "ü", "a\\b"])
def test_every_id_is_written_as_a_string(value: str, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text(SECRET)
    answers = {"type": "partner", "name": "a", "client_id": value, "client_secret_file": "kept"}
    assert answer_error("client_id", answers, tmp_path, catalogue()) == ""
    config = parse_config(config_text(answers, catalogue()), catalogue(), source="x", directory=tmp_path)
    assert config.accounts[0].auth.client_id == value


def conversation(answers: list[tuple[str, str]], *arguments: str) -> tuple[int, str]:
    """Answer the prompts of a real process on a terminal, and return its exit code and output."""
    command = [sys.executable, "-m", "exporter", "init", *arguments]
    environment = {**os.environ, "TERM": "dumb"}
    seen, deadline = "", time.monotonic() + 60
    waiting: list[tuple[str, str]] = [*answers]
    told = 0
    with on_a_terminal(command, start_new_session=True, env=environment) as (process, ours):
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            seen += piece.decode()
            if waiting and waiting[0][0] in seen[told:]:
                told = len(seen)
                os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
        if time.monotonic() >= deadline:
            process.kill()
        code = process.wait()
    assert not waiting, (waiting, seen)
    return code, seen


class Person:
    """Answers prompts from a list. If an answer is invalid, the next answer is for the same prompt."""

    def __init__(self, *answers: tuple[str, str]) -> None:
        self.answers = list(answers)
        self.told: list[str] = []

    def __call__(self, question: str, **about: Any) -> str:
        while True:
            expected, answer = self.answers.pop(0)
            assert expected in question
            if about.get("default") is not None and answer == "":
                answer = about["default"]
            check = about.get("value_proc") or (lambda value: value)
            try:
                return str(check(answer))
            except click.BadParameter as error:
                self.told.append(error.message)


def questions(person: Person, folder: Path, **flags: Any) -> Settings:
    every = {parameter.name: None for parameter in command.commands["init"].params}
    return Questions(every | flags, folder, person, is_terminal=True).settings()


def test_a_question_is_repeated_after_a_wrong_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = Person(
        ("type", "tennant"), ("type", "tenant"), ("label", "no good"), ("label", "contoso"), ("Cloud", ""),
        ("Data center", "mars"), ("Data center", "uk"), ("Client ID", "app"), ("Credential", ""), ("hidden", SECRET),
    )  # fmt: skip
    found = questions(person, tmp_path)
    assert [told.partition(",")[0] for told in person.told] == [
        "'tennant' is not one of 'tenant'", "must be 1 to 63 letters", "must be one of au",
    ]  # fmt: skip
    assert found.answers == {
        "type": "tenant", "name": "contoso", "environment": "commercial", "data_center": "uk", "client_id": "app",
        "client_secret_file": "contoso.secret",
    }  # fmt: skip
    assert (found.secret, found.secret_file) == (SECRET, tmp_path / "contoso.secret")
    assert SECRET not in repr(found)
    shown = capsys.readouterr().out
    assert "microsoft365backup.jobInfo.read.all  (jobs)" in shown
    assert shown.count("microsoft365backup.settings.read.all") == 1


def test_an_empty_answer_is_the_default_or_an_error(tmp_path: Path) -> None:
    person = Person(
        ("type", ""), ("type", "partner"), ("label", ""), ("Cloud", ""), ("Client ID", ""), ("Client ID", "app"),
        ("Credential", ""), ("hidden", SECRET),
    )  # fmt: skip
    found = questions(person, tmp_path)
    assert found.answers["name"] == "partner"
    assert [told.partition(",")[0] for told in person.told] == ["'' is not one of 'tenant'", "must not be empty"]


def test_flags_replace_questions(tmp_path: Path) -> None:
    write_certificate(tmp_path / "app.pem", "correct horse")
    person = Person(
        ("Cloud", "aos2"), ("Credential", "certificate"), ("Path", str(tmp_path / "app.pem")), ("Password", ""),
        ("Password", "wrong"), ("Password", "correct horse"),
    )  # fmt: skip
    found = questions(person, tmp_path, type="tenant", name="contoso", client_id="app")
    assert found.answers["certificate_file"] == "app.pem"
    assert (found.secret, found.secret_file) == ("correct horse", tmp_path / "contoso.secret")
    assert "data_center" not in found.answers


@pytest.mark.parametrize("kind", ["tenant", "partner"])
def test_urls_replace_the_environment_and_the_data_center(kind: str, tmp_path: Path) -> None:
    place = {"base_url": "https://graph.example.com", "token_url": "https://identity.example.com/connect/token"}
    flags = {"type": kind, "name": "a", "client_id": "app", "secret_env": "THE_SECRET"}
    found = questions(Person(), tmp_path, **flags, **place)
    assert found.answers.items() >= place.items()
    assert not {"environment", "data_center"} & set(found.answers)
    found = questions(Person(), tmp_path, **flags, **place, environment="aos2")
    assert found.answers["environment"] == "aos2"
    for key, address in place.items():
        center = [("Data center", "us")] if kind == "tenant" and key == "token_url" else []
        found = questions(Person(("Cloud", ""), *center), tmp_path, **flags, **{key: address})
        assert found.answers["environment"] == "commercial"


def test_questions_explain_clouds_and_data_centers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = {"type": "tenant", "name": "a", "client_id": "app", "secret_env": "THE_SECRET"}
    questions(Person(("Cloud", ""), ("Data center", "mars"), ("Data center", "us")), tmp_path, **flags)
    told = capsys.readouterr().out
    assert all(len(line) <= 80 for line in told.splitlines())
    commercial = DATA_CENTERS - {one.data_center for one in ENVIRONMENTS.values()}
    assert commercial <= set(re.findall(r"[a-z-]+", told))
    assert told.count("signed up for AvePoint.") == told.count("several clouds") == 1


def test_the_questions_of_a_tenant() -> None:
    code, seen = conversation(
        [("Account type (tenant, partner)", "tennant"), ("is not one of", "tenant"), ("account label", "no good"),
         ("must be 1 to 63 letters", "contoso"), ("[commercial]", ""), ("Data center", "mars"),
         ("must be one of", "uk"), ("Client ID", "app"), ("Credential", ""), ("hidden", SECRET)],
        "--no-check",
    )  # fmt: skip
    assert code == 0, seen
    assert "microsoft365backup.jobInfo.read.all  (jobs)" in seen
    assert "AvePoint Online Services > Administration > App registrations" in seen
    assert SECRET not in seen
    assert "To test it, run: avepoint-exporter check --config.file config.yaml" in seen
    (account,) = written().accounts
    assert (account.name, account.data_center) == ("contoso", "uk")
    assert Path("contoso.secret").read_text() == f"{SECRET}\n"


def test_the_questions_of_a_partner_with_a_certificate(tmp_path: Path) -> None:
    write_certificate(tmp_path / "app.pem", "")
    code, seen = conversation(
        [("Account type", "partner"), ("account label", "msp"), ("Cloud", "us-gov"), ("Client ID", "app"),
         ("Credential", "certificate"), ("Path of the certificate", "app.pem"), ("Password", "")],
        "--no-check",
    )  # fmt: skip
    assert code == 0, seen
    auth: Any = written().accounts[0].auth
    assert auth.certificate_file == tmp_path / "app.pem"
    assert auth.certificate_password_file is None
    assert not list(tmp_path.glob("*.secret"))
