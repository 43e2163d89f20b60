"""Rename tables, columns and constraints to the terms of the field. No row changes its meaning."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = {"truth": "ground_truth", "judgement": "feedback"}
VALIDITY = {"said_by": "annotated_by", "said_at": "annotated_at", "ended_at": "valid_to", "ended_by": "closed_by"}
COLUMNS = {  # tables by their new names
    "clip": VALIDITY,
    "keypoint_correction": VALIDITY,
    "promotion": {"instead_of": "replaced_version", "what": "action"},
    "quarantine": {"what": "entity_type"},
    "feedback": {"receipt": "provenance"},
    "prediction_log": {"receipt": "provenance"},
}
CONSTRAINTS = {
    "clip": {"clip_ended_check": "clip_closed_check", "clip_stretch_check": "clip_interval_check"},
    "keypoint_correction": {"keypoint_correction_place_check": "keypoint_correction_position_check"},
    "label_job": {"label_job_stretch_check": "label_job_frame_range_check"},
    "medium": {"medium_place_check": "medium_location_check"},
    "promotion": {
        "promotion_instead_of_fkey": "promotion_replaced_version_fkey",
        "promotion_what_check": "promotion_action_check",
    },
    "quarantine": {"quarantine_what_check": "quarantine_entity_type_check"},
}
NOT_NULL = "{table}_{column}_not_null"  # a constraint with a name from PostgreSQL 18 on


def upgrade() -> None:
    for old, new in TABLES.items():
        _rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            _rename_column(table, old, new)
    for table, names in CONSTRAINTS.items():
        for old, new in names.items():
            _rename_constraint(table, old, new)
    _rename_answer_key("judgement", "feedback")


def downgrade() -> None:
    _rename_answer_key("feedback", "judgement")
    for table, names in CONSTRAINTS.items():
        for old, new in names.items():
            _rename_constraint(table, new, old)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            _rename_column(table, new, old)
    for old, new in TABLES.items():
        _rename_table(new, old)


def _rename_table(old: str, new: str) -> None:
    """Rename a table with its constraints, indexes and the sequence of its numbers."""
    op.rename_table(old, new)
    op.execute(f'ALTER SEQUENCE "{old}_id_seq" RENAME TO "{new}_id_seq"')
    for constraint in _constraints(new):
        if constraint.startswith(f"{old}_"):
            _rename_constraint(new, constraint, new + constraint.removeprefix(old))
    indexes = sa.text("SELECT indexname FROM pg_indexes WHERE tablename = :table AND schemaname = current_schema()")
    for index in op.get_bind().scalars(indexes, {"table": new}).all():
        if index.startswith(f"{old}_"):  # those of constraints have the new name by now
            op.execute(f'ALTER INDEX "{index}" RENAME TO "{new + index.removeprefix(old)}"')


def _rename_column(table: str, old: str, new: str) -> None:
    op.alter_column(table, old, new_column_name=new)
    constraint = NOT_NULL.format(table=table, column=old)
    if constraint in _constraints(table):
        _rename_constraint(table, constraint, NOT_NULL.format(table=table, column=new))


def _rename_constraint(table: str, old: str, new: str) -> None:
    op.execute(f'ALTER TABLE {table} RENAME CONSTRAINT "{old}" TO "{new}"')


def _constraints(table: str) -> list[str]:
    query = sa.text("SELECT conname::text FROM pg_constraint WHERE conrelid = to_regclass(:table)")
    return list(op.get_bind().scalars(query, {"table": table}))


def _rename_answer_key(old: str, new: str) -> None:
    """The answer of a review item names the feedback that closed it."""
    query = (
        "UPDATE review_item SET answer = answer - cast(:old AS text) || jsonb_build_object(:new, answer -> :old) "
        "WHERE answer -> :old IS NOT NULL"
    )
    op.get_bind().execute(sa.text(query), {"old": old, "new": new})
