"""Advice as tests give it: of hours from a moment on, with evidence that fits."""

from datetime import datetime, timedelta
from typing import Any

from supportix.domain.advice_words import AdviceEvidence, AdviceKind, AdviceScore, Advised
from supportix.domain.forecast_words import Confidence
from supportix.domain.staffing_terms import WorkKind

HOUR = timedelta(hours=1)


def evidence(begin: datetime, hours: int, **changes: Any) -> AdviceEvidence:
    """20 tickets of ten minutes in each hour; six agents are needed on shift and four are planned."""
    usual: dict[str, Any] = {
        "work_kind": WorkKind.TICKETS,
        "step_seconds": 3_600,
        "arrivals": (20.0,) * hours,
        "arrivals_low": (14.0,) * hours,
        "arrivals_high": (27.0,) * hours,
        "required": (6,) * hours,
        "required_at_work": (4,) * hours,
        "square_root": (None,) * hours,
        "on_shift": (4.0,) * hours,
        "occupancy": 1.0,
        "waiting": 3.0,
        "target_share": 0.8,
        "target_seconds": 3_600.0,
        "handle_seconds": 600.0,
        "handle_times_seen": 250,
        "shrinkage": 0.3,
        "max_occupancy": 0.85,
        "forecast_from": begin,
        "forecast_model": "hour of the week",
        "confidence": Confidence.NORMAL,
    }
    return AdviceEvidence(**(usual | changes))


def advised(begin: datetime, hours: int = 2, agents: int = 2, **changes: Any) -> Advised:
    usual: dict[str, Any] = {
        "kind": AdviceKind.MORE_AGENTS,
        "share_without": 0.41,
        "share_with": 0.9,
        "sentence": f"{agents} more agents.",
        "evidence": evidence(begin, hours),
    }
    return Advised(begin=begin, end=begin + hours * HOUR, agents=agents, **(usual | changes))


def advice_score(**changes: Any) -> AdviceScore:
    usual: dict[str, Any] = {
        "followed": True,
        "needed": True,
        "arrivals_expected": 40.0,
        "arrivals": 44.0,
        "agents_planned": 4.0,
        "agents_advised": 6.0,
        "agents": 6.0,
        "share_without": 0.4,
        "share_with": 0.9,
        "came": 44,
        "in_time": 40,
        "sentence": "Followed, needed: 44 came, 40 were expected; 91 % in time.",
    }
    return AdviceScore(**(usual | changes))
