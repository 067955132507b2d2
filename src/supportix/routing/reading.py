"""What a model reads of a ticket. Apart from the model, so that it is known without numpy."""

READ_CHARACTERS = 1_500
"""The subject, and the description's beginning: what reading costs is bounded."""


def text_of(subject: str, description: str) -> str:
    return f"{subject}\n{description}"[:READ_CHARACTERS]
