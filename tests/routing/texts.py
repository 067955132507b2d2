"""Generated texts: a few departments whose words overlap, so that a model can learn, and can be unsure."""

import random
from collections.abc import Sequence
from uuid import UUID

from supportix.routing.sampling import Example

BILLING, NETWORK, PEOPLE = (str(UUID(int=number)) for number in (1, 2, 3))
WORDS = {
    BILLING: ["invoice", "charged", "refund", "amount", "card", "twice", "payment", "price", "receipt"],
    NETWORK: ["vpn", "router", "wifi", "slow", "connection", "laptop", "signal", "cable", "office"],
    PEOPLE: ["holiday", "contract", "salary", "leave", "sick", "onboarding", "form", "manager", "badge"],
}
COMMON = ["please", "help", "the", "my", "is", "it", "hello", "thanks", "since", "today", "not", "with", "and"]
TAGS = {BILLING: ("money",), NETWORK: ("technical",), PEOPLE: ()}


def examples(count: int, *, seed: int = 1, blurred: float = 0.2, among: Sequence[str] = tuple(WORDS)) -> list[Example]:
    """In order of time. A `blurred` share speaks of another department's matters."""
    chance = random.Random(seed)  # noqa: S311
    found = []
    for _ in range(count):
        label = chance.choice(among)
        about = WORDS[chance.choice(list(WORDS)) if chance.random() < blurred else label]
        words = chance.choices(about, k=4) + chance.choices(COMMON, k=6)
        chance.shuffle(words)
        found.append(Example(" ".join(words), label, TAGS[label]))
    return found
