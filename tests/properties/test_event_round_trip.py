"""What is stored of an event is all of it: read again it is the same, and replaying it leads to the same state."""

from hypothesis import example, given
from tests.histories import EVENTFUL, STEPS, history

from supportix.domain.aggregate import Aggregate, DomainEvent
from supportix.store.mapper import decode_fact, encode_fact


@example(steps=EVENTFUL)
@given(steps=STEPS)
def test_stored_events_lead_to_the_same_state(steps):
    desk = history(steps)
    state: dict[object, Aggregate] = {}
    for event in desk.log:
        body = encode_fact(event.fact)
        fact = decode_fact(event.fact.TOPIC, body, event.originator_id, event.originator_version)
        assert fact == event.fact
        assert encode_fact(fact) == body
        again = DomainEvent(event.originator_id, event.originator_version, fact)
        state[event.originator_id] = again.mutate(state.get(event.originator_id))
    assert state == desk.state
