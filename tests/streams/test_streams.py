from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

from streamimb import Config, Pipeline
from streamimb.batch import WITH_EVENT, Kind
from streamimb.errors import ConfigError
from streamimb.streams import CHUNK_EVENTS, FAMILIES, NAMED, NEVER, Chunks, Spec, generate
from streamimb.testing import digest

ARRAYS = ("X", "y", "time", "label_time", "true_y", "concept")
HOUR_US = 3_600_000_000


def arrays(stream, stop=None):
    return {name: getattr(stream, name)[:stop] for name in ARRAYS}


@pytest.mark.parametrize("name", NAMED)
def test_every_named_stream_is_what_the_docstring_says(name):
    """Shapes, types, bounds and order hold for each; nothing is infinite and codes are those of the schema."""
    n = 12_000
    stream = generate(name, n, seed=3)
    features, k = stream.schema.features, stream.schema.n_classes
    assert (stream.X.shape, stream.X.dtype, stream.y.dtype) == ((n, len(features)), np.float32, np.int16)
    assert not np.isinf(stream.X).any()
    assert np.all((stream.true_y >= 0) & (stream.true_y < k))
    assert np.all((stream.y >= -1) & (stream.y < k))
    assert np.all(np.diff(stream.time) > 0)
    assert np.all(stream.label_time >= stream.time)
    assert np.array_equal(stream.y == -1, stream.label_time == NEVER)
    assert [d.position for d in stream.drifts] == sorted(d.position for d in stream.drifts)
    for j, feature in enumerate(features):
        codes = stream.X[:, j][~np.isnan(stream.X[:, j])]
        if feature.type != "numeric":
            size = 2 if feature.type == "boolean" else len(feature.categories)
            assert set(np.unique(codes)) <= set(range(size))
    assert NAMED[name].shows


@pytest.mark.parametrize("name", NAMED)
def test_a_named_stream_says_itself_in_texts(name):
    """The texts of a stream's parts make the same stream, as the truth beside a file promises."""
    spec = NAMED[name].spec
    bare = Spec(spec.family, spec.n_classes, interval_us=spec.interval_us)
    assert bare.with_texts(**spec.texts()) == spec


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_events_do_not_depend_on_how_many_follow(family):
    """A longer stream of one seed begins with the shorter one; another seed gives another."""
    spec = Spec(family=family).with_texts(
        ratio="ramp:0.5->0.1@100..9000", concept="gradual:3000/9000", borderline="0.2", rare="0.1", noise="0.1",
        delay="exp:1d", missing="0.1",
    )  # fmt: skip
    short, long = generate(spec, 5_000, seed=7), generate(spec, CHUNK_EVENTS + 3_000, seed=7)
    assert digest(arrays(short)) == digest(arrays(long, 5_000))
    assert digest(arrays(short)) == digest(arrays(generate(spec, 5_000, seed=7)))
    assert digest(arrays(short)) != digest(arrays(generate(spec, 5_000, seed=8)))


def test_a_chunk_is_the_same_whatever_is_read_before():
    """The last chunk alone is the end of the whole stream."""
    chunks = Chunks("fraud-like", n=3 * CHUNK_EVENTS + 5, seed=2)
    whole = generate("fraud-like", n=3 * CHUNK_EVENTS + 5, seed=2)
    assert len(chunks[3]) == 5
    assert chunks[3].start == 3 * CHUNK_EVENTS
    assert np.array_equal(chunks[3].X, whole.X[-5:], equal_nan=True)
    assert np.array_equal(chunks[3].time, whole.time[-5:])
    with pytest.raises(IndexError):
        chunks[4]


