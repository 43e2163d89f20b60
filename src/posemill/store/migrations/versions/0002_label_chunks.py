"""Labelling is remembered a stretch of frames at a time, with who has it and how long it took."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("label_job", sa.Column("start_frame", sa.Integer(), server_default="0", nullable=False))
    op.add_column("label_job", sa.Column("end_frame", sa.Integer(), nullable=True))
    op.add_column("label_job", sa.Column("lease_key", sa.Integer(), nullable=True))
    op.add_column("label_job", sa.Column("frames", sa.Integer(), nullable=True))
    op.add_column("label_job", sa.Column("poses", sa.Integer(), nullable=True))
    op.add_column("label_job", sa.Column("seconds", sa.Float(), nullable=True))
    op.drop_constraint("label_job_medium_id_fingerprint_key", "label_job", type_="unique")
    op.create_unique_constraint(
        op.f("label_job_medium_id_fingerprint_start_frame_key"),
        "label_job",
        ["medium_id", "fingerprint", "start_frame"],
    )
    op.create_check_constraint(
        op.f("label_job_stretch_check"),
        "label_job",
        "start_frame >= 0 and (end_frame is null or end_frame > start_frame)",
    )
    op.create_index("label_job_open_idx", "label_job", ["fingerprint", "state", "changed_at"], unique=False)


def downgrade() -> None:
    op.drop_index("label_job_open_idx", table_name="label_job")
    op.execute("DELETE FROM label_job WHERE start_frame > 0")
    op.drop_constraint(op.f("label_job_stretch_check"), "label_job", type_="check")
    op.drop_constraint(op.f("label_job_medium_id_fingerprint_start_frame_key"), "label_job", type_="unique")
    op.create_unique_constraint(op.f("label_job_medium_id_fingerprint_key"), "label_job", ["medium_id", "fingerprint"])
    for name in ("seconds", "poses", "frames", "lease_key", "end_frame", "start_frame"):
        op.drop_column("label_job", name)
