"""Client secrets from the configuration, a file or an environment variable.

Secrets are checked by --config.check and before each token request. Secrets are not checked when the exporter starts,
because an invalid secret for one account must not stop the other accounts.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from exporter.config.schema import Auth, Config
from exporter.config.text import check_secret, decode_text
from exporter.errors import why_unreadable


def read_client_secret(auth: Auth) -> str:
    """Return the client secret. Raise OSError if the file is unreadable, or ValueError if the secret is invalid."""
    if auth.client_secret is not None:
        return auth.client_secret.get_secret_value()
    if auth.client_secret_env is not None:
        source, text = f"the environment variable {auth.client_secret_env}", os.environ.get(auth.client_secret_env, "")
    elif auth.client_secret_file is not None:
        source, text = str(auth.client_secret_file), _decoded(auth.client_secret_file)
    else:
        raise ValueError("client_secret is not set")
    try:
        secret = check_secret(text)
        if secret.casefold() == auth.client_id.casefold():
            raise ValueError("is equal to client_id; use the secret of the app registration")
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return secret


def secret_errors(config: Config) -> Iterator[str]:
    """Yield an error message for each client secret that is unreadable or invalid."""
    for index, account in enumerate(config.accounts):
        auth = account.auth
        if auth.certificate_file is None:
            key = "client_secret_file" if auth.client_secret_file is not None else "client_secret_env"
            try:
                read_client_secret(auth)
            except OSError as error:
                yield f"accounts[{index}].auth.{key}: {why_unreadable(error)} (account {account.name})"
            except ValueError as error:
                yield f"accounts[{index}].auth.{key}: {error} (account {account.name})"


def _decoded(path: Path) -> str:
    try:
        return decode_text(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
