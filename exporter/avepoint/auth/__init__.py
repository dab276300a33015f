"""Authentication with access tokens, client secrets and certificates."""
