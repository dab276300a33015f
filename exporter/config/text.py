"""Functions that decode text and find errors in secrets."""

import codecs
import re
from typing import Final

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # must come before UTF-16, because both marks begin with the same bytes
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REFERENCE: Final = re.compile(r"\$\{[^{}]*\}|\$[A-Za-z_]\w*|%\w+%|\{\{.*\}\}", re.ASCII)


def decode_text(data: bytes) -> str:
    """Decode text in UTF-8, UTF-32 or UTF-16. PowerShell writes UTF-16 by default.

    Raise ValueError if the data is invalid.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in data[:2]:
        encoding = "utf-16-be" if data.startswith(b"\0") else "utf-16-le"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file as UTF-8") from None


def check_no_reference(value: str) -> str:
    """Return the value. Raise ValueError if the value is a reference to a variable, such as ${NAME}."""
    if _REFERENCE.fullmatch(value.strip()):
        raise ValueError(
            "is a variable reference, but variables are not expanded; enter the value, or use a key that ends in _env"
        )
    return value


def check_secret(secret: str) -> str:
    """Return a secret without surrounding white space. Raise ValueError if the secret is invalid."""
    secret = check_no_reference(secret.strip())
    if not secret:
        raise ValueError("must not be empty")
    if secret.startswith("-----BEGIN"):
        raise ValueError("is a certificate or key in PEM format; use certificate_file")
    if len(secret.splitlines()) > 1:
        raise ValueError("has more than one line; keep only the line with the secret")
    if secret[0] == secret[-1] and secret[0] in "\"'`" and len(secret) > 1:
        raise ValueError("begins and ends with a quotation mark; remove both marks")
    if not secret.isprintable():
        raise ValueError("contains an invisible character; copy the secret again")
    return secret
