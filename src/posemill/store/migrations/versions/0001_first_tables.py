"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "dataset",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("dataset_pkey")),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bento_tag", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), server_default="candidate", nullable=False),
        sa.Column("digests", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("classes", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.CheckConstraint(
            "stage in ('candidate', 'accepted', 'rejected', 'released', 'retired')",
            name=op.f("model_version_stage_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("model_version_pkey")),
        sa.UniqueConstraint("bento_tag", name=op.f("model_version_bento_tag_key")),
    )
    op.create_table(
        "prediction_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bento_tag", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("input_digest", sa.Text(), nullable=True),
        sa.Column("activity", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("prediction", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("prediction_log_pkey")),
    )
    op.create_index(op.f("prediction_log_bento_tag_idx"), "prediction_log", ["bento_tag"], unique=False)
    op.create_table(
        "subject",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("subject_pkey")),
    )
    op.create_table(
        "acceptance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("acceptance_model_version_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("acceptance_pkey")),
    )
    op.create_index(op.f("acceptance_model_version_id_idx"), "acceptance", ["model_version_id"], unique=False)
    op.create_table(
        "medium",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), server_default="video", nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("fps", sa.Float(), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("codec", sa.Text(), nullable=True),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("medium_digest_check")),
        sa.CheckConstraint("kind in ('video', 'keypoints')", name=op.f("medium_kind_check")),
        sa.CheckConstraint("digest is not null or uri is not null", name=op.f("medium_place_check")),
        sa.CheckConstraint(
            "width_px > 0 and height_px > 0 and fps > 0 and frames > 0 and duration_s > 0",
            name=op.f("medium_size_check"),
        ),
        sa.ForeignKeyConstraint(["dataset"], ["dataset.name"], name=op.f("medium_dataset_fkey")),
        sa.ForeignKeyConstraint(["duplicate_of"], ["medium.id"], name=op.f("medium_duplicate_of_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("medium_pkey")),
        sa.UniqueConstraint("digest", name=op.f("medium_digest_key")),
    )
    op.create_index(op.f("medium_dataset_idx"), "medium", ["dataset"], unique=False)
    op.create_table(
        "clip",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("start_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("activity", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("camera", sa.Text(), nullable=True),
        sa.Column("split", sa.Text(), nullable=True),
        sa.Column("said_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("activity <> ''", name=op.f("clip_activity_check")),
        sa.CheckConstraint("split in ('train', 'test')", name=op.f("clip_split_check")),
        sa.CheckConstraint("(ended_at is null) = (ended_by is null)", name=op.f("clip_ended_check")),
        sa.CheckConstraint("start_s >= 0 and (end_s is null or end_s > start_s)", name=op.f("clip_stretch_check")),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("clip_medium_id_fkey")),
        sa.ForeignKeyConstraint(["subject"], ["subject.name"], name=op.f("clip_subject_fkey")),
        sa.ForeignKeyConstraint(["superseded_by"], ["clip.id"], name=op.f("clip_superseded_by_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("clip_pkey")),
    )
    op.create_index(op.f("clip_activity_idx"), "clip", ["activity"], unique=False)
    op.create_index(
        "clip_current_key",
        "clip",
        ["medium_id", "start_s", sa.literal_column("coalesce(end_s, 'Infinity')")],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_index(op.f("clip_medium_id_idx"), "clip", ["medium_id"], unique=False)
    op.create_index(op.f("clip_subject_idx"), "clip", ["subject"], unique=False)
    op.create_table(
        "keypoint_correction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("labeller", sa.Text(), nullable=False),
        sa.Column("skeleton", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("keypoint", sa.Text(), nullable=False),
        sa.Column("x_px", sa.Float(), nullable=True),
        sa.Column("y_px", sa.Float(), nullable=True),
        sa.Column("said_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(x_px is null) = (y_px is null)", name=op.f("keypoint_correction_place_check")),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("keypoint_correction_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("keypoint_correction_pkey")),
    )
    op.create_index(op.f("keypoint_correction_medium_id_idx"), "keypoint_correction", ["medium_id"], unique=False)
    op.create_table(
        "label_job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.CheckConstraint("state in ('queued', 'leased', 'done', 'failed')", name=op.f("label_job_state_check")),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("label_job_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("label_job_pkey")),
        sa.UniqueConstraint("medium_id", "fingerprint", name=op.f("label_job_medium_id_fingerprint_key")),
    )
    op.create_index(op.f("label_job_medium_id_idx"), "label_job", ["medium_id"], unique=False)
    op.create_table(
        "truth",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("track_digest", sa.Text(), nullable=False),
        sa.Column("skeleton", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("truth_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("truth_pkey")),
        sa.UniqueConstraint("medium_id", "origin", name=op.f("truth_medium_id_origin_key")),
    )
    op.create_index(op.f("truth_medium_id_idx"), "truth", ["medium_id"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=True),
        sa.Column("clip_id", sa.BigInteger(), nullable=True),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.CheckConstraint("what in ('medium', 'clip', 'track', 'window')", name=op.f("quarantine_what_check")),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name=op.f("quarantine_clip_id_fkey")),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("quarantine_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("quarantine_pkey")),
    )
    op.create_index(op.f("quarantine_medium_id_idx"), "quarantine", ["medium_id"], unique=False)
    op.create_index(
        "quarantine_open_key",
        "quarantine",
        [
            "what",
            sa.literal_column("coalesce(medium_id, -1)"),
            sa.literal_column("coalesce(clip_id, -1)"),
            sa.literal_column("coalesce(person, -1)"),
            "stage",
        ],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "review_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("clip_id", sa.BigInteger(), nullable=True),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("start_s", sa.Float(), nullable=True),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("priority", sa.Float(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=Text()), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('open', 'done', 'dismissed')", name=op.f("review_item_state_check")),
        sa.ForeignKeyConstraint(["clip_id"], ["clip.id"], name=op.f("review_item_clip_id_fkey")),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("review_item_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("review_item_pkey")),
    )
    op.create_index(op.f("review_item_medium_id_idx"), "review_item", ["medium_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("review_item_medium_id_idx"), table_name="review_item")
    op.drop_table("review_item")
    op.drop_index("quarantine_open_key", table_name="quarantine", postgresql_where=sa.text("resolved_at is null"))
    op.drop_index(op.f("quarantine_medium_id_idx"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index(op.f("truth_medium_id_idx"), table_name="truth")
    op.drop_table("truth")
    op.drop_index(op.f("label_job_medium_id_idx"), table_name="label_job")
    op.drop_table("label_job")
    op.drop_index(op.f("keypoint_correction_medium_id_idx"), table_name="keypoint_correction")
    op.drop_table("keypoint_correction")
    op.drop_index(op.f("clip_subject_idx"), table_name="clip")
    op.drop_index(op.f("clip_medium_id_idx"), table_name="clip")
    op.drop_index("clip_current_key", table_name="clip", postgresql_where=sa.text("ended_at is null"))
    op.drop_index(op.f("clip_activity_idx"), table_name="clip")
    op.drop_table("clip")
    op.drop_index(op.f("medium_dataset_idx"), table_name="medium")
    op.drop_table("medium")
    op.drop_index(op.f("acceptance_model_version_id_idx"), table_name="acceptance")
    op.drop_table("acceptance")
    op.drop_table("subject")
    op.drop_index(op.f("prediction_log_bento_tag_idx"), table_name="prediction_log")
    op.drop_table("prediction_log")
    op.drop_table("model_version")
    op.drop_table("dataset")
