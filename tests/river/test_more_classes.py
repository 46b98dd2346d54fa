"""A class that appears late, or another guess of the positive one, leaves what is known of the others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from river import naive_bayes, preprocessing
from river.linear_model import LogisticRegression, SoftmaxRegression

from streamimb.config import ControlConfig, DriftConfig, WindowConfig
from streamimb.control.reaction import g_mean
from streamimb.drift.adwin import AdwinBank
from streamimb.drift.bank import RECALL, SHARE, SingleBank
from streamimb.drift.monitor import Monitor
from streamimb.drift.scan import ScanBank
from streamimb.errors import ConfigError
from streamimb.kernel import uniform
from streamimb.outcome import Signal
from streamimb.rebalance.weights import OF_SHARES, bound_of
from streamimb.river import CompiledClassifier, RebalancedClassifier
from streamimb.river.classes import GUESS_LABELS
from streamimb.river.learner import DictLearner
from streamimb.river.loop import Loop
from streamimb.river.rebalanced import STRATEGIES


def event(i: int, share: float = 0.03) -> tuple[dict[str, float], str]:
    y = uniform(1, i, 0) < share
    return {"x": sum(uniform(1, i, j) for j in range(1, 5)) - 2.0 + 0.6 * y}, "b" if y else "a"


def classifier(**parameters: Any) -> RebalancedClassifier:
    model = preprocessing.StandardScaler() | SoftmaxRegression()
    return RebalancedClassifier(model, positive="b", every=100, **{"drift": "tell", **parameters})


def teach(model: RebalancedClassifier, first: int, until: int) -> None:
    for i in range(first, until):
        model.learn_one(*event(i))


def looped(n: int) -> Loop:
    learner = DictLearner(naive_bayes.GaussianNB, [0, 1], native=False, seed=1)
    loop = Loop(learner, 2, 1, ControlConfig(every=100), DriftConfig(), WindowConfig())
    for i in range(n):
        x, y = event(i, 0.05)
        loop.learn(x, int(y == "b"))
    return loop


def grow(loop: Loop) -> None:
    loop._learner.labels.append(2)  # as a third label does, before the loop is told
    loop.rebuild(3, 1)


def drift(position: int) -> Signal:
    return Signal(position, position, RECALL, "scan", "1", "drift", 0.1, 0.2, "")


@pytest.mark.parametrize("objective", ["recall>=0.9", "f_beta:2", "cost:FN=5,FP=1"])
def test_an_objective_for_two_classes_refuses_a_third_with_nothing_changed(objective):
    """And goes on as if the label had never come, one by one and in a frame."""
    import pandas as pd

    model, other = classifier(objective=objective), classifier(objective=objective)
    teach(model, 0, 600)
    teach(other, 0, 600)
    with pytest.raises(ValueError, match=r"'c' is one class too many beside .*objective .* is for two classes: tell"):
        model.learn_one({"x": 0.0}, "c")
    with pytest.raises(ValueError, match="'c' is one class too many"):
        model.learn_many(pd.DataFrame({"x": [0.0, 1.0]}), pd.Series(["a", "c"]))
    teach(model, 600, 900)
    teach(other, 600, 900)
    assert model.classes == other.classes
    assert model.predict_proba_one({"x": 0.3}) == other.predict_proba_one({"x": 0.3})


@pytest.mark.parametrize("objective", ["alerts<=100/day", "precision@10/day"])
def test_alerts_a_day_are_refused_at_once(objective):
    """A loop without times could never keep to them."""
    with pytest.raises(ConfigError, match="counts alerts a day, and a river loop has no times: take"):
        classifier(objective=objective)


@pytest.mark.parametrize("strategy", ["none", "inverse_frequency"])
def test_one_event_of_a_new_class_leaves_the_probabilities_of_the_others(strategy):
    """What the learner was trained on, and its calibration, are known as before."""
    alone, joined = classifier(strategy=strategy), classifier(strategy=strategy)
    for model, third in ((alone, "a"), (joined, "c")):
        teach(model, 0, 6_000)
        model.learn_one({"x": 0.1}, third)
        teach(model, 6_001, 6_400)
    probes = [event(i)[0] for i in range(7_000, 7_300)]
    p, q = (np.mean([m.predict_proba_one(x)["b"] for x in probes]) for m in (alone, joined))
    assert q == pytest.approx(p, rel=0.12)


def test_what_is_known_of_drifts_and_of_what_was_done_goes_over():
    """Actions, resets, a trial, detectors and cool-downs; what was done is judged on the classes that there were."""
    loop = looped(3_000)
    loop.reactor.note(drift(2_999), "replace")
    loop._react()
    challenger, width, seen = loop.succession.challenger, loop.monitor.width(SHARE, 1), loop.windows.seen
    trained, sizes = loop.rebalancer.trained.copy(), loop.rebalancer.rates.sizes
    recall = [loop.monitor.width(RECALL, k) for k in (0, 1)]
    silent = loop.monitor._silent_until[SHARE][:, 0] = 9_999
    grow(loop)
    assert challenger is not None
    assert loop.succession.challenger is challenger
    assert [a.action for a in loop.reactor.actions] == ["replace"]
    assert (loop.monitor.width(SHARE, 1), loop.windows.seen) == (width, seen)
    assert [loop.monitor.width(RECALL, k) for k in (0, 1, 2)] == [*recall, 0]
    assert loop.monitor._silent_until[SHARE].tolist() == [[0, silent, 0]] * 2
    np.testing.assert_array_equal(loop.rebalancer.trained, [*trained, 0.0])
    np.testing.assert_allclose(loop.rebalancer.rates.sizes, [*sizes, 0.0])
    assert width > 2_000 < recall[0] + recall[1] + 3_000


def test_an_action_is_judged_on_the_classes_that_there_were():
    """Twenty events of a class that came once would be waited for in vain."""
    loop = looped(3_000)
    loop.reactor.note(drift(2_999), "reset")
    loop._react()
    grow(loop)
    for i in range(3_000, 5_000):
        x, y = event(i, 0.05)
        loop.learn(x, int(y == "b"))
    judged = next(a for a in loop.reactor.actions if a.action == "reset")
    assert judged.measured_at > 3_000
    assert np.isfinite(judged.after)


def test_resets_an_hour_are_bounded_across_classes():
    """A class that appears forgives nothing."""
    loop = looped(300)
    for n in range(4):
        loop.reactor.did("reset", drift(n), 300, 300, np.zeros((2, 2), np.int64))
    grow(loop)
    assert loop.reactor.note(drift(301), "reset").action == "adjust"


def test_before_is_what_was_decided_lately():
    """The G-mean over the window of the rarest class, as of a pipeline, not over the whole life."""
    loop, told = looped(0), []
    for i in range(30_000):
        turned = -1.0 if i < 20_000 else 1.0
        x, y = event(i, 0.3)
        scored = loop.score({"x": turned * x["x"]})
        told.append((int(y == "b"), scored.decision))
        loop.learn({"x": turned * x["x"]}, int(y == "b"))
    counts = np.zeros((2, 2), np.int64)
    lately = told[-loop.evaluation._windows.length("rarest") :]
    for y, decision in lately:
        counts[y, decision] += 1
    taken = loop.reactor.did("adjust", drift(1), 1, 1, counts)
    loop.reactor.note(drift(29_999), "adjust")
    loop._react()
    assert loop.reactor.actions[-1].before == taken.before
    assert len(lately) < 30_000
    assert abs(taken.before - g_mean(loop.evaluation.confusion())[0]) > 0.001


def test_what_missing_a_class_costs_weighs_its_lessons():
    """By label; of a class that is not named it is 1, also where it appears later."""
    model = classifier(strategy="cost", costs={"b": 5.0}, objective="g_mean", weight_max=10.0)
    teach(model, 0, 600)
    weights = model._loop.controller.plan.weights
    assert weights[model.classes.index("b")] / weights[model.classes.index("a")] == pytest.approx(5.0, rel=0.05)
    model.learn_one({"x": 0.0}, "c")
    weights = model._loop.controller.plan.weights
    assert weights[model.classes.index("c")] == pytest.approx(weights[model.classes.index("a")])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"strategy": "cost"}, "costs: strategy 'cost' needs {label: cost}"),
        ({"costs": {"b": 5}}, "costs: strategy 'adaptive' takes none"),
        ({"strategy": "cost", "costs": {}}, "costs: {}: what missing each label costs is wanted"),
        ({"strategy": "cost", "costs": {"b": 0}}, "costs: 'b': 0: a cost is a number above 0"),
        ({"strategy": "cost", "costs": {"b": np.bool_(True)}}, "costs: 'b': np.True_: a cost is a number above 0"),
        ({"strategy": "cost", "costs": {"b": np.float32("nan")}}, "costs: 'b': np.float32(nan): a cost is a number"),
        ({"strategy": "cost", "costs": {("b",): 5}}, "costs: label: ('b',) is a tuple"),
        ({"strategy": "cost", "costs": {None: 5}}, "costs: label: None: a missing label"),
    ],
)
def test_costs_that_cannot_be_are_told(parameters, message):
    """With what is wanted."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        classifier(**parameters)


