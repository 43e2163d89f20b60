"""Columns and tables are named by the terms of the field."""

from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = {
    "clip": {"said_by": "annotated_by", "said_at": "annotated_at", "ended_at": "valid_to", "ended_by": "closed_by"},
    "keypoint_correction": {
        "said_by": "annotated_by",
        "said_at": "annotated_at",
        "ended_at": "valid_to",
        "ended_by": "closed_by",
    },
    "promotion": {"instead_of": "replaced_version"},
}
CONSTRAINTS = (("promotion", "promotion_instead_of_fkey", "promotion_replaced_version_fkey"),)


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, old, new_column_name=new)
    for table, old, new in CONSTRAINTS:
        op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{old}" TO "{new}"')


def downgrade() -> None:
    for table, old, new in CONSTRAINTS:
        op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{new}" TO "{old}"')
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.alter_column(table, new, new_column_name=old)
