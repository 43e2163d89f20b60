"""Pose estimation: pictures and video become keypoint tracks. Importable alone: no database, no ledger."""
