"""Finding terms in text: whole words and phrases of them, whatever their case and accents, in any script."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from supportix.routing.words import folded


class Text:
    """A text to find terms in."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def folded(self) -> str:
        return folded(self._text)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(self.folded.split())


class Terms:
    """Terms in their order, each with what it is when folded. One without a letter or digit is never found."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._terms = [(term, form) for term in terms if (form := folded(term)).strip()]
        self.first_words = frozenset(form.split()[0] for _, form in self._terms)

    def first_in(self, texts: Sequence[Text]) -> str | None:
        """The first term that one of the texts holds."""
        near = [text for text in texts if not text.words.isdisjoint(self.first_words)]
        return next((term for term, form in self._terms if any(form in text.folded for text in near)), None)
