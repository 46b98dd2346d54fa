"""What is told of the counts: values against scikit-learn on the same window, undefined ones, intervals."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamimb.config import EvaluationConfig, WindowConfig
from streamimb.evaluation import Prequential, calibration, layout, names, ranking
from streamimb.evaluation import metrics as ours
from streamimb.evaluation.scoring import score_bin

WINDOW = {"rarest": 8, "events_min": 30, "events_max": 200, "events": 50, "decay": 0.98}


def make(K=2, positive=1, **window):
    return Prequential(K, positive, window=WindowConfig(**(WINDOW | window)), config=EvaluationConfig(), seed=7)


def stream(n, K, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(K, n, p=np.r_[np.full(K - 1, 0.85 / (K - 1)), 0.15]).astype(np.int16)
    scores = rng.dirichlet(np.ones(K), n) + 0.5 * np.eye(K)[y]
    scores = (scores / scores.sum(1, keepdims=True)).astype(np.float32)
    return y, scores.argmax(1).astype(np.int16), scores


def told(evaluation):
    return {(m.window, m.metric, m.class_): m for m in evaluation.measure()}


def one_vs_rest(measure, y, scores, K, positive):
    """The positive's value for two classes, else the mean over the classes where it is defined."""
    each = [measure(y == k, scores[:, k]) for k in ([positive] if K == 2 else range(K)) if 0 < (y == k).sum() < len(y)]
    return np.mean(each) if each else np.nan


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([(2, 1), (2, 0), (5, 4)]), st.integers(1, 500), st.integers(0, 10_000))
def test_windows_are_measured_as_scikit_learn_does(classes, n, seed):
    """Metrics of both windows equal those computed from the window's own labels, decisions and scores."""
    K, positive = classes
    evaluation = make(K, positive)
    evaluation.update(*stream(n, K, seed))
    found = told(evaluation)
    for window in ("rarest", "events"):
        y, q, scores = evaluation.scores_in(window)
        C = sk.confusion_matrix(y, q, labels=range(K))
        expected = {(name, None): getattr(ours, name)(C) for name in names.CONFUSION_METRICS}
        for name in names.CLASS_METRICS:
            values = ours.f_beta(C, 2.0) if name == "f_beta" else getattr(ours, name)(C)
            expected |= {(name, k): v for k, v in enumerate(values)}
        expected["roc_auc", None] = one_vs_rest(sk.roc_auc_score, y, scores, K, positive)
        expected["pr_auc", None] = one_vs_rest(sk.average_precision_score, y, scores, K, positive)
        two = (y == positive, scores[:, positive])
        expected["brier", None] = ranking.brier(*two) if K == 2 else ranking.brier(y, scores)
        expected["log_loss", None] = ranking.log_loss(y, scores)
        hit, top = two if K == 2 else (y == scores.argmax(1), scores.max(1))
        expected["ece", None] = calibration.expected_calibration_error(calibration.calibration_table(hit, top))[0]
        for (name, k), value in expected.items():
            np.testing.assert_allclose(found[window, name, k].value, value, rtol=1e-5, atol=1e-6, err_msg=name)