def test_noise_and_delay_change_labels_only():
    """Two streams of one seed have the same events whatever happens to their labels."""
    plain = generate(Spec(), 5_000, seed=1)
    told = generate(Spec().with_texts(noise="0.3", delay="3d"), 5_000, seed=1)
    for name in ("X", "true_y", "time", "concept"):
        assert np.array_equal(getattr(plain, name), getattr(told, name))
    assert not np.array_equal(plain.y, told.y)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["0.3", "ramp:0.6->0.1", "step:0.2@9000->0.7", "flip:0.1->0.8", "back:0.5->0.1->0.5@4000..20000"]),
    st.integers(0, 2**64),
)
def test_streams_hit_their_ratio(text, seed):
    """In every twentieth of a stream, the positive share lies within six standard errors of its schedule."""
    n, parts = 24_000, 20
    spec = Spec(family="sums").with_texts(ratio=text)
    y = generate(spec, n, seed).y
    expected = spec.ratio.positive(np.arange(n), n).reshape(parts, -1)
    error = np.sqrt((expected * (1 - expected)).sum(axis=1)) / expected.shape[1]
    assert np.all(np.abs(y.reshape(parts, -1).mean(axis=1) - expected.mean(axis=1)) < 6 * error)


def test_many_classes_hit_their_shares():
    """Each class of a rotating stream has its own share in each turn."""
    stream = generate("rotate", 30_000, seed=1)
    for turn in range(3):
        found = np.bincount(stream.y[turn * 10_000 : (turn + 1) * 10_000], minlength=5) / 10_000
        np.testing.assert_allclose(found, np.roll([0.6, 0.25, 0.1, 0.04, 0.01], turn), atol=0.025)


def accuracy_before_and_after(spec, seed):
    """Balanced accuracy of a tree fitted before event 8,000, just before and just after 10,000."""
    stream = generate(spec, 12_000, seed)
    tree = DecisionTreeClassifier(max_depth=8, random_state=0).fit(stream.X[:8_000], stream.y[:8_000])
    rows = slice(8_000, 10_000), slice(10_000, 12_000)
    return [balanced_accuracy_score(stream.y[r], tree.predict(stream.X[r])) for r in rows]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_concept_drift_is_where_it_is_told(family, seed):
    """A classifier that knew the old concept is good up to the drift and much worse from it on; else it stays good."""
    drifting = Spec(family=family).with_texts(ratio="0.3", concept="sudden:10000")
    before, after = accuracy_before_and_after(drifting, seed)
    assert before > 0.8
    assert after < before - 0.15
    steady_before, steady_after = accuracy_before_and_after(drifting.with_texts(concept="none"), seed)
    assert abs(steady_before - steady_after) < 0.04


def test_a_recurring_concept_comes_back():
    """A classifier that knew a concept is good again when it returns."""
    stream = generate(Spec(family="hyperplane").with_texts(ratio="0.3", concept="recurring:5000"), 20_000, seed=1)
    tree = DecisionTreeClassifier(max_depth=8, random_state=0).fit(stream.X[:5_000], stream.y[:5_000])
    scores = [balanced_accuracy_score(stream.y[i : i + 5_000], tree.predict(stream.X[i : i + 5_000]))
              for i in (5_000, 10_000, 15_000)]  # fmt: skip
    assert scores[1] > max(scores[0], scores[2]) + 0.15
    assert [d.position for d in stream.drifts] == [5_000, 10_000, 15_000]


def test_classes_come_go_and_are_redefined():
    """A class is absent outside its time; a redefined one moves while the others stay where they were."""
    stream = generate("classes", 40_000, seed=1)
    places = {k: np.flatnonzero(stream.true_y == k) for k in range(5)}
    assert places[4].min() >= 10_000
    assert places[2].max() < 20_000
    assert [(d.position, d.kind) for d in stream.drifts] == [(10_000, "class"), (20_000, "class"), (30_000, "class")]

    def shift(k):
        before, after = np.split(places[k], [np.searchsorted(places[k], 30_000)])
        return np.abs(stream.X[before].mean(axis=0) - stream.X[after].mean(axis=0)).max()

    assert shift(3) > 0.1
    assert max(shift(k) for k in (0, 1, 4)) < 0.05


