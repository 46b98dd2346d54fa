import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamimb.batch import Batch
from streamimb.config import Config
from streamimb.evaluation.ranking import pr_auc
from streamimb.explain import Explainer
from streamimb.explain.importance import importance, measure
from streamimb.explain.recent import OTHERS_MAX, POSITIVES_MAX, Recent, Sample
from streamimb.explain.shift import shifts
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest

SCHEMA = Schema(
    features=[Feature(name="says"), Feature(name="silent"), Feature(name="c", type="categorical")],
    label=Label(classes=["legit", "fraud"]),
)


def stream(n=12_000, seed=1, turn=None):
    """``says`` tells of the 5 % positives, from ``turn`` on in the other direction; ``silent`` is noise."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.05).astype(np.int16)
    X = np.stack([rng.normal(size=n), rng.normal(size=n), rng.integers(0, 9, n)], axis=1).astype(np.float32)
    sign = np.ones(n)
    if turn is not None:
        sign[turn:] = -1
        X[turn:, 1] += 2
    X[:, 0] += (2.5 * sign * y).astype(np.float32)
    return X, y


def replayed(X, y, observed=True, cut=4_096, model="linear"):
    pipeline = Pipeline(SCHEMA, Config(learner={"model": model}))
    explainer = Explainer(pipeline) if observed else None
    pipeline.observer = explainer
    for i in range(0, len(y), cut):
        pipeline.process(Batch.of(X[i : i + cut], y[i : i + cut]))
    return pipeline, explainer


@pytest.mark.parametrize("model", ["linear", "forest"])
def test_the_feature_that_tells_is_found(model):
    """The informative feature's drop lies above 0 with its whole interval, the noise's includes 0."""
    pipeline, explainer = replayed(*stream(6_000), model=model)
    told = explainer.explain(pipeline)
    says, silent, _ = told.features
    assert told.cause == "end" and told.positives >= 100
    assert says.low > 0.2 and says.drop > 10 * abs(silent.drop)
    assert silent.low <= 0.01
    assert says.leaning > 5 * abs(silent.leaning)


def test_same_events_same_explanations_and_no_trace():
    """Explanations at drifts do not depend on how the stream is cut, and leave nothing in the state."""
    X, y = stream(30_000, turn=22_000)
    plain, _ = replayed(X, y, observed=False)
    one, first = replayed(X, y)
    other, second = replayed(X, y, cut=777)
    for pipeline, explainer in ((one, first), (other, second)):
        explainer.explain(pipeline)
    assert digest(plain.state()) == digest(one.state()) == digest(other.state())
    assert repr(first.told(one)) == repr(second.told(other))
    assert [r.cause for r in first.rounds][-1] == "end" and len(first.rounds) >= 2
    last = {f.feature: f for f in first.rounds[-1].features}
    assert last["silent"].moved_p < 0.02 and last["silent"].moved > 0.3
    assert last["says"].positives_moved_p < 0.02


def test_rounds_that_are_deferred_are_those_of_the_moment():
    """Worked out later, a round is what it would have been at once; while one waits there is no other."""
    X, y = stream(30_000, turn=22_000)
    _, at_once = replayed(X, y)
    pipeline, waiting = Pipeline(SCHEMA, Config(learner={"model": "linear"})), []
    pipeline.observer = explainer = Explainer(pipeline, defer=waiting.append)
    pipeline.process(Batch.of(X, y))
    assert len(waiting) == 1 and not explainer.rounds
    waiting.pop()()
    assert repr(explainer.rounds[0]) == repr(at_once.rounds[0])
    assert digest(pipeline.state()) == digest(replayed(X, y, observed=False)[0].state())


def test_asking_is_not_remembered():
    """What is asked in between is held against the last drift, and changes no round of the run's."""
    X, y = stream(30_000, turn=22_000)
    _, quiet = replayed(X, y)
    pipeline, explainer = Pipeline(SCHEMA, Config(learner={"model": "linear"})), None
    pipeline.observer = explainer = Explainer(pipeline)
    drifts = []
    for i in range(0, len(y), 3_000):
        pipeline.process(Batch.of(X[i : i + 3_000], y[i : i + 3_000]))
        now, drift = explainer.tell(explainer.moment(pipeline))
        assert now.position == i + 3_000 and drift == (explainer.rounds[-1] if explainer.rounds else None)
        drifts.append(drift)
    assert drifts[0] is None and drifts[-1].cause in ("share", "recall")
    assert {f.feature: f for f in now.features}["silent"].moved_p < 0.02
    assert repr(explainer.rounds) == repr(quiet.rounds)


