"""Versions of the list of recipients, what changed with each, and the newest one in full"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "list_versions",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("noticed_at", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="list_versions_pkey"),
    )
    op.create_table(
        "list_changes",
        sa.Column("version_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=True),
        sa.Column("former_key", sa.Text(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["list_versions.id"], name="list_changes_version_id_fkey"),
        sa.PrimaryKeyConstraint("version_id", "position", name="list_changes_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("list_changes_address", "list_changes", ["address_key"], unique=False)
    op.create_index("list_changes_former", "list_changes", ["former_key"], unique=False)
    op.create_index("list_changes_unit", "list_changes", ["unit"], unique=False)
    op.create_table(
        "list_files",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("file", name="list_files_pkey"),
    )
    op.create_table(
        "list_chunks",
        sa.Column("id", Id, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="list_chunks_pkey"),
    )
    op.create_index("list_chunks_file", "list_chunks", ["file", "digest"], unique=False)
