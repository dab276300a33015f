"""The HTTP server: application, TLS, basic authentication, limits and status page."""
