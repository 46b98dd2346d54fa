import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb_services.pace import SLEEP_SECONDS_MAX, Pacer


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self):
        self.now, self.longest = 100.0, 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.longest = max(self.longest, seconds)
        self.now += seconds + 1e-9


def batch(times):
    return Batch.of(np.zeros((len(times), 1), np.float32), time=np.array(times, np.int64))


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_events_come_at_the_streams_own_speed(cut):
    """With times, each row comes when its time is due, however the stream was cut; one out of order with the last."""
    seconds = [0, 1, 1, 5, 2]
    clock = Clock()
    pacer = Pacer(2.0, has_time=True, clock=clock, sleep=clock.sleep)
    came = []
    for start in range(0, 5, cut):
        part = batch([1_000_000 * s for s in seconds[start : start + cut]])
        for piece in pacer.cut(part):
            came += [clock.now - 100] * len(piece)
    assert came == pytest.approx([0, 0.5, 0.5, 2.5, 2.5], abs=1e-3)
    assert clock.longest <= SLEEP_SECONDS_MAX


def test_without_times_events_come_at_a_rate():
    """Without times, speed is events a second."""
    clock = Clock()
    pacer = Pacer(10.0, has_time=False, clock=clock, sleep=clock.sleep)
    came = [clock.now - 100 for part in (batch([0] * 3), batch([0] * 4)) for _ in pacer.cut(part)]
    assert came == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], abs=1e-3)


def test_what_is_overdue_comes_at_once():
    """A slow pipeline is not slowed further: all rows that are due come in one piece."""
    clock = Clock()
    pacer = Pacer(1.0, has_time=True, clock=clock, sleep=clock.sleep)
    sizes = []
    for piece in pacer.cut(batch([0, 1_000_000, 2_000_000, 3_000_000])):
        sizes.append(len(piece))
        clock.now += 10
    assert sizes == [1, 3]
