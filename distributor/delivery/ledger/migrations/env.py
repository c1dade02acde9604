"""Alembic's entry: runs on the connection, and in the transaction, that migrate.py hands in."""

from alembic import context

from distributor.delivery.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
