"""Append-only audit table, written by triggers and chained by digests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

# every change of these is recorded; of the others below, what is taken away
CHANGES = (
    "clip",
    "keypoint_correction",
    "review_item",
    "model_version",
    "acceptance",
    "promotion",
    "feedback",
    "api_key",
)
REMOVALS = ("dataset", "subject", "medium", "ground_truth", "prediction_log", "app_run")
DESCRIBED = 1000  # rows of one statement that are listed and digested; of more only the number is known

# What a row's digest is of. jsonb and bigint have one text form; that of a timestamp depends on the session.
TEXT = """
CREATE FUNCTION audit_text(a audit) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT concat_ws('|', a.number, (extract(epoch FROM a.at) * 1000000)::bigint, a.actor, a.origin, a.action,
                     a.object, a.rows, coalesce(a.ids::text, ''), coalesce(a.content, ''),
                     coalesce(a.details::text, ''), a.previous)
$$
"""

APPEND = """
CREATE FUNCTION audit_append(action text, object text, rows bigint, ids jsonb, content text, details jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO audit (actor, origin, action, object, rows, ids, content, details) VALUES (
        coalesce(nullif(current_setting('posemill.actor', true), ''), session_user),
        coalesce(host(inet_client_addr()), 'local') || ' ' || coalesce(current_setting('application_name', true), ''),
        audit_append.action, audit_append.object, audit_append.rows, audit_append.ids, audit_append.content,
        audit_append.details
    );
END $$
"""

# Deferred: a row takes its place in the chain when its transaction commits, so that nobody waits for a long one.
CHAIN = """
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    head audit_head%ROWTYPE;
    entry audit%ROWTYPE;
BEGIN
    SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    SELECT * INTO STRICT entry FROM audit WHERE id = NEW.id;
    entry.number := head.number + 1;
    entry.previous := head.digest;
    entry.digest := encode(sha256(convert_to(audit_text(entry), 'UTF8')), 'hex');
    UPDATE audit SET number = entry.number, previous = entry.previous, digest = entry.digest WHERE id = entry.id;
    UPDATE audit_head SET number = entry.number, digest = entry.digest;
    RETURN NULL;
END $$
"""

KEEP = """
CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.digest IS NULL AND NEW.digest IS NOT NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the table audit is append-only: % is refused', TG_OP;
END $$
"""

STATEMENT = f"""
CREATE FUNCTION audit_statement() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    counted bigint;
    listed jsonb;
    content text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM audit_append('truncate', TG_TABLE_NAME, NULL, NULL, NULL, NULL);
        RETURN NULL;
    END IF;
    SELECT count(*) INTO counted FROM changed;
    IF counted = 0 THEN
        RETURN NULL;
    END IF;
    IF counted <= {DESCRIBED} THEN
        SELECT jsonb_agg(row -> 'id' ORDER BY (row ->> 'id')::bigint) FILTER (WHERE row ? 'id'),
               encode(sha256(convert_to(string_agg(row::text, E'\\n' ORDER BY row::text), 'UTF8')), 'hex')
        INTO listed, content FROM (SELECT to_jsonb(changed) AS row FROM changed) AS rows;
    END IF;
    PERFORM audit_append(lower(TG_OP), TG_TABLE_NAME, counted, listed, content, NULL);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    _tables()
    for function in (TEXT, APPEND, CHAIN, KEEP, STATEMENT):
        op.execute(function)
    op.execute(
        "CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION audit_chain()"
    )
    op.execute("CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep()")
    op.execute(
        "CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keep()"
    )
    for table in CHANGES:
        _watch(table, "INSERT", "NEW")
        _watch(table, "UPDATE", "NEW")
    for table in (*CHANGES, *REMOVALS):
        _watch(table, "DELETE", "OLD")
        op.execute(
            f"CREATE TRIGGER audit_truncate AFTER TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()"
        )


def _tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("ids", JSONB(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("details", JSONB(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pkey")),
        sa.UniqueConstraint("number", name=op.f("audit_number_key")),
    )
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("audit_head_pkey")),
        sa.CheckConstraint("one", name=op.f("audit_head_one_check")),
    )
    op.execute("INSERT INTO audit_head (number, digest) VALUES (0, '')")


def _watch(table: str, event: str, which: str) -> None:
    op.execute(
        f"CREATE TRIGGER audit_{event.lower()} AFTER {event} ON {table} REFERENCING {which} TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()"
    )


def downgrade() -> None:
    for table in (*CHANGES, *REMOVALS):
        for event in ("insert", "update", "delete", "truncate"):
            op.execute(f"DROP TRIGGER IF EXISTS audit_{event} ON {table}")
    op.execute("DROP FUNCTION audit_statement, audit_append, audit_text")
    op.drop_table("audit")
    op.drop_table("audit_head")
    op.execute("DROP FUNCTION audit_chain, audit_keep")
