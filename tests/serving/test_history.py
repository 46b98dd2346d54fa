from hypothesis import given
from hypothesis import strategies as st

from streamimb.serving.history import LEVEL_ROWS_MAX, LEVELS_MAX, History


@given(st.integers(0, 400), st.integers(1, 8), st.integers(1, 5), st.integers(1, 4))
def test_a_history_is_in_order_bounded_and_ends_with_the_newest(n, rows_max, thinned, levels):
    """However many rows come: in order, none twice, no more than fit, and the newest ``rows_max`` whole."""
    history = History(rows_max, thinned, levels)
    for value in range(n):
        history.add([value])
    left = [value for (value,) in history.rows()]
    assert left == sorted(set(left))
    assert len(history) == len(left) <= rows_max * levels
    assert left[-min(rows_max, n) :] == list(range(max(n - rows_max, 0), n)) if n else not left


def test_days_of_seconds_reach_far_back():
    """A row a second: after four days the history is no larger, and its oldest row is two days old."""
    history = History()
    for second in range(4 * 86_400):
        history.add([second])
    oldest = history.rows()[0][0]
    assert len(history) <= LEVEL_ROWS_MAX * LEVELS_MAX
    assert 4 * 86_400 - oldest > 2 * 86_400