@settings(max_examples=20, deadline=None)
@example((2, 1), 333, 7718, 0.5)
@given(st.sampled_from([(2, 1), (2, 0), (5, 4)]), st.integers(1, 500), st.integers(0, 10**4), st.floats(0.3, 0.999))
def test_what_decays_is_measured_with_weights(classes, n, seed, decay):
    """The decayed window is all events, weighing less as they grow old; its areas are those of the scores' bins."""
    K, positive = classes
    y, q, scores = stream(n, K, seed)
    evaluation = make(K, positive, decay=decay)
    evaluation.update(y, q, scores)
    found = {metric: m.value for (window, metric, k), m in told(evaluation).items() if (window, k) == ("decayed", None)}
    weight = decay ** np.arange(n)[::-1]
    error = (scores[:, positive] - (y == positive)) ** 2 if K == 2 else ((scores - np.eye(K)[y]) ** 2).sum(1)
    own = np.clip(scores[np.arange(n), y].astype(float), ranking.LOG_LOSS_CLIP, 1 - ranking.LOG_LOSS_CLIP)
    hit, top = (y == positive, scores[:, positive]) if K == 2 else (y == scores.argmax(1), scores.max(1))
    bins = np.clip(np.ceil(top.astype(float) * 10) - 1, 0, 9).astype(int)
    gaps = np.bincount(bins, weight * (top - hit), 10)
    assert found["brier"] == pytest.approx(np.average(error, weights=weight), abs=1e-6)
    assert found["log_loss"] == pytest.approx(np.average(-np.log(own), weights=weight), abs=1e-5)
    assert found["ece"] == pytest.approx(np.abs(gaps).sum() / weight.sum(), abs=1e-5)
    bits = int(evaluation._setup[layout.DECAYED_BITS])
    places = np.vectorize(lambda score: score_bin(score, bits), otypes=[float])(scores)
    for name, measure in (("roc_auc", sk.roc_auc_score), ("pr_auc", sk.average_precision_score)):
        value = one_vs_rest(partial(measure, sample_weight=weight), y, places, K, positive)
        assert found[name] == pytest.approx(value, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("decay", [0.9, 0.999])
def test_growing_weights_are_brought_back_in_time(decay):
    """However long the run, the weights of what decays stay finite, and the newest events are what is told."""
    evaluation = make(decay=decay)
    right, wrong = np.float32([[0.1, 0.9], [0.9, 0.1]]), np.float32([[0.9, 0.1], [0.1, 0.9]])
    y = np.tile(np.int16([1, 0]), 250_000)
    for scores in (np.tile(wrong, (250_000, 1)), np.tile(right, (250_000, 1))):
        evaluation.update(y, scores.argmax(1).astype(np.int16), scores)
        found = told(evaluation)
    assert found["decayed", "roc_auc", None].value == pytest.approx(1)
    assert found["decayed", "brier", None].value == pytest.approx(0.01)
    assert found["all", "brier", None].value == pytest.approx(0.41)
    assert sum(row[2] for row in evaluation.totals()["calibration_windows"]["decayed"]) == pytest.approx(
        1 / (1 - decay), abs=1
    )


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([2, 5]), st.integers(2, 500), st.integers(0, 10_000))
def test_intervals_hold_their_values(K, n, seed):
    """Every interval that is told holds its value, and the rarest window has one for every defined value."""
    evaluation = make(K)
    evaluation.update(*stream(n, K, seed))
    for m in evaluation.measure():
        if not math.isnan(m.low):
            assert m.low - 1e-9 <= m.value <= m.high + 1e-9, m
        if m.window == "rarest" or m.metric in ("recall", "precision"):
            assert math.isnan(m.value) == math.isnan(m.low), m


def test_every_metric_is_told_of_every_window_once():
    """Two classes: five metrics a class and the overall ones, by name, without repetition."""
    evaluation = make()
    evaluation.update(*stream(100, 2, 1))
    measures = evaluation.measure()
    keys = [(m.window, m.metric, m.class_) for m in measures]
    assert len(set(keys)) == len(keys)
    for window in ("all", "rarest", "events", "decayed"):
        overall = {m.metric for m in measures if m.class_ is None and m.window == window}
        assert overall == {*names.CONFUSION_METRICS, *names.SCORE_METRICS}
        assert {m.metric for m in measures if m.class_ == 1 and m.window == window} == {*names.CLASS_METRICS}
    assert {m.window for m in measures} == {"all", "rarest", "events", "decayed", "early"}


def test_an_absent_class_is_undefined():
    """Hours with one class: its recall is known, the other's and all that compares them is NaN, the support 0."""
    evaluation = make()
    evaluation.update(np.zeros(300, np.int16), np.zeros(300, np.int16), np.tile(np.float32([0.9, 0.1]), (300, 1)))
    found = told(evaluation)
    for window in ("all", "rarest", "events", "decayed"):
        assert found[window, "recall", 0].value == 1
        assert found[window, "recall", 1].support == 0
        for name, k in (("recall", 1), ("precision", 1), ("f1", 1), ("g_mean", None), ("kappa", None)):
            assert math.isnan(found[window, name, k].value)
        assert math.isnan(found[window, "pr_auc", None].value)
        assert found[window, "brier", None].value == pytest.approx(0.01)
    totals = evaluation.totals()
    assert math.isnan(totals["metrics"]["windowed_g_mean"][0])
    assert math.isnan(totals["classes"][1]["recall"][0])


def test_nothing_counted_is_undefined():
    """Before the first event every value is NaN and every support 0."""
    evaluation = make()
    assert all(math.isnan(m.value) and m.support == 0 for m in evaluation.measure())
    assert all(math.isnan(v[0]) for v in evaluation.totals()["metrics"].values())
    assert evaluation.totals()["calibration"] == []


