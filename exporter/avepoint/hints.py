"""Hints on how to fix an error."""

import errno
import os
import ssl
from http import HTTPStatus
from typing import Final

import httpx

NOT_OURS: Final = (
    "the response is not from AvePoint; it may be a proxy's login page or a maintenance page;"
    " check proxy_url and the URL (environment, data_center or base_url)"
)
REDIRECTED: Final = "check the URL: environment, data_center or base_url"
CHANGED: Final = "the API may have changed; check whether a newer version of the exporter supports it"
CLOCK: Final = "synchronize the clock of this machine, for example with NTP"
NOT_MULTI_GEO: Final = "remove locations, or list only geo locations that have jobs; the tenant might not use Multi-Geo"
UNCLASSIFIED: Final = "AvePoint ignored or rejected a filter of the job list; the exporter retries in the next refresh"
INCOMPLETE: Final = (
    "the exporter keeps the previous values and reads the list again; if the error persists, contact AvePoint's support"
)
UNUSABLE_CA: Final = "replace the file with certificates in PEM format; no restart is needed"
WRONG_ISSUER: Final = "check environment or token_url"
_LONGEST_REASON: Final = 200
_UNREACHABLE: Final = "check the network, proxy_url, and the URL (environment, data_center, base_url or token_url)"
_UNTRUSTED: Final = "if a proxy or firewall inspects TLS, add its CA certificate to tls.ca_file; if not, check the URL"
_CERTIFICATE_HINTS: Final = {
    9: "the certificate is not valid yet; check the clock of this machine",
    10: "the certificate has expired; check the clock of this machine, and any proxy or firewall that inspects TLS",
    62: "the certificate is for another host; check the URL, and any proxy or firewall that inspects TLS",
    66: "the key of the certificate is too short; issue a certificate with a longer key",
    67: "the key of the CA is too short; use a CA with a longer key in the proxy or firewall",
    68: "the certificate is signed with a weak hash such as SHA-1; issue a certificate that is signed with SHA-256",
    79: "the certificate in tls.ca_file is not a CA certificate; add the CA certificate",
}
"""Maps OpenSSL's error codes for failed certificate verifications to hints."""
_PROXY: Final = (
    "check the URL, user name and password in proxy_url, or check HTTPS_PROXY and NO_PROXY; "
    "percent-encode special characters"
)
_PLAIN_HTTP: Final = "the server or proxy does not use TLS; check the port, and begin the URL of the proxy with http://"
_NO_DESCRIPTORS: Final = (
    "raise the limit on open files (ulimit -n, LimitNOFILE= of systemd), or lower requests.concurrency"
)
_THROTTLED: Final = "the exporter retries; if the error persists, lower requests.per_second or lengthen the intervals"
_UNAVAILABLE: Final = "AvePoint may be unavailable; check its service status; the exporter retries"
_SERVER_ERROR: Final = "the exporter retries; if the error persists, contact AvePoint with the request id"


def where_registered(permission: str) -> str:
    """Return the page in AvePoint's portal where an app with this permission is registered."""
    if permission.startswith(("elements.", "partner.")):
        return "Elements > Settings > API app registration"
    return "AvePoint Online Services > Administration > App registrations"


def lacking(permission: str) -> str:
    """Return the hint for a 403."""
    return f"the app lacks {permission}; add it in {where_registered(permission)}"


def not_granted(permission: str) -> str:
    """Return the hint for a permission that is not granted. The error message contains the name of the permission."""
    return f"the app was not granted this permission; add it in {where_registered(permission)}"


def not_there(permission: str) -> str:
    """Return the hint for a 404, with the most likely cause first."""
    return (
        f"check that the app has {permission} in {where_registered(permission)}; then check the URL (data_center,"
        " base_url) and the license of the product"
    )


def unavailable(status: int, retry_after: float | None) -> str:
    """Return the hint for a 429 or 5xx. `retry_after` is the Retry-After header in seconds, or None."""
    if is_throttling(status, retry_after):
        return _THROTTLED
    return _UNAVAILABLE if status == HTTPStatus.SERVICE_UNAVAILABLE else _SERVER_ERROR


def is_throttling(status: int, retry_after: float | None) -> bool:
    """Return whether the status means throttling. A 503 without Retry-After may mean an outage instead."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after is not None
    )


def unreached(error: Exception) -> str:
    """Return the hint for a request that received no response."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return _PLAIN_HTTP
    if isinstance(error, httpx.ProxyError):
        return _PROXY
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return _NO_DESCRIPTORS
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE_HINTS.get(cause.verify_code, _UNTRUSTED)
        cause = cause.__cause__ or cause.__context__
    return _UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else _UNREACHABLE


def reason_of(error: BaseException) -> str:
    """Return the reason for a failed connection, preferably the message of the operating system."""
    reason = str(error)[:_LONGEST_REASON] or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno:
            reason = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or reason
        # If a host has several addresses and none can be reached, only the first error is returned.
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return reason
