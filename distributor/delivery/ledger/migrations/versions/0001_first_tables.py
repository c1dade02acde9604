"""The first tables of the ledger"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("state IN ('queued', 'deferred')")
LEASED = sa.text("lease_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("delivery_id", Id, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("relay", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=("events_pkey")),
    )
    op.create_index("events_delivery", "events", ["delivery_id"], unique=False)
    op.create_table(
        "issues",
        sa.Column("id", Id, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("masthead", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("total_number", sa.Integer(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("roster_sha256", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("templates_sha256", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("state_by", sa.Text(), nullable=True),
        sa.Column("state_at", sa.BigInteger(), nullable=True),
        sa.Column("again_reason", sa.Text(), nullable=True),
        sa.Column("unresolved", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("issues_pkey")),
        sa.UniqueConstraint("uid", name=("issues_uid_key")),
    )
    op.create_index("issues_content", "issues", ["content_sha256"], unique=False)
    op.create_index("issues_name", "issues", ["masthead", "total_number"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name="attachments_issue_id_fkey"),
        sa.PrimaryKeyConstraint("issue_id", "position", name="attachments_pkey"),
    )
    op.create_table(
        "leases",
        sa.Column("id", Id, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("leases_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "letters",
        sa.Column("id", Id, nullable=False),
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("compiled", sa.LargeBinary(), nullable=False),
        sa.Column("per_recipient", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=("letters_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("letters_pkey")),
    )
    op.create_index(("letters_issue_id"), "letters", ["issue_id"], unique=False)
    op.create_table(
        "omitted",
        sa.Column("id", Id, nullable=False),
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=("omitted_issue_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("omitted_pkey")),
    )
    op.create_index(("omitted_issue_id"), "omitted", ["issue_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("issue_id", Id, nullable=False),
        sa.Column("letter_id", Id, nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("supplement", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claimed_from", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.BigInteger(), nullable=False),
        sa.Column("lease_id", Id, nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("relay", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["issue_id"], ["issues.id"], name=("deliveries_issue_id_fkey")),
        sa.ForeignKeyConstraint(["letter_id"], ["letters.id"], name=("deliveries_letter_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("deliveries_pkey")),
        sa.UniqueConstraint("issue_id", "channel", "address_key", name="deliveries_once"),
    )
    op.create_index(
        "deliveries_leased", "deliveries", ["lease_id"], unique=False, sqlite_where=LEASED, postgresql_where=LEASED
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["issue_id", "next_attempt", "id"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_table(
        "served",
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=("served_delivery_id_fkey")),
        sa.PrimaryKeyConstraint("delivery_id", "position", name=("served_pkey")),
        sqlite_with_rowid=False,
    )
