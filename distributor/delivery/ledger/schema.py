"""Every table of the ledger. Times are microseconds since 1970 UTC (BIGINT): one arithmetic in both dialects.

The ledger is the queue and the truth. The partial index `deliveries_waiting` is the queues, one for each issue, group
and lane: a row enters its queue by opening, deferral or release and leaves it by a claim, so claiming costs the same
beside a million settled rows, and beside a million that wait in another lane. `deliveries_settled` and
`deliveries_leased` are the others: each row is in one of the three, so that an issue is counted without reading it.

Partial indexes are so on PostgreSQL too, by the migrations. To say `postgresql_where` here would load that dialect into
every command of a site that has SQLite.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ix": "%(table_name)s_%(column_0_name)s",
    }
)

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY, not BIGINT.
Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Time = sa.BigInteger

issues = sa.Table(
    "issues",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("uid", sa.Text, nullable=False, unique=True),
    sa.Column("masthead", sa.Text, nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("total_number", sa.Integer),
    sa.Column("year", sa.Integer),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("content_sha256", sa.Text, nullable=False),
    sa.Column("roster_sha256", sa.Text, nullable=False),
    sa.Column("sources", sa.Text, nullable=False),
    sa.Column("templates_sha256", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("urgency", sa.Integer, nullable=False),
    sa.Column("opened_at", Time, nullable=False),
    sa.Column("opened_by", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_reason", sa.Text),
    sa.Column("state_by", sa.Text),
    sa.Column("state_at", Time),
    sa.Column("again_reason", sa.Text),
    sa.Column("unresolved", sa.Text, nullable=False),
    # Since when addresses, names and letters are taken out; the key (pruning.py) is there until all of them are.
    sa.Column("pruned_at", Time),
    sa.Column("pruning_key", sa.LargeBinary),
    sa.Index("issues_content", "content_sha256"),
    sa.Index("issues_name", "masthead", "total_number"),
)

letters = sa.Table(
    "letters",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("issue_id", Id, sa.ForeignKey("issues.id"), nullable=False, index=True),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("compiled", sa.LargeBinary, nullable=False),
    # A letter whose template branches on the recipient is frozen once per recipient; this one serves nobody else.
    sa.Column("per_recipient", sa.Boolean, nullable=False),
)

# Kept beside the letters that hold them, for letters that are made later (a supplement of per-recipient letters).
attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("issue_id", Id, sa.ForeignKey("issues.id"), nullable=False, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, primary_key=True, autoincrement=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    # Never the number of an earlier lease, which a worker that was long away may still believe to be its own.
    sqlite_autoincrement=True,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("issue_id", Id, sa.ForeignKey("issues.id"), nullable=False),
    sa.Column("letter_id", Id, sa.ForeignKey("letters.id"), nullable=False),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("supplement", sa.Integer, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address_key", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    # '': the main lane; else the name of the destination (model/flow.py) whose flow the delivery keeps to.
    sa.Column("lane", sa.Text, nullable=False, server_default=sa.text("''")),
    # Of address_key: in the main lane a destination's letters are found by it, before any claim has looked at them.
    sa.Column("domain", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("claimed_from", sa.Text),
    # The fence: every claim counts it up, and only the holder of the current number may write a result.
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt", Time),
    sa.Column("waiting_since", Time, nullable=False),
    sa.Column("lease_id", Id),
    sa.Column("phase", sa.Text),
    sa.Column("code", sa.Integer),
    sa.Column("enhanced", sa.Text),
    sa.Column("reply", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("relay", sa.Text),
    sa.Column("settled_at", Time),
    sa.UniqueConstraint("issue_id", "channel", "address_key", name="deliveries_once"),
)

# Literals, so that SQLite sees that a query with this condition may use the partial index.
waiting = deliveries.c.state.in_([sa.literal_column("'queued'"), sa.literal_column("'deferred'")])
sa.Index(
    "deliveries_waiting",
    deliveries.c.issue_id,
    deliveries.c.group_name,
    deliveries.c.lane,
    deliveries.c.next_attempt,
    deliveries.c.id,
    # Only to be counted by.
    deliveries.c.state,
    sqlite_where=waiting,
)
# Only to be counted by, as are the next.
in_main_lane = sa.and_(deliveries.c.lane == sa.literal_column("''"), waiting)
sa.Index(
    "deliveries_domains",
    deliveries.c.issue_id,
    deliveries.c.domain,
    deliveries.c.group_name,
    deliveries.c.next_attempt,
    sqlite_where=in_main_lane,
)
deferred = deliveries.c.state == sa.literal_column("'deferred'")
sa.Index(
    "deliveries_deferred",
    deliveries.c.issue_id,
    deliveries.c.group_name,
    deliveries.c.lane,
    deliveries.c.next_attempt,
    sqlite_where=deferred,
)
held = deliveries.c.lease_id.is_not(None)
sa.Index("deliveries_leased", deliveries.c.lease_id, sqlite_where=held)
# Not by a list of states: SQLite looks through that at every change of a row, and a result would cost a third more.
settled = deliveries.c.settled_at.is_not(None)
sa.Index(
    "deliveries_settled",
    deliveries.c.issue_id,
    deliveries.c.state,
    deliveries.c.group_name,
    deliveries.c.settled_at,
    sqlite_where=settled,
)
supplementary = deliveries.c.supplement > sa.literal_column("0")
sa.Index(
    "deliveries_supplements",
    deliveries.c.issue_id,
    deliveries.c.supplement,
    sqlite_where=supplementary,
)

# What all workers know of a relay or a destination; the row is made when it is first needed.
flows = sa.Table(
    "flows",
    metadata,
    sa.Column("kind", sa.Text, nullable=False, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, primary_key=True),
    # When the next slot of its rate is free.
    sa.Column("next_slot", Time, nullable=False, server_default="0"),
    # How many messages were granted on *day*, a date of the site's calendar.
    sa.Column("day", sa.Text),
    sa.Column("day_count", sa.Integer, nullable=False, server_default="0"),
    # Back-off: until when, and how long it was, µs. 0: healthy; over and not 0: on probation.
    sa.Column("held_until", Time, nullable=False, server_default="0"),
    sa.Column("hold", Time, nullable=False, server_default="0"),
    # A person must release it.
    sa.Column("blocked_at", Time),
    # Why it is held or blocked, and since when it gives trouble.
    sa.Column("reason", sa.Text),
    sa.Column("reply", sa.Text),
    sa.Column("relay", sa.Text),
    sa.Column("since", Time),
)

# Connections that living leases use; a row whose lease is gone does not count.
grants = sa.Table(
    "grants",
    metadata,
    sa.Column("lease_id", Id, nullable=False, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, primary_key=True),
    sa.Column("connections", sa.Integer, nullable=False),
    # Of the day's quota: deliveries at hand that may still be sent. What was marked counts in the flow's day_count.
    sa.Column("messages", sa.Integer, nullable=False),
)

served = sa.Table(
    "served",
    metadata,
    sa.Column("delivery_id", Id, sa.ForeignKey("deliveries.id"), nullable=False, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, primary_key=True, autoincrement=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
    sa.Column("role", sa.Text),
    sqlite_with_rowid=False,
)

# Nearly every delivery serves one contact; these are the others.
another = served.c.position > sa.literal_column("0")
sa.Index("served_others", served.c.delivery_id, served.c.position, sqlite_where=another)

omitted = sa.Table(
    "omitted",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("issue_id", Id, sa.ForeignKey("issues.id"), nullable=False, index=True),
    sa.Column("group_name", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

# Append-only: results of attempts and acts of people. Nothing deletes a row, and only pruning takes words out.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("issue_id", Id, nullable=False),
    sa.Column("delivery_id", Id),
    sa.Column("at", Time, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer),
    sa.Column("phase", sa.Text),
    sa.Column("code", sa.Integer),
    sa.Column("enhanced", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("relay", sa.Text),
    # Of an attempt: when its letter was taken up. *at* is when its result was written.
    sa.Column("began", Time),
    sa.Index("events_delivery", "delivery_id"),
)

# What the list of recipients was. Append-only, as events are: each version follows the one before it.
list_versions = sa.Table(
    "list_versions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    # When it was changed, by the file's own time where nobody said so; and when that was noticed.
    sa.Column("at", Time, nullable=False),
    sa.Column("noticed_at", Time, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    # The command that changed it; NULL: it was changed by hand, and *who* noticed.
    sa.Column("how", sa.Text),
    # When the names and addresses in its changes were taken out.
    sa.Column("pruned_at", Time),
)

list_changes = sa.Table(
    "list_changes",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("list_versions.id"), nullable=False, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    # Normalised, of today and of before; NULL where there is none.
    sa.Column("address_key", sa.Text),
    sa.Column("former_key", sa.Text),
    # JSON: field -> [from, to].
    sa.Column("fields", sa.Text, nullable=False),
    sa.Index("list_changes_address", "address_key"),
    sa.Index("list_changes_former", "former_key"),
    sa.Index("list_changes_unit", "unit"),
    sqlite_with_rowid=False,
)

# The newest version in full, to compare the next one with: its files, and their facts, compressed, some at a time.
list_files = sa.Table(
    "list_files",
    metadata,
    sa.Column("file", sa.Text, nullable=False, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
)

list_chunks = sa.Table(
    "list_chunks",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("list_chunks_file", "file", "digest"),
)