def test_defaults_are_those_of_a_configuration():
    """The same rule and actions as of a pipeline that was told nothing; river's trees want the higher bound."""
    control, drifts, _ = RebalancedClassifier(SoftmaxRegression())._configs
    assert control == ControlConfig(objective="f1", weight_max=10)
    assert drifts == DriftConfig()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_weights_are_bounded_as_by_a_configuration(strategy):
    """But for those made of shares alone, which river's trees want to be larger; a bound that is given is taken."""
    costs = {True: 50} if strategy == "cost" else None
    control = RebalancedClassifier(SoftmaxRegression(), strategy, costs=costs)._configs[0]
    own = 10.0 if strategy in OF_SHARES else bound_of(strategy, ControlConfig())
    assert bound_of(strategy, control) == own
    given = RebalancedClassifier(SoftmaxRegression(), strategy, weight_max=7.0, costs=costs)._configs[0]
    assert bound_of(strategy, given) == 7.0


def test_a_model_is_taught_up_to_that_bound():
    """At 1 % a lesson of the rare class is one of a hundred, not of ten."""
    model = RebalancedClassifier(SoftmaxRegression(), "oob", drift="none")
    for i in range(4_000):
        model.learn_one({"x": uniform(1, i, 0)}, i % 100 == 0)
    assert 50 < model._loop.controller.plan.weights[model.classes.index(True)] <= 100


