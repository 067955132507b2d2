"""What text and numbers may look like that come in from outside: the constraints, as types."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

NO_NUL = "^[^\\u0000]*$"
"""PostgreSQL's text can't hold the character U+0000."""
END = "$(?!\\n)"
"""Of a pattern: `$` alone also fits before a line break at the end, to Python but not to JSON Schema."""
UUID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

BODY_LIMIT_BYTES = 1_000_000
LARGEST_POSITION = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

Text = Annotated[str, Meta(pattern=NO_NUL)]
Subject = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=NO_NUL, examples=["The invoice shows the wrong address"])
]
Description = Annotated[str, Meta(max_length=20_000, pattern=NO_NUL)]
Reason = Annotated[str, Meta(max_length=2_000, pattern=NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
OptionalName = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
Tag = Annotated[str, Meta(min_length=1, max_length=50, pattern=NO_NUL)]
Tags = Annotated[tuple[Tag, ...], Meta(max_length=20, examples=[["billing", "address"]])]
SomeTags = Annotated[tuple[Tag, ...], Meta(min_length=1, max_length=20, examples=[["billing", "address"]])]
Skill = Annotated[str, Meta(min_length=1, max_length=50, pattern=NO_NUL, examples=["french"])]
Skills = Annotated[tuple[Skill, ...], Meta(max_length=20, examples=[["french"]])]
Username = Annotated[str, Meta(min_length=1, max_length=150, pattern=NO_NUL, examples=["alice"])]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=NO_NUL, examples=["alice@example.com"])]
GivenPassword = Annotated[str, Meta(max_length=1_024, pattern=NO_NUL)]
NewPassword = Annotated[
    str, Meta(min_length=10, max_length=256, pattern=NO_NUL, examples=["correct horse battery staple"])
]
RequestTypeName = Annotated[str, Meta(min_length=1, max_length=50, pattern=NO_NUL, examples=["refund"])]
SearchText = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
TicketNumber = Annotated[str, Meta(pattern=f"^SUP-[0-9]{{4}}-[0-9]{{6,12}}{END}", examples=["SUP-2026-000123"])]
TicketReference = Annotated[
    str,
    Meta(
        pattern=f"^(SUP-[0-9]{{4}}-[0-9]{{6,12}}|{UUID_PATTERN}){END}",
        description="The ticket's id, or its number.",
        examples=["SUP-2026-000123"],
    ),
]
Position = Annotated[int, Meta(ge=0, le=LARGEST_POSITION, description="A position of the event log.")]
Limit = Annotated[int, Meta(ge=1, le=200, description="How many items at most.")]
CursorText = Annotated[
    str,
    Meta(
        min_length=1, max_length=1_000, pattern=f"^[A-Za-z0-9_-]+{END}", description="`next_cursor` of the page before."
    ),
]
Moment = Annotated[datetime, Meta(tz=True)]
Ids = Annotated[tuple[UUID, ...], Meta(max_length=200)]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No details are needed."""
