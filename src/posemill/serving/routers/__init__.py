"""Endpoints, one FastAPI router a file."""
