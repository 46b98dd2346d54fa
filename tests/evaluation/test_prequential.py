"""Prequential counting: a slow twin, cuts, restores, corrections, refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamimb.config import EvaluationConfig, WindowConfig
from streamimb.errors import StateError
from streamimb.evaluation import Prequential, layout, scoring
from streamimb.evaluation.ranking import pr_auc, roc_auc

WINDOW = {"rarest": 5, "events_min": 20, "events_max": 120, "events": 30, "decay": 0.97}


def make(K=2, positive=1, **window):
    return Prequential(K, positive, window=WindowConfig(**(WINDOW | window)), config=EvaluationConfig(), seed=7)


def stream(n, K, seed, vanish=False):
    """Events of K classes, the last rare; scores on a grid, so that they tie; a class may vanish and return."""
    rng = np.random.default_rng(seed)
    share = np.r_[np.full(K - 1, 0.9 / (K - 1)), 0.1]
    y = rng.choice(K, n, p=share).astype(np.int16)
    if vanish:
        y[n // 3 : 2 * n // 3][y[n // 3 : 2 * n // 3] == K - 1] = 0
    scores = rng.dirichlet(np.ones(K), n) + 0.4 * np.eye(K)[y]
    scores = (np.round(scores / scores.sum(1, keepdims=True) * 20) / 20).astype(np.float32)
    return y, scores.argmax(1).astype(np.int16), scores


def same(a, b):
    """Whether two states are the same bit for bit."""
    a, b = a.state(), b.state()
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def same_measures(a, b):
    for x, y in zip(a.measure(), b.measure(), strict=True):
        assert repr(x) == repr(y)


class Twin:
    """The evaluation as lists, recounted from the start each time."""

    def __init__(self, K, rarest, events_min, events_max, events, decay):
        self.K, self.rarest, self.least, self.most = K, rarest, events_min, events_max
        self.events, self.decay = events, decay
        self.y, self.q, self.start = [], [], 0
        self.decayed = np.zeros((K, K))

    def update(self, y, q):
        for c, d in zip(y, q, strict=True):
            self.y.append(int(c))
            self.q.append(int(d))
            self.decayed *= self.decay
            self.decayed[c, d] += 1
            while self.may_drop():
                self.start += 1

    def may_drop(self):
        held = self.y[self.start :]
        if len(held) > self.most:
            return True
        return len(held) > self.least and all(held[1:].count(k) >= self.rarest for k in set(self.y))

    def confusion(self, first):
        C = np.zeros((self.K, self.K), int)
        np.add.at(C, (self.y[first:], self.q[first:]), 1)
        return C


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 5]), st.integers(1, 400), st.integers(0, 10_000), st.booleans())
def test_windows_are_the_slow_twins(K, n, seed, vanish):
    """Confusions of all windows equal those recounted from lists, also when a class vanishes and returns."""
    y, q, scores = stream(n, K, seed, vanish)
    ours, twin = make(K), Twin(K, *WINDOW.values())
    ours.update(y, q, scores)
    twin.update(y, q)
    np.testing.assert_array_equal(ours.confusion("all"), twin.confusion(0))
    np.testing.assert_array_equal(ours.confusion("rarest"), twin.confusion(twin.start))
    np.testing.assert_array_equal(ours.confusion("events"), twin.confusion(max(n - 30, 0)))
    np.testing.assert_allclose(ours.confusion("decayed"), twin.decayed, rtol=1e-9)
    assert ours.window_events("rarest") == n - twin.start
    held = ours.scores_in("rarest")
    for got, expected in zip(held, (y, q, scores), strict=True):
        np.testing.assert_array_equal(got, expected[twin.start :])


def test_window_grows_to_hold_the_rarest():
    """At one in a hundred the window is as long as five of them need; where they abound it is at its least."""
    evaluation = make(events_max=2_000)
    rare = (np.arange(3_000) % 100 == 99).astype(np.int16)
    evaluation.update(rare, rare, np.full((3_000, 2), 0.5, np.float32))
    assert evaluation.confusion("rarest")[1].sum() == 5
    assert 400 < evaluation.window_events("rarest") <= 500
    even = (np.arange(2_000) % 2).astype(np.int16)
    evaluation.update(even, even, np.full((2_000, 2), 0.5, np.float32))
    assert evaluation.window_events("rarest") == 20


def test_decayed_confusion_survives_any_length():
    """Long after its growing weight had to be scaled back, the decayed confusion is still the plain recursion's."""
    y, q, scores = stream(3_000, 2, 1)
    evaluation, twin = make(decay=0.5), Twin(2, *(WINDOW | {"decay": 0.5}).values())
    evaluation.update(y, q, scores)
    twin.update(y, q)
    np.testing.assert_allclose(evaluation.confusion("decayed"), twin.decayed, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 5]), st.integers(0, 10_000), st.lists(st.integers(0, 2_500), max_size=8))
