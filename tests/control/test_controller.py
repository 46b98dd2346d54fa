"""The Plan: weights follow the window, scores the present shares, thresholds the objective."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import Config, ControlConfig
from streamimb.control import Controller
from streamimb.control.scoring import calibrate
from streamimb.errors import ConfigError
from streamimb.pipeline import Pipeline
from streamimb.rebalance import class_weights
from streamimb.schema import Feature, Label, Schema


def schema(k: int = 2) -> Schema:
    return Schema(features=[Feature(name="x")], label=Label(classes=list("abcdef")[:k], positive="b"))


def controller(**config: object) -> Controller:
    return Controller(schema(), ControlConfig(**config), "f1", events_max=10_000)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=6),
    st.sampled_from(["adaptive", "inverse_frequency", "effective_number", "cost", "oob", "uob", "hybrid", "none"]),
    st.floats(1, 1_000),
)
def test_weights_are_positive_finite_and_clamped(counts, rule, bound):
    """Whatever the counts, a vanished class included."""
    config = ControlConfig(weights=rule, weight_max=bound)
    weights = class_weights(np.array(counts), config, np.linspace(1, 5, len(counts)), [rule] * len(counts))
    assert (weights >= 1 / bound * (1 - 1e-9)).all() and (weights <= bound * (1 + 1e-9)).all()


def test_inverse_frequency_gives_every_class_the_same_sum():
    """n_k times w_k is the same for all."""
    counts = np.array([900, 90, 10])
    weights = class_weights(
        counts, ControlConfig(weights="inverse_frequency", weight_max=1_000), None, ["inverse_frequency"] * 3
    )
    assert np.ptp(counts * weights) == pytest.approx(0)


@pytest.mark.parametrize(
    ("objective", "rare", "expected"),
    [
        ("f1", 100, (3.0, 0.5263)),  # at a share of 0.05 all of the clamped weight
        ("f1", 10, (3.0**0.1, 0.5025**0.1)),
        ("cost:FN=50,FP=1", 10, (3.0**0.1, 0.5025**0.1)),
        ("recall>=0.9", 10, (3.0**0.1, 0.5025**0.1)),
        ("g_mean+kappa", 10, (3.0, 0.5025)),
        ("kappa", 10, (3.0, 0.5025)),
        ("balanced_accuracy", 10, (3.0, 0.5025)),
    ],
)
def test_adaptive_weights_fade_with_the_share_where_the_objective_is_of_the_rare_class(objective, rare, expected):
    """And are the inverse frequency where all classes count alike."""
    control = Controller(schema(), ControlConfig(), objective, events_max=10_000)
    counts = np.array([2_000 - rare, rare])
    assert control.renew(counts, np.zeros(2), window_events=100, at_once=True).weights[::-1] == pytest.approx(
        expected, rel=1e-3
    )


def test_many_classes_and_rules_that_were_asked_for_do_not_fade():
    """Some of many classes are always rare, and who names a rule wants it."""
    counts = np.array([1_950, 10, 40])
    three = Controller(schema(3), ControlConfig(), "f1", events_max=10_000)
    asked = controller(weights="inverse_frequency", smoothing=0.0)
    one = controller(class_rules={"a": "none"}, smoothing=0.0)
    assert three.renew(counts, np.zeros(3), window_events=100, at_once=True).weights[1] == pytest.approx(3.0)
    assert asked.renew(counts[:2], np.zeros(2), window_events=100, at_once=True).weights[1] == pytest.approx(3.0)
    faded = one.renew(counts[:2], np.zeros(2), window_events=100, at_once=True).weights
    assert faded[0] == 1.0 and 1.0 < faded[1] < 3.0


def test_weights_move_smoothly_and_at_once_after_a_drift():
    """Smoothing keeps a share of the old weights, on a logarithmic scale; a drift keeps none."""
    control = controller(weights="inverse_frequency", smoothing=0.5, weight_max=10)
    control.renew(np.array([50, 50]), np.zeros(2), window_events=100, at_once=False)
    smooth = control.renew(np.array([90, 10]), np.zeros(2), window_events=100, at_once=False).weights
    assert smooth[1] == pytest.approx(np.sqrt(5.0))
    assert control.renew(np.array([90, 10]), np.zeros(2), window_events=100, at_once=True).weights[1] == pytest.approx(
        5.0
    )


def test_roles_may_flip():
    """The class that was rare gets the small weight once it is common."""
    control = controller(weights="inverse_frequency", smoothing=0.0)
    first = control.renew(np.array([990, 10]), np.zeros(2), window_events=1_000, at_once=False).weights
    second = control.renew(np.array([10, 990]), np.zeros(2), window_events=1_000, at_once=False).weights
    assert first[0] == pytest.approx(second[1]) and first[1] == pytest.approx(second[0])


def test_costs_name_classes_that_exist():
    """And are asked for where the rule needs them."""
    with pytest.raises(ConfigError, match=r"control\.costs: 'z' is none of the classes a, b"):
        controller(weights="cost", costs={"z": 2.0})
    with pytest.raises(ConfigError, match="needs the cost"):
        controller(weights="cost")
    with pytest.raises(ConfigError, match="the cost of missing any class is 0"):
        controller(weights="cost", costs={"a": 0.0, "b": 0.0})
    assert np.isfinite(controller(weights="cost", costs={"a": 0.0}).plan.weights).all()


def simulate(
    share: float, n: int = 30_000, seed: int = 3, **control: object
) -> tuple[Pipeline, np.ndarray, np.ndarray]:
    """A stream of two Gaussians; the pipeline, its scores of the second half, the labels."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(np.int16)
    X = rng.normal(2 * y, 1.0).astype(np.float32).reshape(-1, 1)
    pipeline = Pipeline(schema(), Config(control=control))
    scores = pipeline.process(Batch.of(X, y)).predictions.scores[:, 1]
    return pipeline, scores[n // 2 :], y[n // 2 :]


@pytest.mark.parametrize("share", [0.3, 0.05, 0.01])
def test_scores_are_probabilities_under_the_streams_own_shares(share):
    """However much the learner was weighted: the mean score is the share, and bins say what they mean."""
    _, scores, y = simulate(share, weights="inverse_frequency")
    assert scores.mean() == pytest.approx(y.mean(), rel=0.2)
    bold = scores > 5 * share if share < 0.1 else scores > 0.5
    assert bold.sum() > 100 and y[bold].mean() == pytest.approx(scores[bold].mean(), rel=0.5)


def test_without_the_correction_weighted_scores_overstate_the_minority():
    """What prior correction and calibration are for."""
    _, scores, y = simulate(0.01, weights="inverse_frequency", weight_max=10, prior_correction=False, calibration=False)
    assert scores.mean() > 5 * y.mean()


def test_calibration_alone_undoes_a_distortion():
    """Odds that are squared and shifted come back."""
    rng = np.random.default_rng(0)
    ratio = rng.normal(size=40_000)
    y = (rng.random(40_000) < 1 / (1 + np.exp(-ratio))).astype(np.int16)
    raw = np.stack([np.zeros(40_000), 2 * ratio + 1], axis=1).astype(np.float32)
    fit = np.zeros((2, 3))
    fit[0, 0] = 1.0
    calibrate(raw, y, np.zeros((5, 2)), fit, np.zeros(2), 0.9999)
    assert fit[0, 0] == pytest.approx(0.5, abs=0.05)
    assert fit[0, 2] - fit[0, 1] == pytest.approx(-0.5, abs=0.1)


def test_calibration_of_many_classes_undoes_a_distortion():
    """The temperature comes back."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(40_000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.random((40_000, 1)) > p.cumsum(axis=1)).sum(axis=1).astype(np.int16)
    fit = np.zeros((2, 4))
    fit[0, 0] = 1.0
    calibrate((2 * logits).astype(np.float32), y, np.zeros((5, 3)), fit, np.zeros(3), 0.9999)
    assert fit[0, 0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("objective", "recall_above", "precision_above"), [("f1", 0.3, 0.3), ("recall>=0.9", 0.8, 0.0)]
)
def test_the_threshold_serves_the_objective(objective, recall_above, precision_above):
    """Recall of at least 0.9 is very nearly reached; F1 balances."""
    pipeline, _, _ = simulate(0.05, objective=objective)
    shown = pipeline.summary()["objectives"][objective]
    assert shown["recall"] > recall_above and shown["precision"] > precision_above


def test_the_shown_objective_is_what_was_decided():
    """The chosen objective's row counts the very decisions of the run."""
    pipeline, _, _ = simulate(0.05, objective="kappa")
    told = pipeline.summary()
    assert told["objectives"]["kappa"]["recall"] == pytest.approx(told["classes"]["b"]["recall"][0])
    assert told["objectives"]["kappa"]["value"] == pytest.approx(told["metrics"]["kappa"][0])


def test_a_fixed_threshold_stays():
    """No tuning where a number is given."""
    pipeline, _, _ = simulate(0.05, threshold=0.3)
    assert pipeline.controller.plan.thresholds.tolist() == [0.7, 0.3]


def test_what_is_asked_for_is_not_cut_off_by_the_bound_of_shares():
    """A cost of fifty is one; weights made of shares stay at three."""
    counts, costs = np.array([990, 10]), np.array([1.0, 50.0])
    asked = class_weights(counts, ControlConfig(), costs, ["cost", "cost"])
    assert asked[1] / asked[0] == pytest.approx(50.0)
    assert class_weights(counts, ControlConfig(), costs, ["inverse_frequency", "cost"]).tolist() == pytest.approx(
        [1 / 1.98, asked[1]]
    )
    assert class_weights(counts, ControlConfig(), None, ["inverse_frequency"] * 2)[1] == 3.0
    assert class_weights(counts, ControlConfig(weight_max=7), costs, ["cost", "cost"])[1] == 7.0