@pytest.mark.parametrize("number", [np.int64, np.int16, np.float32, np.float64, int])
def test_costs_are_numbers_of_numpy_too(number):
    """Labels and costs alike: what an array holds is what a person wrote."""
    parameters = {"strategy": "cost", "objective": "g_mean", "weight_max": 10.0}
    given, plain = classifier(**parameters, costs={np.str_("b"): number(5)}), classifier(**parameters, costs={"b": 5})
    teach(given, 0, 300)
    teach(plain, 0, 300)
    assert given.predict_proba_one({"x": 0.3}) == plain.predict_proba_one({"x": 0.3})
    whole = RebalancedClassifier(SoftmaxRegression(), "cost", costs={np.int64(1): number(5)})
    for i in range(4):
        whole.learn_one({"x": 0.1 * i}, np.int64(i % 2))
    assert [whole._cost_of(code) for code in (0, 1)] == [1.0, 5.0]


@pytest.mark.parametrize("positive", [None, "fraud"])
def test_a_cost_of_no_class_is_refused_when_both_are_known(positive):
    """And is told with the nearest, before anything changes."""
    model = RebalancedClassifier(LogisticRegression(), "cost", costs={"frad": 50}, positive=positive)
    if positive is None:
        model.learn_one({"x": 0.0}, "legit")
    known = model.classes
    message = "costs: 'frad' is none of the classes legit, fraud (did you mean 'fraud'?)"
    with pytest.raises(ConfigError, match=re.escape(message)):
        model.learn_one({"x": 1.0}, "legit" if positive else "fraud")
    assert model.classes == known


