"""Alembic's entry: works on the connection that store/postgres.py hands over."""

from alembic import context

from posemill.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
