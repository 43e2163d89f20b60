"""ASGI middleware before every endpoint: keys, rate limits, timeouts, body sizes, metrics."""
