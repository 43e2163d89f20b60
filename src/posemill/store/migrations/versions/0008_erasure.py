"""Erasures, models withdrawn by them, and media whose bytes are kept no longer than they are needed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("state", sa.Text(), server_default="started", nullable=False),
        sa.Column("targets", JSONB(), nullable=False),
        sa.Column("record_digest", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("erasure_pkey")),
        sa.CheckConstraint("state in ('started', 'done')", name=op.f("erasure_state_check")),
    )
    op.add_column("model_version", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("medium", sa.Column("privacy", sa.Text(), nullable=True))
    op.add_column("medium", sa.Column("bytes_removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("medium", sa.Column("blurred_digest", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("medium_privacy_check"), "medium", "privacy in ('keypoints-only', 'blur-faces')")


def downgrade() -> None:
    op.drop_constraint(op.f("medium_privacy_check"), "medium")
    for name in ("blurred_digest", "bytes_removed_at", "privacy"):
        op.drop_column("medium", name)
    op.drop_column("model_version", "withdrawn_at")
    op.drop_table("erasure")
