"""Review items may ask for the activity of a clip, and say what a model takes it for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("review_item", sa.Column("predicted", JSONB(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM review_item WHERE predicted IS NOT NULL")
    op.drop_column("review_item", "predicted")
