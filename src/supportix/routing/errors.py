"""What can be wrong with a stored model. Apart from the model, so that it is known without numpy."""


class ModelUnreadable(Exception):  # noqa: N818 - says what was found.
    """Stored bytes are not a model that this release reads."""
