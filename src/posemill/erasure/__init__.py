"""Erasure of a person's data, or of media: store, database, workspace, DVC's objects, backups; and retention by age."""
