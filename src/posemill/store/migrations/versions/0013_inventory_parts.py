"""The inventory by parts of the media, and which parts changed since it was taken: written down by triggers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0013"
down_revision = "0012"

BITS = 10  # of a medium's number: a part is 1,024 media
OPERATIONS = {"insert": "new", "update": "both", "delete": "old"}
TRANSITIONS = {
    "new": "NEW TABLE AS new_rows",
    "old": "OLD TABLE AS old_rows",
    "both": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
}

# What a probe or ingest writes of a medium is no change, and neither is what waits in quarantine.
MEDIUM = "id, digest, uri, duplicate_of, kind, dataset, source, added_at"
WATCHED = {
    "medium": (
        f"SELECT {MEDIUM} FROM new_rows",
        f"(SELECT {MEDIUM} FROM old_rows EXCEPT SELECT {MEDIUM} FROM new_rows) "
        f"UNION (SELECT {MEDIUM} FROM new_rows EXCEPT SELECT {MEDIUM} FROM old_rows)",
        f"SELECT {MEDIUM} FROM old_rows",
        "id",
    ),
    "clip": (
        "SELECT medium_id FROM new_rows",
        "SELECT medium_id FROM old_rows UNION SELECT medium_id FROM new_rows",
        "SELECT medium_id FROM old_rows",
        "medium_id",
    ),
    "quarantine": (
        "SELECT medium_id FROM new_rows WHERE medium_id IS NOT NULL AND resolved_at IS NOT NULL",
        "SELECT medium_id FROM (TABLE old_rows UNION TABLE new_rows) AS either "
        "WHERE medium_id IS NOT NULL AND resolved_at IS NOT NULL",
        "SELECT medium_id FROM old_rows WHERE medium_id IS NOT NULL AND resolved_at IS NOT NULL",
        "medium_id",
    ),
}
WATCHED["keypoint_correction"] = WATCHED["clip"]


def upgrade() -> None:
    op.create_table(
        "inventory_part",
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("media", sa.BigInteger(), nullable=False),
        sa.Column("clips", sa.BigInteger(), nullable=False),
        sa.Column("labelled_clips", sa.BigInteger(), nullable=False),
        sa.Column("activities", ARRAY(sa.Text()), nullable=False),
        sa.Column("subjects", ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("newest", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("part", "dataset", name=op.f("inventory_part_pkey")),
    )
    op.create_table(
        "inventory_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("inventory_change_pkey")),
    )
    op.execute(
        "CREATE FUNCTION inventory_emptied() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "SET search_path FROM CURRENT AS $$ BEGIN DELETE FROM inventory_part; RETURN NULL; END $$"
    )
    for table, (inserted, updated, deleted, key) in WATCHED.items():
        op.execute(_function(table, key, inserted, updated, deleted))
        for operation, rows in OPERATIONS.items():
            op.execute(
                f"CREATE TRIGGER inventory_{operation} AFTER {operation.upper()} ON {table} "
                f"REFERENCING {TRANSITIONS[rows]} FOR EACH STATEMENT EXECUTE FUNCTION inventory_{table}()"
            )
        op.execute(
            f"CREATE TRIGGER inventory_truncate AFTER TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION inventory_emptied()"
        )


def _function(table: str, key: str, inserted: str, updated: str, deleted: str) -> str:
    """Statement trigger that appends the parts that changed: rows of its own, so that no writer waits for another."""
    note = f"INSERT INTO inventory_change (part) SELECT DISTINCT {key} >> {BITS} FROM ({{rows}}) AS rows"
    return f"""
CREATE FUNCTION inventory_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {note.format(rows=inserted)};
    ELSIF TG_OP = 'UPDATE' THEN
        {note.format(rows=updated)};
    ELSE
        {note.format(rows=deleted)};
    END IF;
    RETURN NULL;
END $$
"""


def downgrade() -> None:
    for table in WATCHED:
        for operation in (*OPERATIONS, "truncate"):
            op.execute(f"DROP TRIGGER inventory_{operation} ON {table}")
        op.execute(f"DROP FUNCTION inventory_{table}")
    op.execute("DROP FUNCTION inventory_emptied")
    op.drop_table("inventory_change")
    op.drop_table("inventory_part")