def test_a_cost_of_a_class_that_does_not_come_is_warned_of_once():
    """With more than two classes it may still come."""
    model = classifier(strategy="cost", costs={"bb": 5.0}, objective="g_mean")
    with pytest.warns(UserWarning, match=r"costs: 'bb' is none of the classes a, b \(did you mean 'b'\?\): it has not"):
        teach(model, 0, GUESS_LABELS)
    teach(model, GUESS_LABELS, GUESS_LABELS + 10)


class Failing(SoftmaxRegression):
    """Refuses an event that says so."""

    def learn_one(self, x, y, w=1.0):
        if "bad" in x:
            raise OSError("refused")
        super().learn_one(x, y)


@pytest.mark.parametrize("seen", [0, 1, 400])
@pytest.mark.parametrize("frame", [False, True])
def test_a_class_whose_first_lesson_fails_is_not_known(seen, frame):
    """Whatever was known stays, bit for bit, and the class may come again; the first class of all, too."""
    import pandas as pd

    model, other = (RebalancedClassifier(Failing(), every=50, drift="replace", objective="g_mean") for _ in range(2))
    teach(model, 0, seen)
    teach(other, 0, seen)
    before = model.classes
    for label in ("c", "d"):
        with pytest.raises(OSError, match="refused"):
            if frame:
                model.learn_many(pd.DataFrame({"x": [0.0], "bad": [1.0]}), pd.Series([label]))
            else:
                model.learn_one({"x": 0.0, "bad": 1.0}, label)
        assert model.classes == before
    for each in (model, other):
        teach(each, seen, seen + 300)
        each.learn_one({"x": 2.0}, "c")
        teach(each, seen + 300, seen + 500)
    assert model.classes == other.classes
    assert model.thresholds == other.thresholds
    assert model.predict_proba_one({"x": 0.3}) == other.predict_proba_one({"x": 0.3})
    assert model.signals == other.signals
    if model._loop is not None and other._loop is not None:
        assert (
            model._loop.evaluation.confusion("rarest").tolist() == other._loop.evaluation.confusion("rarest").tolist()
        )


@pytest.mark.parametrize("detector", ["scan", "adwin", "hddm_w"])
def test_a_class_more_costs_the_detectors_one_pass_however_many_there_are(detector, monkeypatch):
    """Else hundreds of classes, each with a detector, would cost the cube of their number."""
    config = DriftConfig.model_validate({"share": {"detector": detector}, "recall": {"detector": detector}})
    passes = []
    for kind in (ScanBank, AdwinBank, SingleBank):
        restore = kind.restore
        monkeypatch.setattr(kind, "restore", lambda bank, state, own=restore: passes.append(1) or own(bank, state))

    def grown(k: int) -> int:
        old, new = (Monitor(n, 0, config, [str(i) for i in range(n)], has_time=False) for n in (k, k + 1))
        rng = np.random.default_rng(1)
        y = rng.integers(0, k, 2_000).astype(np.int16)
        old.update(np.arange(2_000), np.arange(2_000), y, np.where(rng.random(2_000) < 0.7, y, 0).astype(np.int16))
        passes.clear()
        new.inherit(old)
        for signal in (SHARE, RECALL):
            widths = [[monitor.width(signal, i) for i in range(k)] for monitor in (old, new)]
            assert widths[0] == widths[1]
            assert new.width(signal, k) == 0
        count = len(passes)
        new.forget_classes(RECALL, [0, 1])
        assert [new.width(RECALL, i) > 0 for i in range(3)] == [False, False, True]
        return count

    assert grown(3) == grown(12) > 0


