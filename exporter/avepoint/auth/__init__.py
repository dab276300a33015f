"""Authentication: access tokens, and the client secret or certificate of an account."""
