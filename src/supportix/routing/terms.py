"""Finding terms in text: whole words and phrases of them, whatever their case and accents, in any script."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Generic, TypeVar

from supportix.routing.words import folded

OwnerT = TypeVar("OwnerT")


class Text:
    """A text to find terms in."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def folded(self) -> str:
        return folded(self._text)

    @cached_property
    def in_order(self) -> list[str]:
        return self.folded.split()

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(self.in_order)


class Term:
    """A word or phrase to be found."""

    __slots__ = ("_folded", "_words", "term")

    def __init__(self, term: str) -> None:
        self.term = term
        self._folded = folded(term)
        self._words = frozenset(self._folded.split())

    @property
    def key(self) -> str | None:
        """Its longest word, without which no text holds it; None where it has no word, and so is never found."""
        return max(self._words, key=lambda word: (len(word), word), default=None)

    def is_in(self, text: Text) -> bool:
        return bool(self._words) and self._words <= text.words and self._folded in text.folded


class TermIndex(Generic[OwnerT]):
    """Many terms, each with whom it is for. Finding them costs as much as there are near hits, not terms."""

    def __init__(self, terms: Iterable[tuple[OwnerT, str]]) -> None:
        self._by_key: dict[str, list[tuple[OwnerT, Term]]] = {}
        for owner, word_or_phrase in terms:
            term = Term(word_or_phrase)
            if term.key is not None:
                self._by_key.setdefault(term.key, []).append((owner, term))

    def found_in(self, text: Text) -> Iterator[tuple[OwnerT, str]]:
        """All that the text holds, in no particular order."""
        for key in self._by_key.keys() & text.words if self._by_key else ():
            for owner, term in self._by_key[key]:
                if term.is_in(text):
                    yield owner, term.term