def test_a_returning_class_is_defined_again():
    """A class that was gone for longer than the longest window has a recall again once it is back."""
    evaluation = make()
    half = np.full((400, 2), 0.5, np.float32)
    for y in (np.arange(400) % 4 == 0, np.zeros(400), np.arange(400) % 4 == 0):
        before = told(evaluation)["rarest", "recall", 1]
        evaluation.update(y.astype(np.int16), np.ones(400, np.int16), half)
    assert math.isnan(before.value)
    assert told(evaluation)["rarest", "recall", 1].value == 1


def test_early_recall_is_of_each_classs_last_labels():
    """The early recall is over the last labels of each class, as they came."""
    evaluation = make(rarest=4)
    y = np.array([1, 0, 1, 1, 0, 1, 1, 1], np.int16)
    q = np.array([0, 0, 0, 1, 1, 1, 1, 0], np.int16)
    evaluation.update_early(y[:3], q[:3])
    evaluation.update_early(y[3:], q[3:])
    found = told(evaluation)
    assert (found["early", "recall", 1].value, found["early", "recall", 1].support) == (0.75, 4)
    assert (found["early", "recall", 0].value, found["early", "recall", 0].support) == (0.5, 2)


@pytest.mark.parametrize("K", [2, 5])
def test_totals_are_the_whole_runs(K):
    """Totals hold every class and metric; the windowed ones are means over consecutive windows."""
    y, q, scores = stream(1_030, K, 3)
    evaluation = make(K)
    evaluation.update(y, q, scores)
    totals = evaluation.totals()
    C = sk.confusion_matrix(y, q, labels=range(K))
    for k in range(K):
        assert totals["classes"][k]["support"] == (y == k).sum()
        assert totals["classes"][k]["recall"][0] == pytest.approx(ours.recall(C)[k])
        assert totals["classes"][k]["f1"][0] == pytest.approx(ours.f1(C)[k])
        assert totals["classes"][k]["f_beta"][0] == pytest.approx(sk.fbeta_score(y == k, q == k, beta=2))
    metrics = totals["metrics"]
    assert set(metrics) == {*names.CONFUSION_METRICS, *names.SCORE_METRICS, *names.BLOCK_METRICS}
    assert metrics["kappa"][0] == pytest.approx(sk.cohen_kappa_score(y, q))
    assert metrics["roc_auc"][0] == pytest.approx(one_vs_rest(sk.roc_auc_score, y, scores, K, 1), abs=1e-4)
    blocks = [slice(i, i + 50) for i in range(0, 1_000, 50)]
    g = [ours.g_mean(sk.confusion_matrix(y[b], q[b], labels=range(K))) for b in blocks]
    assert metrics["windowed_g_mean"][0] == pytest.approx(np.nanmean(g))
    kappas = [ours.kappa(sk.confusion_matrix(y[b], q[b], labels=range(K))) for b in blocks]
    assert metrics["windowed_kappa"][0] == pytest.approx(np.nanmean(kappas))
    pr = [one_vs_rest(sk.average_precision_score, y[b], scores[b], K, 1) for b in blocks]
    assert metrics["windowed_pr_auc"][0] == pytest.approx(np.nanmean(pr))
    roc = [one_vs_rest(sk.roc_auc_score, y[b], scores[b], K, 1) for b in blocks]
    assert metrics["windowed_roc_auc"][0] == pytest.approx(np.nanmean(roc))
    assert all(low <= value <= high for value, low, high in metrics.values())
    assert sum(row[2] for row in totals["calibration"]) == 1_030
    for window in ("rarest", "events"):
        y, _, scores = evaluation.scores_in(window)
        hit, top = (y == 1, scores[:, 1]) if K == 2 else (y == scores.argmax(1), scores.max(1))
        table = calibration.calibration_table(hit, top)
        np.testing.assert_allclose(totals["calibration_windows"][window], calibration.reliability(table))


def test_many_classes_stay_bounded():
    """With very many classes, single classes are told of the rarest window only and the ring stays within its bytes."""
    K = 200
    evaluation = make(K, events_min=1_000, events_max=1_000_000)
    rng = np.random.default_rng(1)
    y = rng.integers(0, K, 2_000).astype(np.int16)
    evaluation.update(y, y, np.full((2_000, K), 1 / K, np.float32))
    per_class = [m for m in evaluation.measure() if m.class_ is not None]
    assert {m.window for m in per_class} == {"rarest", "early"}
    assert evaluation.window_events("rarest") == 2_000
