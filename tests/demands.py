"""What any ticket may ask for."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from supportix.domain.demand import Demand
from supportix.domain.ids import AgentId

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANNA = AgentId(UUID(int=1))

DEMANDS = st.builds(
    Demand,
    weight=st.integers(1, 3),
    skills=st.sampled_from([(), ("vpn",), ("español", "vpn")]),
    due_at=st.none() | st.integers(0, 9).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    preferred_agent_id=st.none() | st.just(ANNA),
    returned=st.booleans(),
)
