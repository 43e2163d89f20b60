"""Backups: database, store and workspace as one snapshot at any fsspec URL, incremental, and their restoration."""
