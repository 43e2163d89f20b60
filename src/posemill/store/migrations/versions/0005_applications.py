"""Results of applications: runs with their provenance, events and measurements."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "app_run",
        _id(),
        sa.Column("medium_id", sa.BigInteger(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("summary", JSONB(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.ForeignKeyConstraint(["medium_id"], ["medium.id"], name=op.f("app_run_medium_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("app_run_pkey")),
        sa.UniqueConstraint(
            "medium_id", "application", "fingerprint", name=op.f("app_run_medium_id_application_fingerprint_key")
        ),
    )
    op.create_index(op.f("app_run_medium_id_idx"), "app_run", ["medium_id"], unique=False)
    op.create_index(op.f("app_run_application_idx"), "app_run", ["application"], unique=False)
    _of_a_run(
        "app_event",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("time_s", sa.Float(), nullable=False),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("end_s", sa.Float(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint("severity in ('info', 'warning', 'alarm')", name=op.f("app_event_severity_check")),
    )
    _of_a_run(
        "app_measurement",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("end_s", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
    )


def _of_a_run(table: str, *columns: Any) -> None:
    op.create_table(
        table,
        _id(),
        sa.Column("app_run_id", sa.BigInteger(), nullable=False),
        *columns,
        sa.Column("details", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["app_run_id"], ["app_run.id"], name=op.f(f"{table}_app_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"{table}_pkey")),
    )
    op.create_index(op.f(f"{table}_app_run_id_idx"), table, ["app_run_id"], unique=False)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def downgrade() -> None:
    for name in ("app_measurement", "app_event", "app_run"):
        op.drop_table(name)