def test_a_restored_pipeline_is_explained_by_what_it_remembers():
    """The events that the state still holds are there at once, in order; drifts of before are not explained late."""
    X, y = stream(30_000, turn=22_000)
    schema = Schema(features=SCHEMA.features, label=SCHEMA.label, id={"name": "id"})
    config = Config(learner={"model": "linear"}, label={"remember_events": 4_000})
    first, second = Pipeline(schema, config), Pipeline(schema, config)
    first.observer = Explainer(first)
    first.process(Batch.of(X, y, ids=[str(i) for i in range(len(y))]))
    second.restore(first.state())
    second.observer = again = Explainer(second)
    kept, whole = again.recent.sample(), first.observer.recent.sample()
    positives = int(kept.is_positive.sum())
    assert positives == y[-4_000:].sum() > 100
    assert (kept.X[kept.is_positive] == whole.X[whole.is_positive][-positives:]).all()
    assert sum(first.signal_counts.values()) and again.explain(second).positives == positives
    more = Batch.of(X[:500], y[:500], ids=[f"m{i}" for i in range(500)])
    second.process(more)
    assert [r.cause for r in again.rounds] == ["end"]


def test_of_a_model_of_river_a_copy_is_asked():
    """A model that cannot be taken apart has importances all the same, on fewer events, and is left as it was."""
    X, y = stream(2_000)
    pipeline, explainer = replayed(X, y, model="river.tree.HoeffdingTreeClassifier")
    before = digest(pipeline.state())
    told = explainer.explain(pipeline)
    assert (told.unit, told.events <= 200, digest(pipeline.state()) == before) == (None, True, True)
    says, silent, _ = told.features
    assert says.low > 0 and says.drop > silent.high and np.isnan(says.leaning)


def test_too_few_events_are_no_explanation():
    """With fewer than ten positives there is none to give."""
    X, _ = stream(200)
    y = np.zeros(200, np.int16)
    y[[5, 90]] = 1
    pipeline, explainer = replayed(X, y)
    assert explainer.explain(pipeline) is None and not explainer.rounds


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 5))
def test_areas_are_average_precision(seed, n, values):
    """In the sample as it is, the area is the average precision, ties and all; whole weights are repetitions."""
    rng = np.random.default_rng(seed)
    score, y, weight = rng.integers(0, values, n) / 7, rng.random(n) < 0.4, rng.integers(1, 4, n)
    y[:2] = True, False
    out = np.empty((2, 1))
    order = np.argsort(-score, kind="stable")[None]
    measure(order, score[None], y, weight.astype(float), 1, out)
    assert out[0, 0] == pytest.approx(pr_auc(np.repeat(y, weight), np.repeat(score, weight)))
    assert 0 <= out[1, 0] <= 1


def test_memory_is_bounded_and_stands_for_the_stream():
    """However many events come, so many are kept, and their weights come to the share of the same time."""
    X, y = stream(60_000)
    recent = Recent(3, 1)
    for i in range(0, len(y), 5_000):
        recent.update(X[i : i + 5_000], np.arange(5_000), y[i : i + 5_000])
    sample = recent.sample()
    assert sample.is_positive.sum() == POSITIVES_MAX and 100 < (~sample.is_positive).sum() <= OTHERS_MAX
    share = sample.weight[sample.is_positive].sum() / sample.weight.sum()
    last = np.flatnonzero(y)[-POSITIVES_MAX]
    assert share == pytest.approx(y[last:].mean(), rel=0.02)
    assert (sample.X[sample.is_positive] == X[np.flatnonzero(y)[-POSITIVES_MAX:]]).all()
    few = sample.thinned(200)
    assert len(few.X) <= 200
    assert few.weight[few.is_positive].sum() / few.weight.sum() == pytest.approx(share)


def test_importance_is_of_the_seed():
    """Another seed draws other events, the same seed the same; a constant score makes no feature count."""
    X, y = stream(1_000)
    sample = Sample(X, y == 1, np.ones(1_000))

    def score(X):
        return X[:, 0].astype(float)

    a, b, c = (importance(score, sample, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a.drops, b.drops) and not np.array_equal(a.drops, c.drops)
    assert np.allclose(importance(lambda X: np.zeros(len(X)), sample).drops, 0)


def test_shifts_are_told_from_chance():
    """What moved is far beyond chance, what did not is not; missing values and categories count as values."""
    rng = np.random.default_rng(4)
    before, after = (rng.normal(size=(500, 4)).astype(np.float32) for _ in range(2))
    after[:, 1] += 1
    after[:250, 2] = np.nan
    before[:, 3], after[:, 3] = rng.integers(0, 4, 500), rng.integers(1, 5, 500)
    found = shifts(before, after, [False, False, False, True])
    assert found[0, 1] > 0.02
    assert (found[1:, 1] < 0.02).all()
    assert found[2, 0] == pytest.approx(0.5, abs=0.06) and found[3, 0] == pytest.approx(0.25, abs=0.1)
    assert np.isnan(shifts(before[:0], after, [False] * 4)).all()
