"""Functions that decode text and find errors in secrets."""

import codecs
import re
from typing import Final

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # must come before UTF-16, because both marks begin with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Without a byte order mark, the NUL bytes before or after the first character reveal the encoding.
_UNMARKED: Final = (
    (re.compile(rb"[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be"),
    (re.compile(rb"[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[^\0]"), "utf-16-be"),
)
_IN_BRACES: Final = re.compile(r"\$\{[^{}]*\}|\{\{.*\}\}")
_REFERENCE: Final = re.compile(rf"{_IN_BRACES.pattern}|\$[A-Za-z_]\w*|%\w+%", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|\{(?![0-9A-Fa-f-]*\})[^{}]*\}")
_QUOTES: Final = "\"'`"
_TYPOGRAPHIC_QUOTES: Final = "“”„‟‘’‚‛«»‹›"  # noqa: RUF001 - word processors write these marks
_NOT_EXPANDED: Final = "but variables are not expanded"


def decode_text(data: bytes) -> str:
    """Decode text in UTF-8, UTF-32 or UTF-16. PowerShell writes UTF-16 by default.

    Raise ValueError if the data is invalid.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "")
    encoding = encoding or next((name for pattern, name in _UNMARKED if pattern.match(data)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file as UTF-8") from None


def check_no_reference(value: str, advice: str = "enter the value", *, anywhere: bool = False) -> str:
    """Return the value. Raise ValueError if the value is a reference to a variable, such as ${NAME}.

    If `anywhere` is true, also raise ValueError if the value contains a reference in braces.
    """
    if _REFERENCE.fullmatch(value.strip()):
        raise ValueError(f"is a variable reference, {_NOT_EXPANDED}; {advice}")
    if anywhere and _IN_BRACES.search(value):
        raise ValueError(f"contains a variable reference, {_NOT_EXPANDED}; {advice}")
    return value


def unexpanded(path: str) -> str:
    """Return an error message if a shell would expand a part of the path, else ""."""
    if path.startswith("~"):
        return "~ is not expanded; use an absolute path"
    return f"contains a variable reference, {_NOT_EXPANDED}; use an absolute path" if _REFERENCE.search(path) else ""


def check_no_placeholder(value: str) -> str:
    """Return the value. Raise ValueError if the value is a placeholder, such as <app-id>."""
    if _PLACEHOLDER.fullmatch(value):
        raise ValueError("is a placeholder; enter the value")
    return value


def check_no_quotes(value: str, marks: str = _QUOTES + _TYPOGRAPHIC_QUOTES) -> str:
    """Return the value. Raise ValueError if the value begins or ends with a quotation mark."""
    if value[:1] in marks or value[-1:] in marks:
        raise ValueError("begins or ends with a quotation mark; remove the mark")
    return value


def check_secret(secret: str) -> str:
    """Return a secret without surrounding white space. Raise ValueError if the secret is invalid."""
    secret = check_no_reference(secret.strip(), "enter the value, or use client_secret_env")
    if not secret:
        raise ValueError("is empty; enter the secret")
    if secret.startswith("-----BEGIN"):
        raise ValueError("is a certificate or key in PEM format; use certificate_file")
    if len(secret.splitlines()) > 1:
        raise ValueError("has more than one line; keep only the line with the secret")
    if secret[0] == secret[-1] and secret[0] in _QUOTES and len(secret) > 1:
        raise ValueError("begins and ends with a quotation mark; remove both marks")
    if not secret.isprintable():
        raise ValueError("contains an invisible character; copy the secret again")
    return check_no_placeholder(check_no_quotes(secret, _TYPOGRAPHIC_QUOTES))


def check_client_secret(text: str, client_id: str) -> str:
    """Return a client secret without surrounding white space. Raise ValueError if the client secret is invalid."""
    secret = check_secret(text)
    if secret.casefold() == client_id.casefold():
        raise ValueError("is equal to client_id; use the secret of the app registration")
    return secret
