"""Feedback, signed verdicts and API keys of clients, and promotions of models."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("bento_digest", "report_digest", "conditions"):
        op.add_column("acceptance", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("acceptance", sa.Column("signed", sa.Boolean(), server_default="false", nullable=False))
    for name in ("endpoint", "receipt"):
        op.add_column("prediction_log", sa.Column(name, sa.Text(), nullable=True))
    op.alter_column("review_item", "medium_id", nullable=True)
    _promotion()
    _judgement()
    _api_key()


def _promotion() -> None:
    op.create_table(
        "promotion",
        _id(),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("instead_of", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", JSONB(), nullable=True),
        sa.Column("digests", JSONB(), nullable=False),
        *_added(),
        sa.CheckConstraint("what in ('promoted', 'refused', 'rolled back')", name=op.f("promotion_what_check")),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("promotion_model_version_id_fkey")
        ),
        sa.ForeignKeyConstraint(["instead_of"], ["model_version.id"], name=op.f("promotion_instead_of_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("promotion_pkey")),
    )
    op.create_index(op.f("promotion_model_version_id_idx"), "promotion", ["model_version_id"], unique=False)


def _judgement() -> None:
    op.create_table(
        "judgement",
        _id(),
        sa.Column("bento_tag", sa.Text(), nullable=False),
        sa.Column("receipt", JSONB(), nullable=False),
        sa.Column("upload_digest", sa.Text(), nullable=True),
        sa.Column("upload_name", sa.Text(), nullable=True),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("start_s", sa.Float(), nullable=True),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("predicted", sa.Text(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("review_item_id", sa.BigInteger(), nullable=True),
        *_added(),
        sa.ForeignKeyConstraint(["review_item_id"], ["review_item.id"], name=op.f("judgement_review_item_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("judgement_pkey")),
    )
    op.create_index(op.f("judgement_bento_tag_idx"), "judgement", ["bento_tag"], unique=False)


def _api_key() -> None:
    op.create_table(
        "api_key",
        _id(),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        *_added(),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.CheckConstraint("requests_per_minute > 0", name=op.f("api_key_rate_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("api_key_pkey")),
        sa.UniqueConstraint("hash", name=op.f("api_key_hash_key")),
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _added() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
    )


def downgrade() -> None:
    for name in ("api_key", "judgement", "promotion"):
        op.drop_table(name)
    op.execute("DELETE FROM review_item WHERE medium_id IS NULL")
    op.alter_column("review_item", "medium_id", nullable=False)
    for name in ("receipt", "endpoint"):
        op.drop_column("prediction_log", name)
    for name in ("signed", "conditions", "report_digest", "bento_digest"):
        op.drop_column("acceptance", name)
