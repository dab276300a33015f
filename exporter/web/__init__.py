"""The HTTP server, with TLS, basic authentication, limits for clients and the status page."""
