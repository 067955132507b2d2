"""The tables of identity. All times are timestamptz; the application passes them in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    Uuid,
)

from supportix.schema import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("username", Text, nullable=False),
    # Unique on the folded form, so that `Alice` and `alice` are one name (see `names.folded`).
    Column("username_key", Text, nullable=False, unique=True),
    Column("email", Text),
    Column("email_key", Text, unique=True),
    Column("full_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("password_changed_at", DateTime(timezone=True), nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("disabled_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("role in ('customer', 'agent', 'supervisor', 'admin')", name="role"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # The absolute end: no refresh carries a session beyond it.
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Index(None, "account_id"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    # The token's `jti`. The token itself is never stored.
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Index(None, "session_id"),
    Index(None, "account_id"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    # No foreign keys: a revocation has to outlive the session and the account that it is about.
    Column("session_id", Uuid, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("revoked_at", DateTime(timezone=True), nullable=False),
    Column("forget_after", DateTime(timezone=True), nullable=False),
    Index(None, "forget_after"),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("address", Text, primary_key=True),
    # Empty for the row that counts the failures of the address as a whole.
    Column("username_key", Text, primary_key=True),
    Column("failures", Double, nullable=False),
    Column("counted_at", DateTime(timezone=True), nullable=False),
    Index(None, "counted_at"),
)
