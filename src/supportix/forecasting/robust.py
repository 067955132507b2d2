"""What in a record can't be usual: silence that the traffic around it makes impossible, lone spikes, days unlike any
other, and a lasting jump of the level. Found within what is known at a fit; models then learn as if it hadn't been.
"""

from collections.abc import Iterable
from datetime import timedelta

import msgspec
import numpy as np

from supportix.forecasting.calendar import HOUR, NORMAL_DAY, Calendar, Slots, slots
from supportix.forecasting.series import Finding, Series
from supportix.forecasting.usual import Array, Flags, Places

_AROUND = 14 * 24
"""Hours to each side, over which the level around an hour is taken."""
_DAILY_SPREAD = 0.1
"""How much whole days stray, as a dispersion, when a silence is judged."""
_IMPOSSIBLE = 1e-6
_SPIKE_DEVIATIONS, _SPIKE_TIMES, _SPIKE_COUNTS = 8.0, 4.0, 10.0
_ODD_LOW, _ODD_HIGH, _ODD_EXPECTED = 0.4, 2.5, 30.0
_JUMP = 0.4
"""In logarithms: by half, or down by a third."""
_DAYS_AFTER, _DAYS_BEFORE = 4, 14
_BEYOND_MIDDLE = 0.85
_A_DAY = 24


class Cleaned(msgspec.Struct, frozen=True, eq=False):
    """The series to learn from, and where it's usual enough for the profile."""

    series: Series
    usual: Flags
    findings: tuple[Finding, ...]


def cleaned(series: Series, calendar: Calendar) -> Cleaned:
    """Of an hourly series. Outages and spikes become untrusted, days unlike others unusual, a jump is scaled away."""
    known = slots(calendar, series.begin, HOUR, len(series))
    used = series.open & series.trusted
    if not series.counts[used].any():
        return Cleaned(series, np.ones(len(series), dtype=np.bool_), ())
    expected = _expected(series.counts, used, known.hour_of_week)
    outage = _silences(series.counts, used, expected)
    begun = np.cumsum(series.counts) > 0
    spike = _spikes(series.counts, used & ~outage, expected)
    trusted = series.trusted & ~outage & ~spike
    odd = _odd_days(series.counts, series.open & trusted, expected, known)
    findings = [
        *_told(series, "not_begun", outage & ~begun, _begins(outage & ~begun)),
        *_told(series, "outage", outage & begun, _begins(outage & begun)),
        *_told(series, "spike", spike, np.flatnonzero(spike)),
        *_told(series, "unusual_day", odd, _begins(odd)),
    ]
    counts = series.counts
    jump = _jump(counts, series.open & trusted & ~odd, known)
    if jump is not None:
        place, ratio = jump
        counts = np.concatenate([counts[:place] * ratio, counts[place:]])
        findings.append(Finding("level_jump", 1, f"to {ratio:.0%} from {(series.begin + place * HOUR).isoformat()} on"))
    return Cleaned(msgspec.structs.replace(series, counts=counts, trusted=trusted), ~odd, tuple(findings))


def _expected(counts: Array, used: Flags, keys: Places) -> Array:
    """The median week, at the level of the weeks around each hour."""
    week = np.zeros(168)
    for key in np.unique(keys[used]):
        week[key] = _middle_mean(counts[used & (keys == key)])
    usual = week[keys]
    came, due = (np.concatenate([[0.0], np.cumsum(each * used)]) for each in (counts, usual))
    places = np.arange(len(counts))
    first, last = np.maximum(places - _AROUND, 0), np.minimum(places + _AROUND, len(counts))
    around = due[last] - due[first]
    return np.asarray(usual * np.divide(came[last] - came[first], around, out=np.zeros(len(counts)), where=around > 0))


def _middle_mean(values: Array) -> float:
    """Without the quarter at each end: near the median, but not zero where small counts are often zero."""
    cut = len(values) // 4
    return float(np.sort(values)[cut : len(values) - cut].mean())


