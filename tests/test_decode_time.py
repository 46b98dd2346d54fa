import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamimb.batch import TIME_LIMIT_US
from streamimb.decode_time import from_iso, from_numbers
from streamimb.durations import UNITS_US, parse_duration
from streamimb.errors import ConfigError

NUMBERS = st.none() | st.integers(-(10**25), 10**25) | st.floats()


def one_by_one(value, unit):
    """The slow and obvious twin: exact for whole numbers, rounded for fractions, None for no time."""
    if value is None or value != value or abs(value) == float("inf"):
        return None
    time = value * UNITS_US[unit] if isinstance(value, int) else value * float(UNITS_US[unit])
    if abs(time) >= TIME_LIMIT_US:
        return None
    return round(time)


@example([1.797693134862316e302], "s")
@given(st.lists(NUMBERS, max_size=8), st.sampled_from(["s", "ms", "us"]))
def test_numbers_become_microseconds_one_by_one(values, unit):
    """A time does not depend on its neighbours, and whole numbers are exact."""
    times, bad = from_numbers(values, unit)
    assert [None if b else int(t) for t, b in zip(times, bad, strict=True)] == [one_by_one(v, unit) for v in values]


def test_numbers_past_float_are_no_times():
    """Digits without end do not overflow."""
    _, bad = from_numbers([10**400, -(10**400), 1], "s")
    assert bad.tolist() == [True, True, False]


@pytest.mark.parametrize("text", ["", "now", "2024-13-01", "2024-02-30T00:00:00Z", "1700000000000", None])
def test_what_is_no_iso_time_is_said_to_be_none(text):
    """Bad texts are marked, their neighbours kept."""
    times, bad = from_iso([text, "1970-01-01T00:00:01Z"])
    assert bad.tolist() == [True, False]
    assert times.tolist() == [0, 1_000_000]


def test_iso_times_reach_over_all_years():
    """From year 1 to year 9999, exactly."""
    times, bad = from_iso(["0001-01-01", "9999-12-31T23:59:59.999999Z"])
    assert not bad.any()
    assert np.diff(times).tolist() == [315_537_897_599_999_999]


def test_a_time_at_the_limit_is_none():
    """One microsecond nearer is a time."""
    most = TIME_LIMIT_US - 1
    times, bad = from_numbers([most, -most, most + 1, -most - 1, 2 * most + 2, -2 * most - 2], "us")
    assert bad.tolist() == [False, False, True, True, True, True]
    assert times[:2].tolist() == [most, -most]


def test_a_duration_longer_than_any_stream_is_refused():
    """Instead of overflowing where it is added to a time."""
    with pytest.raises(ConfigError, match=r"label\.wait.*longer than any stream"):
        parse_duration("999999999999d", has_time=True, key="label.wait")
    with pytest.raises(ConfigError, match="longer than any stream"):
        parse_duration(1 << 61, has_time=False, key="label.wait")
