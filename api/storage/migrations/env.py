"""Run the migrations on the connection that `open_repository` passes. Alembic executes this file."""

from alembic import context

from api.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
