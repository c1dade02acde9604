"""Lanes of deliveries; flows and the connections granted of them; what is counted has its indexes"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("state IN ('queued', 'deferred')")
SETTLED = sa.text("settled_at IS NOT NULL")
SUPPLEMENTARY = sa.text("supplement > 0")
ANOTHER = sa.text("position > 0")


def upgrade() -> None:
    # What a refusal held back had no due time; now it is its flow that keeps it, once it is refused again.
    op.execute("UPDATE deliveries SET next_attempt = 0 WHERE state = 'deferred' AND next_attempt IS NULL")
    # With a default a column costs no rewrite of the table, in either dialect.
    op.add_column("deliveries", sa.Column("lane", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.drop_index("deliveries_waiting", table_name="deliveries")
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["issue_id", "group_name", "lane", "next_attempt", "id", "state"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index(
        "deliveries_settled",
        "deliveries",
        ["issue_id", "state", "group_name", "settled_at"],
        unique=False,
        sqlite_where=SETTLED,
        postgresql_where=SETTLED,
    )
    op.create_index(
        "deliveries_supplements",
        "deliveries",
        ["issue_id", "supplement"],
        unique=False,
        sqlite_where=SUPPLEMENTARY,
        postgresql_where=SUPPLEMENTARY,
    )
    op.create_index(
        "served_others",
        "served",
        ["delivery_id", "position"],
        unique=False,
        sqlite_where=ANOTHER,
        postgresql_where=ANOTHER,
    )
    op.create_table(
        "flows",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_slot", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("day_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("hold", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("blocked_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("relay", sa.Text(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "name", name="flows_pkey"),
    )
    op.create_table(
        "grants",
        sa.Column("lease_id", Id, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lease_id", "kind", "name", name="grants_pkey"),
    )