def _silences(counts: Array, used: Flags, expected: Array) -> Flags:
    """Runs of zeros, across closed hours, that the expected counts make impossible."""
    found = np.zeros(len(counts), dtype=np.bool_)
    places = np.flatnonzero(used)
    silent = counts[places] == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        run = places[begin:end]
        if cannot_be_silent(float(expected[run].sum())):
            found[run] = True
    return found


def cannot_be_silent(expected: float) -> bool:
    """Whether it's next to impossible that nothing comes where so much was expected."""
    return bool((1 + _DAILY_SPREAD * expected) ** (-1 / _DAILY_SPREAD) < _IMPOSSIBLE)


def _spikes(counts: Array, used: Flags, expected: Array) -> Flags:
    deviation = np.sqrt(expected + _DAILY_SPREAD * expected**2)
    high = counts > expected + _SPIKE_DEVIATIONS * deviation
    return np.asarray(used & high & (counts > _SPIKE_TIMES * expected + _SPIKE_COUNTS))


def _odd_days(counts: Array, used: Flags, expected: Array, known: Slots) -> Flags:
    """Days that no calendar knows of, on which a fraction or a multiple of the usual came."""
    _, day = np.unique(known.local_step // _A_DAY, return_inverse=True)
    came, due = np.bincount(day, counts * used), np.bincount(day, expected * used)
    odd = (due >= _ODD_EXPECTED) & ((came < _ODD_LOW * due) | (came > _ODD_HIGH * due))
    return np.asarray(odd[day] & (known.special == NORMAL_DAY))


def _jump(counts: Array, used: Flags, known: Slots) -> tuple[int, float] | None:
    """Where the level has changed for good, and by what; None where it hasn't.

    The split of the days under which two constant levels are most likely; nearly all days have to lie on their side.
    """
    week = np.zeros(168)
    for key in np.unique(known.hour_of_week[used]):
        week[key] = counts[used & (known.hour_of_week == key)].mean()
    _, first, day = np.unique(known.local_step // _A_DAY, return_index=True, return_inverse=True)
    came, due = np.bincount(day, counts * used), np.bincount(day, week[known.hour_of_week] * used)
    enough = np.flatnonzero(due >= 1)
    if len(enough) < _DAYS_BEFORE + _DAYS_AFTER:
        return None
    came, due = np.asarray(came[enough], dtype=np.float64), np.asarray(due[enough], dtype=np.float64)
    sums: Array = np.cumsum(came)
    dues: Array = np.cumsum(due)
    splits = np.arange(_DAYS_BEFORE, len(came) - _DAYS_AFTER + 1)
    before, after = sums[splits - 1] / dues[splits - 1], (sums[-1] - sums[splits - 1]) / (dues[-1] - dues[splits - 1])
    gain = _likely(sums[splits - 1], before) + _likely(sums[-1] - sums[splits - 1], after)
    best = int(np.argmax(gain))
    low, high = float(before[best]), float(after[best])
    if min(low, high) <= 0 or abs(np.log(high / low)) < _JUMP:
        return None
    ratios = np.log((came + 1) / (due + 1)) - np.log(low * high) / 2
    towards = np.sign(np.log(high / low))
    split = int(splits[best])
    if min((towards * ratios[:split] < 0).mean(), (towards * ratios[split:] > 0).mean()) < _BEYOND_MIDDLE:
        return None
    return int(first[enough[split]]), high / low


def _likely(came: Array, level: Array) -> Array:
    """The part of a Poisson log likelihood that depends on where the days are split."""
    return np.asarray(came * np.log(np.maximum(level, 1e-9)))


def _begins(flags: Flags) -> Places:
    return np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]]))


def _told(series: Series, kind: str, flags: Flags, places: Places) -> Iterable[Finding]:
    if flags.any():
        at = series.begin + timedelta(hours=int(places[0]))
        yield Finding(kind, len(places), at.isoformat())
