"""The `ingest` section of params.yaml."""

from posemill.params.section import Section


class IngestParams(Section):
    """Tunables of the ingest stage."""
