"""Alembic's entry: runs the history over the connection that `storage.schema` passes in.

There is no ini file and no offline mode: migrations run when a database is opened, in the caller's
transaction, so that a failed one leaves nothing behind.
"""

from alembic import context

from storage.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
