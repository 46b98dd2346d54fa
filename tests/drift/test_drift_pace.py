import numpy as np
import pytest

from streamimb.drift.pace import BETWEEN_MAX, BETWEEN_MIN, EVERY_EVENTS, WEEK_US, Pace


def run(times, sizes, pace=None):
    """Feed a pace as its owners do, in batches of these sizes in turn, saved and restored between them."""
    pace, seen, a, i = pace or Pace(), 0, 0, 0
    while a < len(times):
        end = min(a + sizes[i % len(sizes)], len(times))
        while a < end:
            b = min(a + pace.until(seen), end)
            pace.begin(int(times[a]))
            seen, a = seen + b - a, b
            pace.due(seen, int(times[b - 1]))
        other = Pace()
        other.restore(pace.state())
        pace, i = other, i + 1
    return pace


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


@pytest.mark.parametrize("slipped", [[0], [0, 1, 2], range(60), [63], [511]])
@pytest.mark.parametrize("slip", [0, 4 * 10**15])
def test_times_that_slipped_early_do_not_mislead(slipped, slip):
    """A first event of 1970, or of 2096, or the one whose time is noted: the rate is that of the others."""
    n, now, apart = 3 * EVERY_EVENTS, 1_700_000_000_000_000, 30_000_000
    times = now + apart * np.arange(n)
    times[list(slipped)] = slip
    assert run(times, [n]).between(1.0) == pytest.approx(WEEK_US / apart, rel=0.06)


def test_batches_and_restarts_are_invisible():
    """However the events are cut, the state is the same."""
    rng = np.random.default_rng(1)
    times = 10**15 + rng.integers(0, 10**8, 3 * EVERY_EVENTS).cumsum()
    times[0] = 0
    states = [run(times, sizes).state() for sizes in ([len(times)], [1, 7, 500], [4_095, 2])]
    for state in states[1:]:
        assert (state["marks"] == states[0]["marks"]).all()
        assert (state["marked"], state["a_week"]) == (states[0]["marked"], states[0]["a_week"])


def test_a_quiet_night_is_no_slip():
    """Eight hours without an event at the beginning belong to the stream."""
    times = 10**15 + np.r_[0, 28_800_000_000 + 2_000_000 * np.arange(EVERY_EVENTS - 1)]
    weeks = (times[-1] - times[0]) / WEEK_US
    assert run(times, [len(times)]).between(1.0) == pytest.approx(EVERY_EVENTS / weeks)


def test_it_goes_on_from_a_state_of_the_first_time_alone():
    """As an earlier version saved it."""
    pace = Pace()
    pace.restore({"begun": True, "first_us": 7, "from": 0, "a_week": 3_000.0})
    assert pace.between(1.0) == 3_000.0
    assert pace.due(EVERY_EVENTS, 7 + WEEK_US)
    assert pace.between(1.0) == EVERY_EVENTS
