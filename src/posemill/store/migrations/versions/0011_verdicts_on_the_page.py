"""Reports that wait for a verdict on the page of a service, and the role of those who give it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "acceptance_report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("bento_tag", sa.Text(), nullable=False),
        sa.Column("bento_digest", sa.Text(), nullable=False),
        sa.Column("report_digest", sa.Text(), nullable=False),
        sa.Column("report", JSONB(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default=sa.text("current_user"), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("acceptance_report_model_version_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("acceptance_report_pkey")),
        sa.UniqueConstraint("report_digest", name=op.f("acceptance_report_report_digest_key")),
    )
    op.create_index(op.f("acceptance_report_model_version_id_idx"), "acceptance_report", ["model_version_id"])
    op.create_index(op.f("acceptance_report_bento_tag_idx"), "acceptance_report", ["bento_tag"])
    _allow("viewer", "annotator", "approver", "operator", "admin")


def downgrade() -> None:
    op.execute("UPDATE api_key SET role = 'annotator' WHERE role = 'approver'")
    _allow("viewer", "annotator", "operator", "admin")
    op.drop_table("acceptance_report")


def _allow(*roles: str) -> None:
    op.drop_constraint(op.f("api_key_role_check"), "api_key")
    allowed = ", ".join(f"'{role}'" for role in roles)
    op.create_check_constraint(op.f("api_key_role_check"), "api_key", f"role in ({allowed})")
