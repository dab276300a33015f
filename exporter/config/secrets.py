"""Client secrets from the configuration, a file or an environment variable.

Secrets are checked by --config.check and before each token request. Secrets are not checked when the exporter starts,
because an invalid secret for one account must not stop the other accounts.
"""

import os
from collections.abc import Iterator

from exporter.config.schema import Auth, Config
from exporter.config.text import check_client_secret, decode_text
from exporter.errors import why_unreadable


def read_client_secret(auth: Auth) -> str:
    """Return the client secret. Raise OSError if the file is unreadable, or ValueError if the secret is invalid."""
    if auth.client_secret is not None:
        return auth.client_secret.get_secret_value()
    name, path = auth.client_secret_env, auth.client_secret_file
    if name is not None:
        return client_secret_of(f"the environment variable {name}", os.environ.get(name, ""), auth.client_id)
    if path is not None:
        return client_secret_of(str(path), path.read_bytes(), auth.client_id)
    raise ValueError("client_secret is not set")


def client_secret_of(source: str, text: str | bytes, client_id: str) -> str:
    """Return the client secret that `text` contains. Raise ValueError with the source if the secret is invalid."""
    try:
        return check_client_secret(decode_text(text) if isinstance(text, bytes) else text, client_id)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def secret_errors(config: Config) -> Iterator[str]:
    """Yield an error message for each client secret that is unreadable or invalid."""
    for index, account in enumerate(config.accounts):
        auth = account.auth
        if auth.certificate_file is None:
            key = "client_secret_file" if auth.client_secret_file is not None else "client_secret_env"
            try:
                read_client_secret(auth)
            except OSError as error:
                message = f"cannot read {auth.client_secret_file}: {why_unreadable(error)}"
                yield f"accounts[{index}].auth.{key}: {message} (account {account.name})"
            except ValueError as error:
                yield f"accounts[{index}].auth.{key}: {error} (account {account.name})"
