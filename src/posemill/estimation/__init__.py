"""Pose estimation: pictures and videos become poses and tracks. Importable alone: no database, no ledger."""
