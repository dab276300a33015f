"""The listening side: the ASGI application, its TLS, its authentication and its limits."""
