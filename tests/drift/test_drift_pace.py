from streamimb.drift.pace import BETWEEN_MAX, BETWEEN_MIN, EVERY_EVENTS, WEEK_US, Pace


def test_the_rate_is_of_all_events_since_the_first():
    """Twice the events in the same time are twice the events between two pages."""
    pace = Pace()
    pace.begin(1_000)
    pace.begin(5_000_000)
    assert pace.due(EVERY_EVENTS, WEEK_US // 10 + 1_000)
    first = pace.between(1.0)
    assert pace.due(2 * EVERY_EVENTS, WEEK_US // 10 + 1_000)
    assert pace.between(1.0) == 2 * first == 20 * EVERY_EVENTS


def test_it_is_measured_only_when_due_and_when_time_passes():
    """Between two due events, or while the time stands still, there is no rate."""
    pace = Pace()
    assert not pace.due(EVERY_EVENTS, 5)
    pace.begin(7)
    assert not pace.due(EVERY_EVENTS - 1, WEEK_US)
    assert not pace.due(EVERY_EVENTS, 7)
    assert pace.until(EVERY_EVENTS - 1) == 1
    assert pace.until(EVERY_EVENTS) == EVERY_EVENTS


def test_what_is_asked_for_is_bounded():
    """However many pages, or few."""
    pace = Pace()
    pace.begin(0)
    assert pace.due(EVERY_EVENTS, WEEK_US)
    assert pace.between(1e12) == BETWEEN_MIN
    assert pace.between(1e-12) == BETWEEN_MAX


def test_it_goes_on_from_its_state():
    """A restored pace says what the saved one said."""
    pace, other = Pace(), Pace()
    pace.begin(3)
    pace.due(EVERY_EVENTS, WEEK_US)
    other.restore(pace.state())
    assert other.between(2.0) == pace.between(2.0)
    other.restore(Pace().state())
    assert not other.due(EVERY_EVENTS, WEEK_US)


def test_a_slipped_first_time_is_forgotten():
    """A first event years ahead of the stream leaves no trace: the rate is of what came since."""
    pace, now = Pace(), 1_000
    pace.begin(now + 5_000 * WEEK_US)
    assert not pace.due(EVERY_EVENTS, now)
    assert pace.due(2 * EVERY_EVENTS, now + WEEK_US // 10)
    assert pace.between(1.0) == 10 * EVERY_EVENTS
    other = Pace()
    other.restore(pace.state())
    for it in (pace, other):
        assert it.due(3 * EVERY_EVENTS, now + 2 * (WEEK_US // 10))
    assert other.between(1.0) == pace.between(1.0) == 10 * EVERY_EVENTS
