"""Database schema: the tables. Migrations under migrations/ make them; a test holds the two together.

A medium is a stored file, known by the SHA-256 of its bytes. A clip is an interval of a medium with an activity (its
fields: clip_fields.py); a correction never changes a clip, it closes it (`valid_to`, `closed_by`) and points to the row
that took its place. Another system may add media by plain SQL with a `uri` and no digest: ingest fetches and fills in
the rest.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _at(name: str = "added_at", now: bool = True) -> Column[Any]:
    return Column(name, DateTime(timezone=True), server_default=func.now() if now else None, nullable=not now)


def _by(name: str = "added_by") -> Column[str]:
    return Column(name, Text, server_default=text("current_user"), nullable=False)


def _medium(nullable: bool = False) -> Column[int]:
    return Column("medium_id", BigInteger, ForeignKey("medium.id"), nullable=nullable, index=True)


dataset = Table(
    "dataset",
    metadata,
    Column("name", Text, primary_key=True),
    Column("origin", Text),
    Column("licence", Text),
    _at(),
    _by(),
)

subject = Table("subject", metadata, Column("name", Text, primary_key=True), _at(), _by())

medium = Table(
    "medium",
    metadata,
    _id(),
    Column("digest", Text, unique=True),  # SHA-256, hex; null until the bytes behind `uri` were fetched
    Column("uri", Text),  # any fsspec URL, for rows that another system added
    Column("duplicate_of", BigInteger, ForeignKey("medium.id")),  # the bytes behind `uri` were already known
    Column("kind", Text, nullable=False, server_default="video"),
    Column("dataset", Text, ForeignKey("dataset.name"), nullable=False, index=True),
    Column("source", Text),
    Column("width_px", Integer),
    Column("height_px", Integer),
    Column("fps", Float),
    Column("frames", Integer),
    Column("duration_s", Float),
    Column("codec", Text),
    _at("probed_at", now=False),
    _at(),
    _by(),
    Column("privacy", Text),  # what becomes of the bytes once there are poses; null: they stay
    _at("bytes_removed_at", now=False),
    Column("blurred_digest", Text),  # the copy with blurred faces, which stands in for the bytes
    CheckConstraint("kind in ('video', 'keypoints')", name="kind"),
    CheckConstraint("privacy in ('keypoints-only', 'blur-faces')", name="privacy"),
    CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
    CheckConstraint("digest is not null or uri is not null", name="location"),
    CheckConstraint("width_px > 0 and height_px > 0 and fps > 0 and frames > 0 and duration_s > 0", name="size"),
)

clip = Table(
    "clip",
    metadata,
    _id(),
    _medium(),
    Column("start_s", Float, nullable=False, server_default="0"),
    Column("end_s", Float),  # null: to the end of the medium
    Column("activity", Text, index=True),  # null: not labelled yet
    Column("subject", Text, ForeignKey("subject.name"), index=True),
    Column("camera", Text),
    Column("split", Text),  # the official one, where the data came with one
    _by("annotated_by"),
    _at("annotated_at"),
    _at("valid_to", now=False),
    Column("closed_by", Text),
    Column("superseded_by", BigInteger, ForeignKey("clip.id")),
    CheckConstraint("start_s >= 0 and (end_s is null or end_s > start_s)", name="interval"),
    CheckConstraint("split in ('train', 'test')", name="split"),
    CheckConstraint("(valid_to is null) = (closed_by is null)", name="closed"),
    CheckConstraint("activity <> ''", name="activity"),
)
Index(
    "clip_current_key",
    clip.c.medium_id,
    clip.c.start_s,
    text("coalesce(end_s, 'Infinity')"),
    unique=True,
    postgresql_where=text("valid_to is null"),
)

ground_truth = Table(
    "ground_truth",
    metadata,
    _id(),
    _medium(),
    Column("track_digest", Text, nullable=False),  # a track file in the media store
    Column("skeleton", Text, nullable=False),
    Column("origin", Text, nullable=False),
    _at(),
    _by(),
    UniqueConstraint("medium_id", "origin"),
)

label_job = Table(
    "label_job",
    metadata,
    _id(),
    _medium(),
    Column("fingerprint", Text, nullable=False),  # of what finds poses; tracks are put together from them
    Column("start_frame", Integer, nullable=False, server_default="0"),
    Column("end_frame", Integer),  # null: to the end of the medium
    Column("state", Text, nullable=False, server_default="queued"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("leased_by", Text),
    _at("leased_until", now=False),
    Column("lease_key", Integer),  # of the advisory lock that whoever has the lease holds as long as it lives
    Column("reason", Text),
    Column("frames", Integer),
    Column("poses", Integer),
    Column("seconds", Float),  # what was done, and how fast
    _at(),
    _at("changed_at"),
    _by(),
    UniqueConstraint("medium_id", "fingerprint", "start_frame"),
    CheckConstraint("state in ('queued', 'leased', 'done', 'failed')", name="state"),
    CheckConstraint("start_frame >= 0 and (end_frame is null or end_frame > start_frame)", name="frame_range"),
)
Index("label_job_open_idx", label_job.c.fingerprint, label_job.c.state, label_job.c.changed_at)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    Column("entity_type", Text, nullable=False),
    _medium(nullable=True),
    Column("clip_id", BigInteger, ForeignKey("clip.id")),
    Column("person", Integer),
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _at(),
    _by(),
    _at("resolved_at", now=False),
    Column("resolved_by", Text),
    CheckConstraint("entity_type in ('medium', 'clip', 'track', 'window')", name="entity_type"),
)
Index(
    "quarantine_open_key",
    quarantine.c.entity_type,
    text("coalesce(medium_id, -1)"),
    text("coalesce(clip_id, -1)"),
    text("coalesce(person, -1)"),
    quarantine.c.stage,
    unique=True,
    postgresql_where=text("resolved_at is null"),
)

review_item = Table(
    "review_item",
    metadata,
    _id(),
    _medium(nullable=True),  # null: what a client disagreed about is not here yet
    Column("clip_id", BigInteger, ForeignKey("clip.id")),
    Column("person", Integer),
    Column("start_s", Float),
    Column("end_s", Float),
    Column("reason", Text, nullable=False),
    Column("priority", Float, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="open"),
    _at(),
    _by(),
    Column("answer", JSONB),
    _at("answered_at", now=False),
    Column("answered_by", Text),
    Column("predicted", JSONB),  # where a clip's activity is asked: what the model says, and why it asks
    CheckConstraint("state in ('open', 'done', 'dismissed')", name="state"),
)

keypoint_correction = Table(
    "keypoint_correction",
    metadata,
    _id(),
    _medium(),
    Column("labeller", Text, nullable=False),
    Column("skeleton", Text, nullable=False),
    Column("person", Integer, nullable=False),
    Column("frame", Integer, nullable=False),
    Column("keypoint", Text, nullable=False),
    Column("x_px", Float),
    Column("y_px", Float),  # both null: not to be seen
    _by("annotated_by"),
    _at("annotated_at"),
    _at("valid_to", now=False),
    Column("closed_by", Text),
    CheckConstraint("(x_px is null) = (y_px is null)", name="position"),
)

model_version = Table(
    "model_version",
    metadata,
    _id(),
    Column("bento_tag", Text, nullable=False, unique=True),
    Column("stage", Text, nullable=False, server_default="candidate"),
    Column("digests", JSONB, nullable=False),
    Column("metrics", JSONB, nullable=False),
    Column("classes", JSONB),
    Column("origin", Text),
    _at(),
    _by(),
    _at("withdrawn_at", now=False),  # trained with somebody who was erased since: never released again
    CheckConstraint("stage in ('candidate', 'accepted', 'rejected', 'released', 'retired')", name="stage"),
)

acceptance = Table(
    "acceptance",
    metadata,
    _id(),
    Column("model_version_id", BigInteger, ForeignKey("model_version.id"), nullable=False, index=True),
    Column("passed", Boolean, nullable=False),
    Column("client", Text, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("reason", Text),
    Column("bento_digest", Text),
    Column("report_digest", Text),  # SHA-256 of what was looked at when it was said
    Column("conditions", Text),
    Column("signed", Boolean, nullable=False, server_default="false"),
    _at(),
    _by(),
)

acceptance_report = Table(  # submitted for a verdict, which an approver gives on the page of the service
    "acceptance_report",
    metadata,
    _id(),
    Column("model_version_id", BigInteger, ForeignKey("model_version.id"), nullable=False, index=True),
    Column("bento_tag", Text, nullable=False, index=True),
    Column("bento_digest", Text, nullable=False),
    Column("report_digest", Text, nullable=False, unique=True),
    Column("report", JSONB, nullable=False),
    _at(),
    _by(),
)

promotion = Table(
    "promotion",
    metadata,
    _id(),
    Column("model_version_id", BigInteger, ForeignKey("model_version.id"), nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("replaced_version", BigInteger, ForeignKey("model_version.id")),  # the champion until then
    Column("reason", Text, nullable=False),
    Column("figures", JSONB),
    Column("digests", JSONB, nullable=False),
    _at(),
    _by(),
    CheckConstraint("action in ('promoted', 'refused', 'rolled back')", name="action"),
)

feedback = Table(
    "feedback",
    metadata,
    _id(),
    Column("bento_tag", Text, nullable=False, index=True),
    Column("provenance", JSONB, nullable=False),
    Column("upload_digest", Text),
    Column("upload_name", Text),  # what the client tried; its bytes may be kept or not
    Column("person", Integer),
    Column("start_s", Float),
    Column("end_s", Float),
    Column("predicted", Text),
    Column("is_right", Boolean, nullable=False),
    Column("activity", Text),
    Column("comment", Text),
    Column("client", Text),
    Column("review_item_id", BigInteger, ForeignKey("review_item.id")),
    _at(),
    _by(),
)

api_key = Table(
    "api_key",
    metadata,
    _id(),
    Column("client", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # the key itself is shown once and kept nowhere
    Column("requests_per_minute", Integer),
    _at(),
    _by(),
    _at("revoked_at", now=False),
    Column("revoked_by", Text),
    Column("role", Text, nullable=False, server_default="annotator"),
    CheckConstraint("requests_per_minute > 0", name="rate"),
    CheckConstraint("role in ('viewer', 'annotator', 'approver', 'operator', 'admin')", name="role"),
)

prediction_log = Table(
    "prediction_log",
    metadata,
    _id(),
    Column("bento_tag", Text, nullable=False, index=True),
    Column("client", Text),
    Column("input_digest", Text),
    Column("activity", Text),
    Column("confidence", Float),
    Column("latency_ms", Float),
    Column("prediction", JSONB),
    Column("endpoint", Text),
    Column("provenance", Text),
    _at(),
    _by(),
    Column("entry", Uuid, unique=True),  # made by the service, so that a repeated write adds nothing
)

shadow_comparison = Table(
    "shadow_comparison",
    metadata,
    _id(),
    Column("champion", Text, nullable=False),  # tags of bentos or models
    Column("challenger", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False, index=True),
    Column("answers", Integer, nullable=False),  # that were compared, and their windows
    Column("windows", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),  # answers that were not
    Column("failed", Integer, nullable=False),
    Column("comparison", JSONB, nullable=False),
    _at(),
    _by(),
)

app_run = Table(
    "app_run",
    metadata,
    _id(),
    _medium(),
    Column("application", Text, nullable=False, index=True),
    Column("fingerprint", Text, nullable=False),  # of everything in `provenance`
    Column("provenance", JSONB, nullable=False),  # tracks' labeller, parameters, code, version
    Column("summary", JSONB, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("people", Integer, nullable=False),
    _at(),
    _by(),
    UniqueConstraint("medium_id", "application", "fingerprint"),
)

app_event = Table(
    "app_event",
    metadata,
    _id(),
    Column("app_run_id", BigInteger, ForeignKey("app_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("person", Integer),  # null: of the whole scene
    Column("time_s", Float, nullable=False),  # when it was known
    Column("start_s", Float, nullable=False),
    Column("end_s", Float),  # null: not ended
    Column("severity", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    CheckConstraint("severity in ('info', 'warning', 'alarm')", name="severity"),
)

app_measurement = Table(
    "app_measurement",
    metadata,
    _id(),
    Column("app_run_id", BigInteger, ForeignKey("app_run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("person", Integer),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("value", Float),  # null: could not be measured, `reason` says why
    Column("unit", Text, nullable=False),
    Column("low", Float),  # 95 % interval
    Column("high", Float),
    Column("reason", Text),
    Column("details", JSONB, nullable=False),
)

erasure = Table(
    "erasure",  # what is being erased, so that a killed erasure is finished; then what was, by digests
    metadata,
    _id(),
    Column("state", Text, nullable=False, server_default="started"),
    Column("targets", JSONB, nullable=False),
    Column("record_digest", Text),  # SHA-256 of the deletion record
    _at("ended_at", now=False),
    _at(),
    _by(),
    CheckConstraint("state in ('started', 'done')", name="state"),
)

audit = Table(
    "audit",  # append-only; written by triggers of the other tables and by store/audit.py, chained when it commits
    metadata,
    _id(),
    Column("number", BigInteger, unique=True),  # place in the chain
    Column("at", DateTime(timezone=True), server_default=text("clock_timestamp()"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False),  # address and program
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("rows", BigInteger),
    Column("ids", JSONB),
    Column("content", Text),  # SHA-256 of the rows as they were written; never the rows: these may have to be erased
    Column("details", JSONB),
    Column("previous", Text),
    Column("digest", Text),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("one", Boolean, primary_key=True, server_default="true"),
    Column("number", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    CheckConstraint("one", name="one"),
)

inventory_part = Table(
    "inventory_part",  # the inventory of 1,024 media of neighbouring numbers, by dataset; see store/inventory.py
    metadata,
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("dataset", Text, primary_key=True),
    Column("media", BigInteger, nullable=False),
    Column("clips", BigInteger, nullable=False),
    Column("labelled_clips", BigInteger, nullable=False),
    Column("activities", ARRAY(Text), nullable=False),
    Column("subjects", ARRAY(BigInteger), nullable=False),  # hashes of their names, to be counted
    Column("digest", Text, nullable=False),
    _at("newest", now=False),
)

inventory_change = Table(
    "inventory_change",  # parts that changed since their inventory was taken; written by triggers
    metadata,
    _id(),
    Column("part", BigInteger, nullable=False),
)
