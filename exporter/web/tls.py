"""Turn the web configuration into an `ssl.SSLContext`, and keep both up to date with the files.

Every new connection asks for the context in force, so that a new certificate needs no restart and breaks no
connection that is open. A context is never changed once it is made: half-changed ones cannot be seen.
"""

import contextlib
import ipaddress
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.config.web_load import load_web_config, warn_of_slow_hashes
from exporter.config.web_schema import TlsServerConfig, WebConfig
from exporter.errors import ConfigError, why_unreadable

log = logging.getLogger("exporter.web")

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERIFY = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}
# Forward secrecy and authenticated encryption only, which every Prometheus since 2016 offers.
_DEFAULT_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_Stamps = dict[Path, tuple[int, int, int] | None]


@dataclass(frozen=True, slots=True)
class Protection:
    """What is in force: the file as types, and the TLS context made from it (None: plain HTTP)."""

    config: WebConfig
    context: ssl.SSLContext | None
    users: Mapping[bytes, bytes]


def load_protection(path: Path | None) -> Protection:
    """Read the file and everything it names; raise ConfigError with one line for every mistake."""
    return _protect(load_web_config(path) if path else WebConfig())


def _protect(config: WebConfig) -> Protection:
    tls = config.tls_server_config
    return Protection(config, build_context(tls) if tls.enabled else None, config.users)


def build_context(tls: TlsServerConfig) -> ssl.SSLContext:
    """Make a server's context; raise ConfigError if certificate, key or client CA cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.set_ciphers(tls.openssl_ciphers or _DEFAULT_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    _load_identity(context, tls)
    _load_client_ca(context, tls)
    return context


def _load_identity(context: ssl.SSLContext, tls: TlsServerConfig) -> None:
    key = tls.key.get_secret_value() if tls.key else ""
    field = "cert_file" if tls.cert_file else "cert"
    try:
        with _as_file(tls.cert or "") as cert_text, _as_file(key) as key_text:
            context.load_cert_chain(tls.cert_file or cert_text, tls.key_file or key_text, _refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _mistake(
                "key_file" if tls.key_file else "key", f"does not belong to {field}; name the key that it was made with"
            ) from None
        raise _mistake(field, "certificate and key cannot be used as PEM; name files that openssl can read") from None
    except OSError as error:
        raise _mistake(field, f"cannot read the file: {why_unreadable(error)}") from None


def _load_client_ca(context: ssl.SSLContext, tls: TlsServerConfig) -> None:
    context.verify_mode = _VERIFY.get(tls.client_auth_type, ssl.CERT_NONE)
    if context.verify_mode == ssl.CERT_NONE:
        return
    # As in Go, whatever is in the pool is an anchor, also an intermediate or a client's own certificate.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    field = "client_ca_file" if tls.client_ca_file else "client_ca"
    try:
        text = tls.client_ca_file.read_text("ascii") if tls.client_ca_file else tls.client_ca
        context.load_verify_locations(cadata=text)
    except (ValueError, ssl.SSLError):
        raise _mistake(field, "holds no certificate in PEM; name a file that does") from None
    except OSError as error:
        raise _mistake(field, f"cannot read the file: {why_unreadable(error)}") from None


def _mistake(field: str, text: str) -> ConfigError:
    return ConfigError([f"tls_server_config.{field}: {text}"])


def _refuse_passphrase() -> str:
    # Without this, OpenSSL would ask for it on the terminal and wait for ever.
    raise _mistake("key_file", "is encrypted; there is nobody to ask for its passphrase: store it without one")


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    # OpenSSL's loader takes files only. Memory where the system has it: the key never touches a disk, and a
    # read-only container works.
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("web-config")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pem")
            path.write_text(text, "utf-8")
            yield str(path)


def is_allowed(certificate: Mapping[str, object] | None, allowed: tuple[str, ...]) -> bool:
    """Tell whether one of a verified certificate's alternative names is listed; an empty list allows all."""
    names = certificate.get("subjectAltName") if certificate else None
    if not allowed:
        return True
    if not isinstance(names, tuple):
        return False
    return not {_canonical(name) for _, name in names}.isdisjoint(map(_canonical, allowed))


def _canonical(name: str) -> str:
    # OpenSSL writes an IPv6 address at full length, Go as short as it can.
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


class LiveProtection:
    """The protection in force: read again, at most once in `interval` seconds, when a file has changed."""

    def __init__(self, path: Path | None, *, clock: Callable[[], float], interval: float = 1.0) -> None:
        self._path = path
        self._clock = clock
        self._interval = interval
        self._mistake = ""
        self._seen: _Stamps = {}
        self._current = self._read()
        warn_of_slow_hashes(self._current.config)
        self._checked = clock()

    def current(self) -> Protection:
        """Give what is in force now; a new file that is wrong leaves the old in force and is logged once."""
        now = self._clock()
        if self._path and now - self._checked >= self._interval:
            self._checked = now
            if not self._seen or self._seen != _stamps(self._seen):
                self._reload()
        return self._current

    def _reload(self) -> None:
        try:
            fresh = self._read()
            _refuse_weaker(self._current.config, fresh.config)
        except ConfigError as error:
            # Nothing seen: it is read again at each check, since the mistake may be in a file not known yet.
            self._seen = {}
            if str(error) != self._mistake:
                log.error("%s has changed and is wrong, the old one stays in force: %s", self._path, error)
            self._mistake = str(error)
            return
        self._current = fresh
        self._mistake = ""
        warn_of_slow_hashes(fresh.config)
        log.info("%s or a file that it names has changed and is in force", self._path)

    def _read(self) -> Protection:
        if self._path is None:
            return load_protection(None)
        # Stamped before reading: what changes in between is seen at the next check.
        seen = _stamps([self._path])
        config = load_web_config(self._path)
        seen |= _stamps(config.files())
        fresh = _protect(config)
        self._seen = seen
        return fresh


def _stamps(paths: Iterable[Path]) -> _Stamps:
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _refuse_weaker(old: WebConfig, new: WebConfig) -> None:
    """Refuse to switch a protection off while running: a file that is half written looks just so."""
    before, after = old.tls_server_config, new.tls_server_config
    lost = (
        ("tls_server_config", "TLS is switched on or off", before.enabled != after.enabled),
        (
            "tls_server_config.client_auth_type",
            "client certificates are no longer verified",
            before.verifies_clients and not after.verifies_clients,
        ),
        (
            "tls_server_config.client_allowed_sans",
            "the list is gone",
            bool(before.client_allowed_sans) and not after.client_allowed_sans,
        ),
        ("basic_auth_users", "nobody is left", bool(old.basic_auth_users) and not new.basic_auth_users),
    )
    mistakes = [f"{path}: {what}, which takes a restart" for path, what, changed in lost if changed]
    if mistakes:
        raise ConfigError(mistakes)