def test_batching_is_invisible(K, seed, cuts):
    """However events are cut into updates, the state and the measures are the same bit for bit."""
    y, q, scores = stream(2_500, K, seed)
    whole, cut = make(K, events_max=2_000, rarest=300), make(K, events_max=2_000, rarest=300)
    whole.update(y, q, scores)
    edges = [0, *sorted(cuts), 2_500]
    for a, b in itertools.pairwise(edges):
        cut.update(y[a:b], q[a:b], scores[a:b])
    same(whole, cut)
    same_measures(whole, cut)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 5]), st.integers(0, 10_000), st.integers(0, 2_000))
def test_restore_goes_on(K, seed, at):
    """An evaluation restored at any event goes on as if never stopped."""
    y, q, scores = stream(2_000, K, seed)
    whole, before, after = (make(K, events_max=1_800, rarest=250) for _ in range(3))
    for evaluation in (whole, before):
        evaluation.update(y[:at], q[:at], scores[:at])
        evaluation.update_early(y[:at], q[:at])
    after.update(y[:7], q[:7], scores[:7])
    after.restore(before.state())
    for evaluation in (whole, after):
        evaluation.update(y[at:], q[at:], scores[at:])
        evaluation.update_early(y[at:], q[at:])
        back = np.arange(0, 2_000, 97)
        evaluation.correct(back, y[back], (y[back] + 1) % K, q[back], scores[back])
    same(whole, after)
    same_measures(whole, after)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([2, 5]), st.integers(1, 400), st.integers(0, 10_000), st.data())
def test_correction_is_the_right_label(K, n, seed, data):
    """After corrections the totals are as if the labels had been right, and so are the windows that hold them."""
    y, q, scores = stream(n, K, seed)
    wrong = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1), max_size=10))), np.int64)
    first = y.copy()
    first[wrong] = (y[wrong] + 1) % K
    late, right = make(K), make(K)
    late.update(first, q, scores)
    late.correct(wrong, first[wrong], y[wrong], q[wrong], scores[wrong])
    right.update(y, q, scores)
    for window in ("all", "events"):
        np.testing.assert_array_equal(late.confusion(window), right.confusion(window))
    np.testing.assert_array_equal(late.scores_in("events")[0], right.scores_in("events")[0])
    recounted = np.zeros((K, K), int)
    np.add.at(recounted, late.scores_in("rarest")[:2], 1)
    np.testing.assert_array_equal(late.confusion("rarest"), recounted)
    ours, theirs = late.totals(), right.totals()
    assert repr(ours["classes"]) == repr(theirs["classes"])
    for name, value in theirs["metrics"].items():
        if not name.startswith("windowed"):
            np.testing.assert_allclose(ours["metrics"][name], value, rtol=1e-6, atol=1e-9)
    assert [row[2] for row in ours["calibration"]] == [row[2] for row in theirs["calibration"]]


def test_corrections_cut_anywhere_are_the_same():
    """Corrections one by one leave the bits that all at once leave."""
    y, q, scores = stream(300, 5, 2)
    one, all_ = make(5), make(5)
    back = np.arange(0, 300, 7)
    new = ((y[back] + 2) % 5).astype(np.int16)
    for evaluation in (one, all_):
        evaluation.update(y, q, scores)
    all_.correct(back, y[back], new, q[back], scores[back])
    for i, number in enumerate(back):
        one.correct(back[i : i + 1], y[[number]], new[i : i + 1], q[[number]], scores[[number]])
    same(one, all_)


@pytest.mark.parametrize(
    ("y", "q", "score"), [(-1, 0, 0.5), (2, 0, 0.5), (0, 2, 0.5), (0, -1, 0.5), (0, 0, np.nan), (0, 0, np.inf)]
)
def test_refused_events_change_nothing(y, q, score):
    """A class out of range or a score that is not finite is refused, with all of its batch."""
    evaluation, untouched = make(), make()
    labels, decided = np.array([1, y], np.int16), np.array([1, q], np.int16)
    with pytest.raises(ValueError, match="out of range"):
        evaluation.update(labels, decided, np.array([[0.5, 0.5], [0.5, score]], np.float32))
    same(evaluation, untouched)