def test_redefining_a_class_gives_it_no_other_classs_place():
    """Concepts, classes and redefinitions have random numbers of their own: no two clusters of a stream coincide."""
    spec = Spec(n_classes=3).with_texts(ratio="0.4/0.3/0.3", classes="redefine:c1@1000", concept="sudden:500")
    stream = generate(spec, 2_000, seed=1)
    family = spec.family_of(1)
    kinds = sorted(set(zip(stream.true_y.tolist(), stream.concept.tolist(), strict=True)))
    centres = np.concatenate([family._centres(k, c) for k, c in kinds])
    assert len(kinds) == 7
    assert len(np.unique(centres, axis=0)) == len(centres)


@pytest.mark.parametrize("family", ["clusters", "hyperplane", "sums", "rules", "payments"])
def test_difficult_events_are_harder(family):
    """A classifier finds fewer of the positive events between the classes or on islands, and the others as before."""
    found = {}
    for kind, texts in {"plain": {}, "borderline": {"borderline": "1"}, "rare": {"rare": "1"}}.items():
        spec = Spec(family=family).with_texts(ratio="0.2")
        train, test = generate(spec, 6_000, seed=1), generate(spec.with_texts(**texts), 12_000, seed=1)
        tree = DecisionTreeClassifier(max_depth=8, random_state=0).fit(train.X, train.y)
        told, y = tree.predict(test.X[6_000:]), test.y[6_000:]
        found[kind] = (told[y == 1] == 1).mean()
        assert np.array_equal(test.X[test.y == 0], generate(spec, 12_000, seed=1).X[test.y == 0])
    assert found["borderline"] < found["plain"] - 0.05
    assert found["rare"] < found["plain"] - 0.3


def test_noise_is_as_said():
    """The share of wrong labels of each class is the one asked for; a wrong label names a class that is there."""
    spec = Spec(n_classes=3).with_texts(ratio="0.5/0.3/0.2", noise="0.1,c1=0.3,c3=0", classes="appear:c3@20000")
    stream = generate(spec, 40_000, seed=1)
    wrong = stream.y != stream.true_y
    for k, share in enumerate((0.3, 0.1, 0.0)):
        assert wrong[stream.true_y == k].mean() == pytest.approx(share, abs=0.02)
    assert not (stream.y[:20_000] == 2).any()
    assert (stream.y[20_000:][stream.true_y[20_000:] == 0] == 2).mean() == pytest.approx(0.15, abs=0.02)


def test_delays_are_as_said():
    """Exponential delays have their mean, uniform ones their bounds, lots their common times; some never end."""
    spec = Spec(n_classes=4).with_texts(ratio="0.25/0.25/0.25/0.25", delay="c1=exp:2h,c2=uniform:1h..3h,c3=lots:6h")
    stream = generate(spec.with_texts(delay="never,c1=exp:2h,c2=uniform:1h..3h,c3=lots:6h"), 20_000, seed=1)
    late = stream.label_time - stream.time
    of = [late[stream.true_y == k] for k in range(4)]
    assert of[0].mean() == pytest.approx(2 * HOUR_US, rel=0.05)
    assert (of[1].min() >= HOUR_US - 1000, of[1].max() <= 3 * HOUR_US) == (True, True)
    assert of[1].mean() == pytest.approx(2 * HOUR_US, rel=0.02)
    assert np.all(stream.label_time[stream.true_y == 2] % (6 * HOUR_US) == 0)
    assert 0 <= of[2].min() <= of[2].max() <= 6 * HOUR_US
    assert np.all(stream.label_time[stream.true_y == 3] == NEVER)
    assert np.all(stream.y[stream.true_y == 3] == -1)
    told = generate(spec, 20_000, seed=1)
    assert np.all((told.label_time == told.time)[told.true_y == 3])