@pytest.mark.parametrize("make", [naive_bayes.GaussianNB, lambda: CompiledClassifier("linear")])
def test_a_class_that_appears_is_as_frequent_as_it_has_come_since(make):
    """The window of the shares also holds what came before it; so a third class was told of at a third of its share."""
    model = RebalancedClassifier(make(), objective="g_mean", drift="tell")
    told, came = [], []
    for i in range(3_800):
        u = uniform(1, i, 0)
        y = "c" if u < 0.06 and i >= 3_000 else "b" if u < 0.16 else "a"
        x = {"x": uniform(1, i, 1) + (y == "b"), "z": uniform(1, i, 2) + (y == "c")}
        if i >= 3_400:
            told.append(model.predict_proba_one(x)["c"])
            came.append(y == "c")
        model.learn_one(x, y)
    assert np.mean(told) == pytest.approx(np.mean(came), rel=0.35)


def told_of_a_third_class(seed: int, first: int, until: int) -> float:
    """The mean probability told of a class in so many events after it appeared, by how often it came in them."""
    model = RebalancedClassifier(naive_bayes.GaussianNB(), objective="g_mean", drift="tell")
    told = came = 0.0
    for i in range(3_000 + until):
        u = uniform(seed, i, 0)
        y = "c" if u < 0.06 and i >= 3_000 else "b" if u < 0.16 else "a"
        x, z = (sum(uniform(seed, i, j) for j in range(k, k + 4)) for k in (1, 5))  # each of variance 1 / 3
        event = {"x": x + 1.2 * (y == "b"), "z": z + 1.2 * (y == "c")}
        if i >= 3_000 + first:
            told += model.predict_proba_one(event).get("c", 0.0)
            came += y == "c"
        model.learn_one(event, y)
    return told / came


def test_a_class_that_appears_is_told_of_before_the_next_plan_is_due():
    """Plans are made sooner after it, and not of two events that came close together."""
    off = [abs(told_of_a_third_class(seed, 50, 250) - 1.0) for seed in (1, 3, 6)]
    assert np.mean(off) < 0.4


def test_what_was_trained_on_is_counted_as_fast_as_the_learner_forgets():
    """Else a share that the learner has long taken in would be put in once more."""
    model = RebalancedClassifier(CompiledClassifier("linear", {"horizon": 50}), strategy="none", drift="tell")
    other = RebalancedClassifier(naive_bayes.GaussianNB(), strategy="none", drift="tell")
    for i in range(1_000):
        for each in (model, other):
            each.learn_one(*event(i, 0.3))
    assert model._loop.rebalancer.trained.sum() == pytest.approx(50, rel=0.01)
    assert other._loop.rebalancer.trained.sum() > 700


def test_a_class_that_appears_was_in_none_of_the_lessons_that_are_remembered():
    """A linear learner remembers no more than its horizon, be it ever so old."""
    told = []
    for n in (2_000, 8_000):
        model = CompiledClassifier("linear", {"horizon": 100})
        for i in range(n):
            model.learn_one(*event(i, 0.3))
        model.learn_one({"x": 0.0}, "c", w=0.0)
        told.append(np.mean([model.predict_proba_one(event(i)[0])["c"] for i in range(100)]))
    assert told[0] == pytest.approx(told[1], rel=0.5)
    assert 0.003 < told[1] < 0.03


def test_a_second_class_that_appears_finds_what_was_trained_on_before():
    """The lessons of the first alone count, and a Plan is made soon, so that the second's share is put in soon."""
    model = RebalancedClassifier(naive_bayes.GaussianNB(), drift="tell")
    for _ in range(1_000):
        model.learn_one({"x": 0.0}, "a", w=2.0)
    model.learn_one({"x": 1.0}, "b")
    trained = model._loop.rebalancer.trained
    assert trained[0] == pytest.approx(2.0 * (1 - 0.9995**1_000) / 0.0005, rel=0.01)
    for i in range(40):
        model.learn_one({"x": float(i % 4 == 0)}, "b" if i % 4 == 0 else "a")
    plan = model._loop.controller.plan
    assert plan.number == 1
    assert plan.shares[1] == pytest.approx(0.25, abs=0.1)
    assert plan.trained_shares[1] < 0.1
