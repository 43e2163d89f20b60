"""Ingestion of media, clips and keypoint sequences into the database."""