def test_refused_corrections_change_nothing():
    """An event not counted yet cannot be corrected; a matrix of scores must fit."""
    y, q, scores = stream(10, 2, 1)
    evaluation, untouched = make(), make()
    for e in (evaluation, untouched):
        e.update(y, q, scores)
    with pytest.raises(ValueError, match="out of range"):
        evaluation.correct(np.array([0, 10]), y[:2], y[:2], q[:2], scores[:2])
    with pytest.raises(ValueError, match="out of range"):
        evaluation.update_early(np.array([2], np.int16), q[:1])
    with pytest.raises(ValueError, match="scores are"):
        evaluation.update(y, q, scores[:, :1])
    same(evaluation, untouched)


def test_scores_are_held_within_bounds():
    """Scores a rounding error outside [0, 1], or a negative zero, count as the bound."""
    loose, held = make(), make()
    y, q = np.array([0, 1], np.int16), np.array([0, 1], np.int16)
    loose.update(y, q, np.array([[1.0000001, -0.0], [-1e-7, 1.5]], np.float32))
    held.update(y, q, np.array([[1, 0], [0, 1]], np.float32))
    same(loose, held)


def test_misfit_states_are_refused():
    """A state of other windows, with a part missing or cut short, is refused and changes nothing."""
    y, q, scores = stream(50, 2, 1)
    evaluation, untouched = make(), make()
    for e in (evaluation, untouched):
        e.update(y, q, scores)
    state = evaluation.state()
    for bad in (
        make(rarest=6).state(),
        make(5, 1).state(),
        {k: v for k, v in state.items() if k != "ints"},
        state | {"floats": state["floats"][:-1]},
        state | {"scores": state["scores"][1:]},
        state | {"early_seen": state["early_seen"].astype(np.int32)},
    ):
        with pytest.raises(StateError):
            evaluation.restore(bad)
        same(evaluation, untouched)


def test_state_is_a_copy():
    """Going on does not change a state taken before."""
    y, q, scores = stream(50, 2, 1)
    evaluation = make()
    evaluation.update(y, q, scores)
    state = evaluation.state()
    before = {k: np.copy(v) for k, v in state.items()}
    evaluation.update(y, q, scores)
    for name, value in before.items():
        np.testing.assert_array_equal(state[name], value)


def test_score_bins_rise_with_the_score():
    """Bins keep the order of scores, stay in range, and tell apart odds that differ by two thousandths."""
    bits = 10
    scores = np.sort(np.r_[np.random.default_rng(1).random(4_000) ** 4, 0, 1, 0.5, 1e-30, 1 - 2**-24]).astype(
        np.float32
    )
    bins = np.array([scoring.score_bin(s, bits) for s in scores])
    assert (np.diff(bins) >= 0).all()
    assert bins.min() == 0
    assert bins.max() < 2 * layout.OCTAVES << bits
    logit = np.arange(-17, 9, 0.002)
    apart = np.array([scoring.score_bin(np.float32(p), bits) for p in 1 / (1 + np.exp(-logit))])
    assert (np.diff(apart) > 0).all()


@pytest.mark.parametrize("separation", [0.5, 1.5, 4.0])
def test_histogram_areas_are_close(separation):
    """The whole run's areas, read off the histogram, are within 1e-4 of the exact ones."""
    rng = np.random.default_rng(6)
    y = (rng.random(100_000) < 0.005).astype(np.int16)
    score = 1 / (1 + np.exp(-(rng.normal(size=len(y)) * 1.5 + separation * y - 6)))
    scores = np.stack([1 - score, score], 1).astype(np.float32)
    evaluation = make()
    evaluation.update(y, y, scores)
    found = evaluation.totals()["metrics"]
    assert found["roc_auc"][0] == pytest.approx(roc_auc(y, scores[:, 1]), abs=1e-4)
    assert found["pr_auc"][0] == pytest.approx(pr_auc(y, scores[:, 1]), abs=1e-4)
    assert roc_auc(y, scores[:, 1]) == pytest.approx(sk.roc_auc_score(y, scores[:, 1]))
