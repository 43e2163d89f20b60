"""Alembic migrations, shipped in the package and run by store/postgres.py; a test keeps HEAD true."""

HEAD = "0012"
