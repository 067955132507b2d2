"""What routing costs a ticket: with no rules and no model, with rules, and with a model, on one thread.

    python benchmarks/routing.py

Times are those of the processor, so that what else runs on the machine makes little difference.
The model is learned from generated texts, 20 departments of 400 tickets each. Texts that a process meets for the first
time cost more than later ones, since the features of a word are kept once they are worked out; so both are measured.
"""

import random
import string
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from supportix.domain.department import Department
from supportix.domain.ids import CustomerId
from supportix.domain.routing_rules import RoutingRule
from supportix.domain.ticket_words import Channel
from supportix.routing.book import EMPTY, Request, RoutingBook
from supportix.routing.decide import decide
from supportix.routing.features import Vocabulary
from supportix.routing.model import TextModel
from supportix.routing.reading import text_of
from supportix.routing.sampling import Example
from supportix.routing.training import learn

DEPARTMENTS = 20
TICKETS = 400
TRIES = 300


def main() -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 11))) for _ in range(12_000)]
    about = [chance.sample(words, 60) for _ in range(DEPARTMENTS)]
    examples = [
        Example(_text(chance, words, about[place], 60), str(UUID(int=place + 1)), ("odd",) if place % 2 else ())
        for _ in range(TICKETS)
        for place in range(DEPARTMENTS)
    ]
    model = learn(examples, precision=0.9)
    print(f"model: {len(model.vocabulary):,} features, {len(model.labels)} departments, {len(model.tags)} tags")
    rules = RoutingBook(_departments(chance, words), based_on=1)
    for length in (20, 200, 2_000):
        requests = [_request(_text(chance, words, about[n % DEPARTMENTS], length)) for n in range(TRIES)]
        fresh = [_request(_text(chance, [], [], length, unknown=True)) for _ in range(TRIES)]
        _tell(f"{length:>5} words, no rules, no model", requests, lambda each: decide(each, EMPTY))
        _tell(f"{length:>5} words, {rules.rule_count:,} rules", requests, lambda each: decide(each, rules))
        _tell(f"{length:>5} words, model, words known", requests, _predicting(model), warm=True)
        _tell(f"{length:>5} words, model, never met words", fresh, _predicting(_forgetful(model)))


def _predicting(model: TextModel) -> Callable[[Request], object]:
    def predict(request: Request) -> object:
        reading = model.read(text_of(request.subject, request.description))
        return reading.verdict(1), reading.tags()

    return predict


def _forgetful(model: TextModel) -> TextModel:
    """The same model, which hasn't worked out any word's features yet."""
    model.vocabulary = Vocabulary(model.vocabulary.features)
    return model


def _departments(chance: random.Random, words: Sequence[str]) -> list[Department]:
    return [
        Department(
            id=UUID(int=place + 1),
            routing_rules=tuple(
                RoutingRule(name=str(n), terms=tuple(f"{each} unheard" for each in chance.sample(words, 10)))
                for n in range(50)
            ),
        )
        for place in range(DEPARTMENTS)
    ]


def _text(chance: random.Random, words: Sequence[str], about: Sequence[str], length: int, unknown: bool = False) -> str:
    if unknown:
        return " ".join("".join(chance.choices(string.ascii_lowercase, k=9)) for _ in range(length))
    return " ".join(chance.choice(about if chance.random() < 0.3 else words) for _ in range(length))


def _request(text: str) -> Request:
    return Request(subject=text[:60], description=text, requester_id=CustomerId(UUID(int=9)), channel=Channel.API)


def _tell(what: str, requests: Sequence[Request], work: Callable[[Request], object], warm: bool = False) -> None:
    if warm:
        for request in requests:
            work(request)
    spent = []
    for request in requests:
        started = time.thread_time()
        work(request)
        spent.append((time.thread_time() - started) * 1e3)
    spent.sort()
    print(f"{what}: median {spent[len(spent) // 2]:.3f} ms, p99 {spent[int(len(spent) * 0.99)]:.3f} ms")


if __name__ == "__main__":
    main()
