"""What stands before every endpoint: keys, rates, limits of time and size. One ASGI middleware, `gate.Guard`."""
