"""Comparisons of runs: their laws, their coverage, and their words."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamimb.evaluation import metrics, ranking
from streamimb.evaluation.compare import DISAGREEMENTS_MIN, Goal, Judged, block_max, compare
from streamimb.evaluation.names import CONFUSION_METRICS


def simulated(rng, n=1_000, rare=0.1, noises=(1.5, 1.5), burst=1, classes=2):
    """Labels and runs a, b, ... of a score that is the truth and noise, part of it shared; errors last a burst."""
    y = (rng.random(n) < rare).astype(np.int16) if classes == 2 else rng.integers(0, classes, n).astype(np.int16)
    shared, runs = rng.normal(size=n), {}
    for name, noise in zip("abcdef", noises, strict=False):
        own = np.repeat(rng.normal(size=-(-n // burst)), burst)[:n]
        if classes == 2:
            p = 1 / (1 + np.exp(-5 * (y - 0.5) - shared - noise * own))
            scores = np.stack([1 - p, p], 1)
        else:
            raw = np.exp(2 * (y[:, None] == np.arange(classes)) + noise * rng.normal(size=(n, classes)))
            scores = raw / raw.sum(1, keepdims=True)
        runs[name] = Judged(scores.argmax(1).astype(np.int16), scores.astype(np.float32))
    return y, runs


@pytest.mark.parametrize("classes", [2, 4])
def test_values_are_those_of_the_plain_functions(classes):
    """Every metric of every run equals its plain function, and the differences are theirs."""
    y, runs = simulated(np.random.default_rng(2), noises=(1.0, 2.0), classes=classes)
    told = compare(y, runs, positive=1, replicates=20)
    for name, run in runs.items():
        C = sk.confusion_matrix(y, run.decision, labels=range(classes))
        expected = {m: getattr(metrics, m)(C) for m in CONFUSION_METRICS}
        expected |= {m: getattr(metrics, m)(C)[1] for m in ("recall", "precision", "f1")}
        ranked = [1] if classes == 2 else range(classes)
        expected["roc_auc"] = np.mean([ranking.roc_auc(y == k, run.scores[:, k]) for k in ranked])
        expected["pr_auc"] = np.mean([ranking.pr_auc(y == k, run.scores[:, k]) for k in ranked])
        binary = classes == 2
        expected["brier"] = ranking.brier(y == 1 if binary else y, run.scores[:, 1] if binary else run.scores)
        expected["log_loss"] = ranking.log_loss(y, run.scores)
        assert {m: v[name][0] for m, v in told.values.items()} == pytest.approx(expected)
    for metric, (difference,) in told.differences.items():
        assert difference.value == pytest.approx(told.values[metric]["a"][0] - told.values[metric]["b"][0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.integers(1, 40))
def test_the_order_of_runs_only_turns_the_sign(seed, classes, block):
    """Comparing b with a gives the same p-values and verdicts, and the mirrored intervals, to the bit."""
    y, runs = simulated(np.random.default_rng(seed), n=400, noises=(1.0, 1.6), classes=classes)
    there = compare(y, runs, block_events=block, replicates=30, seed=seed)
    back = compare(y, dict(reversed(runs.items())), block_events=block, replicates=30, seed=seed)
    for metric, (d,) in there.differences.items():
        (e,) = back.differences[metric]
        np.testing.assert_array_equal([d.value, d.low, d.high, d.p], [-e.value, -e.high, -e.low, e.p])
        assert d.better == e.better
        assert there.between(metric, "b", "a").low == e.low or math.isnan(e.low)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]))
def test_identical_runs_do_not_differ(seed, classes):
    """The difference of a run to itself is 0 in every replicate, and nothing is told."""
    y, runs = simulated(np.random.default_rng(seed), n=300, noises=(1.5,), classes=classes)
    told = compare(y, {"a": runs["a"], "twin": runs["a"]}, replicates=25)
    for metric, (d,) in told.differences.items():
        assert (d.better, d.value) == (None, 0.0)
        assert (d.low, d.high, d.p) == (0.0, 0.0, 1.0)
        assert told.verdict(metric).endswith("they are alike on every event.")
    assert {(t.a_only, t.b_only, t.p) for t in told.mcnemar["a", "twin"].values()} == {(0, 0, 1.0)}


def test_the_same_seed_gives_the_same_comparison():
    """Intervals belong to the seed: again the same, with another one others, of about the same width."""
    y, runs = simulated(np.random.default_rng(3), noises=(1.0, 2.0))
    first, again, other = (compare(y, runs, replicates=200, seed=s).differences["f1"][0] for s in (1, 1, 2))
    assert first == again
    assert first.low != other.low
    assert (first.high - first.low) / (other.high - other.low) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(("n", "rare", "burst", "least"), [(1_000, 0.1, 1, 0.89), (3_000, 0.05, 50, 0.84)])
def test_intervals_hold_no_difference(n, rare, burst, least):
    """Of runs that are equally good, about 95 % of the intervals hold 0; where errors last 50 events, nearly so.

    McNemar's test and DeLong's take those errors for so many events and find differences where there are none.
    """
    rng, trials = np.random.default_rng(7), 120
    held, tests = {}, {"mcnemar": 0, "delong": 0}
    for trial in range(trials):
        y, runs = simulated(rng, n, rare, burst=burst)
        told = compare(y, runs, replicates=100, seed=trial)
        for metric, (d,) in told.differences.items():
            held[metric] = held.get(metric, 0) + (d.low <= 0 <= d.high)
        tests["mcnemar"] += told.mcnemar["a", "b"][None].p > 0.05
        tests["delong"] += told.delong["a", "b"].p > 0.05
    shares = {metric: count / trials for metric, count in held.items()}
    assert min(shares.values()) >= least, shares
    if burst == 1:
        assert 0.925 < np.mean([*shares.values()]) < 0.975
        assert min(tests.values()) / trials >= least
    else:
        assert tests["mcnemar"] / trials < 0.6


def test_intervals_hold_a_difference():
    """The true difference of two unequal runs is held about as often as asked."""
    rng, trials, held = np.random.default_rng(11), 120, np.zeros(2)
    y, runs = simulated(rng, 300_000, noises=(1.0, 2.0))
    truth = compare(y, runs, replicates=20)
    for trial in range(trials):
        y, runs = simulated(rng, 1_000, noises=(1.0, 2.0))
        told = compare(y, runs, replicates=100, seed=trial)
        for i, metric in enumerate(("f1", "pr_auc")):
            (d,), (true,) = told.differences[metric], truth.differences[metric]
            held[i] += d.low <= true.value <= d.high
    assert (held / trials >= 0.9).all(), held / trials


def test_more_runs_are_corrected_for_all_pairs():
    """With five equally good runs a false finding among all pairs stays rare; single p-values find more."""
    rng, trials, found, single = np.random.default_rng(13), 40, 0, 0
    for trial in range(trials):
        y, runs = simulated(rng, 600, noises=(1.5,) * 5)
        told = compare(y, runs, replicates=60, seed=trial)
        pairs = told.differences["kappa"]
        assert len(pairs) == 10
        assert all(d.p_adjusted >= d.p for d in pairs)
        found += any(d.better is not None for d in pairs)
        single += any(d.p < 0.05 for d in pairs)
        adjusted = [tests[None].p_adjusted >= tests[None].p for tests in told.mcnemar.values()]
        assert all(adjusted)
    assert found / trials <= 0.15
    assert single > found


def test_a_clear_difference_is_told_in_words():
    """The better run, the metric, the difference and its interval; of costs and losses less is better."""
    y, runs = simulated(np.random.default_rng(5), 3_000, noises=(0.5, 3.0))
    cost = Goal(lambda rows, cols, hits: (50 * (rows[1] - hits[1]) + cols[1] - hits[1]) / rows.sum(), False)
    told = compare(y, runs, goals={"cost": cost}, replicates=100)
    d = told.between("f1", "a", "b")
    assert told.verdict("f1", "F1 of bad") == (
        f"a is better than b in F1 of bad by {d.value:.3f} [{d.low:.3f}, {d.high:.3f}]."
    )
    for metric in ("cost", "brier", "log_loss"):
        d = told.between(metric, "a", "b")
        assert (d.value < 0, d.better, told.ordered(metric)) == (True, "a", ["a", "b"])
        assert f"[{-d.high:.3f}, {-d.low:.3f}]" in told.verdict(metric)


def test_too_few_disagreements_tell_nothing():
    """Fewer events decided differently than McNemar's exact test needs are no finding, whichever way they fall."""
    y, runs = simulated(np.random.default_rng(6), 2_000, noises=(0.1,))
    right = Judged(y.copy(), runs["a"].scores)
    for n, better in ((DISAGREEMENTS_MIN - 1, None), (4 * DISAGREEMENTS_MIN, "right")):
        wrong = y.copy()
        wrong[np.flatnonzero(y == 1)[:: len(y[y == 1]) // n][:n]] = 0
        told = compare(y, {"right": right, "wrong": Judged(wrong, runs["a"].scores)}, replicates=100)
        assert told.between("f1", "right", "wrong").better == better
    assert told.between("pr_auc", "right", "wrong").better is None


def test_what_is_undefined_stays_undefined():
    """With one true class there is nothing to tell apart: NaN, not 0, and no verdict."""
    rng = np.random.default_rng(8)
    _, runs = simulated(rng, 100, noises=(1.0, 2.0))
    told = compare(np.zeros(100, int), runs, replicates=20)
    for metric in ("g_mean", "kappa", "recall", "f1", "roc_auc", "pr_auc"):
        (d,) = told.differences[metric]
        assert np.isnan([d.value, d.low, d.high, d.p]).all()
        assert d.better is None
        assert told.verdict(metric).endswith("it is undefined.")
    assert not np.isnan(told.differences["brier"][0].low)


def test_a_class_that_most_replicates_miss_has_no_interval():
    """Two rare events in one place: many replicates draw neither, so the interval would be a guess."""
    y, runs = simulated(np.random.default_rng(9), 1_000, rare=0, noises=(1.0, 2.0))
    y[500:502] = 1
    told = compare(y, runs, block_events=10, replicates=100)
    (d,) = told.differences["recall"]
    assert np.isnan([d.low, d.high, d.p]).all()


def test_the_interval_of_a_value_never_shrinks_to_nothing():
    """A run that is right on all of few events still has an interval."""
    y = np.zeros(400, np.int16)
    y[::80] = 1
    scores = np.stack([1 - y, y], 1).astype(np.float32)
    told = compare(y, {"a": Judged(y, scores), "b": Judged(y, scores)}, replicates=20)
    for metric in ("recall", "precision", "f1", "g_mean", "roc_auc", "pr_auc"):
        value, low, high = told.values[metric]["a"]
        assert (value, high) == (1.0, 1.0)
        assert low < 0.9


def test_blocks_that_chance_cannot_move_are_refused():
    """Of one block, drawn around the end, every replicate is the stream itself: any difference would be certain."""
    y, runs = simulated(np.random.default_rng(1), 200)
    assert compare(y, runs, block_events=block_max(200), replicates=30).block_events == 20
    with pytest.raises(ValueError, match="blocks of 21 of 200 events: 20 at most"):
        compare(y, runs, block_events=21, replicates=30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, runs: (y, {"a": runs["a"]}), "two runs or more"),
        (lambda y, runs: (y[:0], runs), "no events"),
        (lambda y, runs: (y[:-1], runs), "a: 50 decisions, 50 scores, 49 labels"),
        (lambda y, runs: (y - 1, runs), "a label is none"),
        (lambda y, runs: (y, runs | {"b": Judged(runs["b"].decision + 5, runs["b"].scores)}), "b: a decision is none"),
        (lambda y, runs: (y, runs | {"b": Judged(y, runs["b"].scores * np.nan)}), "b: a score is not finite"),
        (lambda y, runs: (y, runs | {"b": Judged(y, np.ones((50, 3)))}), "a column a class, the same in all"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    """What cannot be compared is named."""
    y, runs = change(*simulated(np.random.default_rng(1), 50))
    with pytest.raises(ValueError, match=message):
        compare(y, runs)


def test_progress_is_told():
    """Every replicate is told, of how many."""
    told = []
    y, runs = simulated(np.random.default_rng(1), 50)
    compare(y, runs, replicates=20, tell=lambda done, total: told.append((done, total)))
    assert told == [(i, 20) for i in range(1, 21)]
