"""What an operator should do about an answer, or about none: the words that go with AvePoint's errors."""

import os
import ssl
from typing import Final

import httpx

NOT_OURS: Final = (
    "something else answers in AvePoint's place, such as a proxy's login or a maintenance page;"
    " check proxy_url and the address (environment, data_center or base_url)"
)
REDIRECTED: Final = "check the address: environment, data_center or base_url"
CHANGED: Final = "this may be a change of the API; see whether a newer version of the exporter reads it"
CLOCK: Final = "synchronize the clock of this machine, for example with NTP"
NOT_MULTI_GEO: Final = "remove locations, or name those that have its jobs; the tenant may not be Multi-Geo"
WRONG_ISSUER: Final = "check environment or token_url"
_LONGEST_REASON: Final = 200
_UNREACHED: Final = "check the network, proxy_url, and the address (environment, data_center, base_url or token_url)"
_UNTRUSTED: Final = "if a proxy or firewall inspects TLS, add its CA certificate to tls.ca_file; else check the URL"
_CERTIFICATE_HINTS: Final = {
    9: "the certificate is not valid yet; check the clock of this machine",
    10: "the certificate has expired; check the clock of this machine, and the proxy or firewall if one inspects TLS",
    62: "the certificate belongs to another host; check the URL, and the proxy or firewall if one inspects TLS",
    66: "the key of the certificate is too short; the CA must issue a certificate with a longer key",
    67: "the key of the CA is too short; the proxy or firewall needs a CA with a longer key",
    68: "the certificate is signed with a broken hash such as SHA-1; the CA must use SHA-256",
    79: "the certificate in tls.ca_file is not a CA certificate (basicConstraints without CA); add the CA certificate",
}
"""Hints by error code of OpenSSL's verification."""
_PROXY: Final = (
    "check proxy_url with its user name and password, or HTTPS_PROXY and NO_PROXY; percent-encode special characters"
)
_OFTEN: Final = "it waits and goes on by itself; if this lasts, lower requests.per_second or lengthen the intervals"
_THEIR_SIDE: Final = "it is tried again by itself; if this lasts, ask AvePoint, naming the request's id"


def where_registered(permission: str) -> str:
    """Tell where in AvePoint's portals an app is given a permission."""
    if permission.startswith(("elements.", "partner.")):
        return "Elements > Settings > API app registration"
    return "AvePoint Online Services > Administration > App registrations"


def lacking(permission: str) -> str:
    """Say that a permission is missing, and where to add it."""
    return f"the app lacks {permission}; add it in {where_registered(permission)}"


def not_granted(permission: str) -> str:
    """Say where to add a permission, beside an error that names it."""
    return f"the app was not granted this permission; add it in {where_registered(permission)}"


def not_there(permission: str) -> str:
    """Say what a 404 may mean, the likeliest first, as docs/troubleshooting.md does."""
    return (
        f"check that the app has {permission} in {where_registered(permission)}, then the address (data_center,"
        " base_url), then that the product is licensed"
    )


def unavailable(status: int) -> str:
    """Say what to do about a 429 or 5xx."""
    return _OFTEN if status in (429, 503) else _THEIR_SIDE


def unreached(error: Exception) -> str:
    """Say what to look at where no answer came."""
    if isinstance(error, httpx.ProxyError):
        return _PROXY
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE_HINTS.get(cause.verify_code, _UNTRUSTED)
        cause = cause.__cause__ or cause.__context__
    return _UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else _UNREACHED


def reason_of(error: BaseException) -> str:
    """Say why no answer came, in the words of the system where it knows them, without addresses of sockets."""
    said = str(error)[:_LONGEST_REASON] or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
            said = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or said
        # Several addresses of a name were tried: what the first met stands for all.
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return said
