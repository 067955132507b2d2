"""A series that is forecast: its history, its model, and what was fitted, as they are kept from hour to hour."""

from datetime import datetime, timedelta

import msgspec
import numpy as np

from supportix.forecasting.choosing import Choice, not_compared
from supportix.forecasting.forecaster import FitTooOld, Forecaster
from supportix.forecasting.histories import Counts, History

REFIT_AFTER = timedelta(hours=24)
CHOSEN_FOR = timedelta(days=28)
OWN_HOURS = 28 * 24
"""With so much history of its own, a department isn't supposed to be like others any longer."""


class Stored(msgspec.Struct, frozen=True):
    """What the log knows of a series' model."""

    settings: str
    chosen_at: datetime
    wants_choice: bool


class Kept(msgspec.Struct, eq=False):
    """A series and its model. Without `chosen_at`, models haven't been compared for it."""

    history: History
    choice: Choice
    chosen_at: datetime | None = None
    wants_choice: bool = False
    forecaster: Forecaster | None = None
    fitted_at: datetime | None = None
    fortnight_at: datetime | None = None

    @property
    def fitted(self) -> Forecaster:
        if self.forecaster is None:
            raise AssertionError(f"{self.history.name} was expected to be fitted by now")
        return self.forecaster

    def add(self, quarters: Counts) -> None:
        """The quarters of the hours that have ended since."""
        before = len(self.history.hours)
        self.history.add(quarters)
        if self.forecaster is not None:
            try:
                self.forecaster.observe(self.history.hours[before:])
            except FitTooOld:
                self.forecaster = None  # It is fitted anew before anything is forecast.

    @property
    def is_young(self) -> bool:
        """Whether it is still supposed to be like other departments."""
        return len(self.history.hours) < OWN_HOURS

    def is_due_for_fit(self, now: datetime) -> bool:
        return self.fitted_at is None or now - self.fitted_at >= REFIT_AFTER

    def is_due_for_choice(self, now: datetime) -> bool:
        """Asked for, drifted, long ago, or of so short a past that another model may be the better one by now."""
        if self.chosen_at is None or self.wants_choice or now - self.chosen_at >= CHOSEN_FOR:
            return True
        return len(self.history.hours) >= 2 * self.choice.history_hours


def taken_up(history: History, stored: Stored | None, before: Kept | None) -> Kept:
    """With the forecaster that there is, where it has seen this very past."""
    kept = _with_choice(history, stored)
    if before is None or before.forecaster is None or not _goes_on(before.history, history):
        return kept
    before.add(history.quarters[len(before.history.quarters) :])
    before.history, before.wants_choice = history, kept.wants_choice
    return before


def _with_choice(history: History, stored: Stored | None) -> Kept:
    """A choice that this release can't read is made anew."""
    if stored is not None:
        try:
            choice = msgspec.json.decode(stored.settings, type=Choice)
        except msgspec.MsgspecError:
            stored = None
        else:
            return Kept(history, choice, stored.chosen_at, stored.wants_choice)
    return Kept(history, not_compared(history.hourly()))


def _goes_on(known: History, now: History) -> bool:
    length = len(known.quarters)
    same_calendar = known.calendar == now.calendar
    return same_calendar and known.begin == now.begin and np.array_equal(known.quarters, now.quarters[:length])
