"""API keys have roles; those that are there may go on doing everything."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("role", sa.Text(), server_default="annotator", nullable=False))
    op.execute("UPDATE api_key SET role = 'admin'")
    op.create_check_constraint(
        op.f("api_key_role_check"), "api_key", "role in ('viewer', 'annotator', 'operator', 'admin')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("api_key_role_check"), "api_key")
    op.drop_column("api_key", "role")