def test_missing_cells_are_as_many_as_said():
    """Cells are missing at random, in every feature."""
    X = generate(Spec(family="payments").with_texts(missing="0.2"), 20_000, seed=1).X
    np.testing.assert_allclose(np.isnan(X).mean(axis=0), 0.2, atol=0.02)


@pytest.mark.parametrize(("name", "late"), [("ramp", False), ("only-rare-told", True)])
def test_batches_are_the_stream(name, late):
    """Batches in order hold all events with their ids; late labels keep their times, absent ones are none."""
    stream = generate(name, 10_000, seed=1)
    batches = list(stream.batches(999))
    assert [len(b) for b in batches[-2:]] == [999, 10]
    assert np.array_equal(np.concatenate([b.X for b in batches]), stream.X)
    assert batches[1].ids.tolist()[0] == "999"
    known = np.concatenate([b.label_time for b in batches])
    labelled = stream.y >= 0
    expected = np.where(labelled & late, stream.label_time, WITH_EVENT)
    assert np.array_equal(known, expected)
    kind = np.concatenate([b.kind for b in batches])
    assert np.array_equal(kind == Kind.BOTH, labelled)


def test_a_pipeline_takes_the_batches():
    """The schema and the batches of a stream fit a pipeline, which learns late labels and lets the others wait."""
    stream = generate("late-labels", 40_000, seed=1)
    pipeline = Pipeline(stream.schema, Config(learner={"model": "linear"}))
    refused = sum(len(pipeline.process(batch).rejected) for batch in stream.batches())
    summary = pipeline.summary()
    assert (refused, summary["events"]) == (0, 40_000)
    known = int((stream.label_time <= stream.time[-1]).sum())
    assert summary["labels"]["labelled"] == pytest.approx(known, abs=1)
    assert summary["metrics"]["roc_auc"][0] > 0.75


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: generate("flop"), "no stream is named 'flop' (did you mean 'flip'?)"),
        (lambda: generate("flip", 0), "0 events"),
        (lambda: generate("flip", 10, -1), "seed: -1"),
        (lambda: Spec(family="cluster"), "did you mean 'clusters'"),
        (lambda: Spec(family="sums", n_classes=3), "sums has 2 to 2 classes"),
        (lambda: Spec(interval_us=1), "interval_us"),
        (lambda: Spec().with_texts(ratoi="0.1"), "did you mean 'ratio'"),
        (lambda: Spec().with_texts(ratio="0.5/0.4/0.1"), "has 3 shares, but the stream has 2 classes"),
        (lambda: Spec().with_texts(borderline="0.7", rare="0.7"), "more than all events"),
        (lambda: Spec().with_texts(borderline="1.7"), "borderline: 1.7"),
        (lambda: Spec().with_texts(classes="appear:rar@5"), "did you mean 'rare'"),
        (lambda: Spec().with_texts(classes="vanish:rare@5,vanish:rest@9"), "leaves no class"),
        (lambda: Spec().with_texts(classes="vanish:rare@5,vanish:rare@9"), "the class is absent then"),
        (lambda: Spec().with_texts(delay="fraud=1d"), "no class is named 'fraud'"),
        (lambda: Spec().with_texts(noise="fraud=1"), "no class is named 'fraud'"),
    ],
)
def test_what_cannot_be_made_is_named(make, message):
    """An error says which part does not fit, and the nearest name."""
    with pytest.raises(ConfigError) as error:
        make()
    assert message in str(error.value)


def test_the_page_names_every_stream():
    """docs/generators.md has a row for each ready-made stream: its name, its family, what it shows."""
    page = (Path(__file__).parents[2] / "docs" / "generators.md").read_text()
    rows = [f"| `{name}` | {entry.spec.family} | {entry.shows} |" for name, entry in NAMED.items()]
    assert [row for row in rows if row not in page] == []
    assert all(f"| `{family}` |" in page for family in FAMILIES)
