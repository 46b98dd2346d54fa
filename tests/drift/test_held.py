import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.drift.held import APART_EVENTS, APART_MAX, HeldRules
from streamimb.errors import StateError
from streamimb.testing import digest

RARE = np.array([0.9, 0.1])
HERE, FAR = np.zeros(2), np.array([0.0, APART_MAX * 1.5])


def decided(held: HeldRules, raw: list[list[float]], y: list[int], decision: list[int]) -> list[int]:
    """What tells of recall, an event each."""
    told = np.array(decision, np.int16)
    held.decide(np.array(raw, np.float32), np.array(y, np.int16), told)
    return told.tolist()


def test_only_a_minority_is_watched_and_one_that_becomes_it_begins_anew():
    """Roles flip: the class that was rare is told of no more, the other from then on."""
    held = HeldRules(2)
    assert held.renew(HERE, RARE) == [1]
    assert decided(held, [[0, 1], [0, 1]], [0, 1], [0, 1]) == [-1, 1]
    assert held.renew(HERE, RARE) == []
    assert held.renew(HERE, RARE[::-1]) == [0]
    assert decided(held, [[0, 1], [0, 1]], [0, 1], [0, 1]) == [1, -1]


def test_shares_that_waver_about_a_half_begin_nothing_anew():
    """Of two classes of one size both are watched, whichever is smaller at the moment."""
    held = HeldRules(2)
    assert held.renew(HERE, np.array([0.51, 0.49])) == [1]
    assert held.renew(HERE, np.array([0.49, 0.51])) == [0]
    for share in (0.48, 0.53, 0.45, 0.55):
        assert held.renew(HERE, np.array([share, 1 - share])) == []


def test_a_threshold_that_moves_changes_no_decision_that_is_told():
    """What the Plan decided plays no part, and its new rule only once it has stood far off for long."""
    held = HeldRules(2)
    held.renew(HERE, RARE)
    assert held.renew(FAR, RARE) == []
    assert decided(held, [[0, -1]], [1], [1]) == [0]
    for _ in range(APART_EVENTS - 2):
        decided(held, [[0, -1]], [1], [1])
    assert held.renew(FAR, RARE) == []
    assert decided(held, [[0, -1]], [1], [1]) == [0]
    assert held.renew(FAR, RARE) == [1]
    assert decided(held, [[0, -1]], [1], [1]) == [1]


def test_a_threshold_that_comes_back_is_not_followed():
    """The count of events begins anew when the Plan's rule is near again."""
    held = HeldRules(2)
    held.renew(HERE, RARE)
    for rule in (FAR, HERE, FAR):
        assert held.renew(rule, RARE) == []
        for _ in range(APART_EVENTS - 1):
            decided(held, [[0, -1]], [1], [1])
    assert held.renew(FAR, RARE) == []


def test_what_tells_nothing_stays_nothing_and_after_forgetting_so_does_all():
    """No decision is no decision, and without a rule there is none."""
    held = HeldRules(2)
    held.renew(HERE, RARE)
    assert decided(held, [[0, 1]], [1], [-1]) == [-1]
    held.forget()
    assert decided(held, [[0, 1]], [1], [1]) == [-1]
    assert held.renew(FAR, RARE) == [1]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1_000), n_classes=st.integers(2, 5), cut=st.integers(0, 60))
def test_decides_as_the_rule_says_wherever_events_are_cut_and_the_state_is_saved(seed, n_classes, cut):
    """The class of the largest sum of raw score and offset, for every class that is rarer than its fair share."""
    rng = np.random.default_rng(seed)
    shares, offsets = rng.dirichlet(np.ones(n_classes)), rng.normal(size=n_classes)
    raw, y = rng.normal(size=(60, n_classes)).astype(np.float32), rng.integers(0, n_classes, 60).astype(np.int16)
    decision = rng.integers(-1, n_classes, 60).astype(np.int16)
    held, other = HeldRules(n_classes), HeldRules(n_classes)
    held.renew(offsets, shares)
    held.renew(offsets + rng.normal(size=n_classes), shares)
    expected = np.where(decision < 0, -1, np.where(shares[y] < 1 / n_classes, (raw + offsets).argmax(axis=1), -1))
    held.decide(raw[:cut], y[:cut], decision[:cut])
    other.restore(held.state())
    other.decide(raw[cut:], y[cut:], decision[cut:])
    assert decision.tolist() == expected.tolist()
    held.decide(raw[cut:], y[cut:], np.where(expected[cut:] < 0, -1, 0).astype(np.int16))
    assert digest(other.state()) == digest(held.state())


@pytest.mark.parametrize("what", ["classes", "missing", "not finite"])
def test_refuses_a_state_that_does_not_fit(what):
    """A state of other classes, or none that can be, is refused and changes nothing."""
    held = HeldRules(2)
    state = HeldRules(3 if what == "classes" else 2).state()
    if what == "missing":
        del state["since"]
    if what == "not finite":
        state["rule"][0, 0] = np.nan
    with pytest.raises(StateError, match="held rules"):
        held.restore(state)
    assert held.renew(HERE, RARE) == [1]
