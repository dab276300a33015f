"""The AvePoint API: credentials, tokens, requests, lists and values."""
