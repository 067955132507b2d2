"""A believable help desk: thirty days of history up to now, and arrivals that go on."""
