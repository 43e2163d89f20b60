"""Entries of the prediction log have a key: written again, since an acknowledgement was lost, they change nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("prediction_log", sa.Column("entry", sa.Uuid(), nullable=True))
    op.create_unique_constraint(op.f("prediction_log_entry_key"), "prediction_log", ["entry"])


def downgrade() -> None:
    op.drop_column("prediction_log", "entry")
