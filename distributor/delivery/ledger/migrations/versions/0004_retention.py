"""What is pruned; when an attempt began; domains, and indexes by which what waits is counted"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

IN_MAIN_LANE = sa.text("lane = '' AND state IN ('queued', 'deferred')")
DEFERRED = sa.text("state = 'deferred'")
DOMAIN = {"sqlite": "substr(address_key, instr(address_key, '@') + 1)", "postgresql": "split_part(address_key, '@', 2)"}


def upgrade() -> None:
    op.add_column("issues", sa.Column("pruned_at", sa.BigInteger(), nullable=True))
    op.add_column("issues", sa.Column("pruning_key", sa.LargeBinary(), nullable=True))
    op.add_column("events", sa.Column("began", sa.BigInteger(), nullable=True))
    op.add_column("list_versions", sa.Column("pruned_at", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("domain", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute(f"UPDATE deliveries SET domain = {DOMAIN[op.get_context().dialect.name]}")
    op.create_index(
        "deliveries_domains",
        "deliveries",
        ["issue_id", "domain", "group_name", "next_attempt"],
        unique=False,
        sqlite_where=IN_MAIN_LANE,
        postgresql_where=IN_MAIN_LANE,
    )
    op.create_index(
        "deliveries_deferred",
        "deliveries",
        ["issue_id", "group_name", "lane", "next_attempt"],
        unique=False,
        sqlite_where=DEFERRED,
        postgresql_where=DEFERRED,
    )
