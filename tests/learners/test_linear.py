"""The compiled linear learner: against a slow twin, and what it withstands."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamimb.errors import ConfigError, LearnerError, StateError
from streamimb.kernel import mix64
from streamimb.learners.base import LEARN, PREDICT, Tape
from streamimb.learners.linear import LinearClassifier
from streamimb.schema import Feature, Label, Schema


def schema_of(*kinds: str, classes: int = 2) -> Schema:
    features = [
        Feature(name=f"x{i}", type="categorical", categories=["a", "b", "c"])
        if kind == "listed"
        else Feature(name=f"x{i}", type=kind)
        for i, kind in enumerate(kinds)
    ]
    return Schema(features=features, label=Label(classes=list(range(classes))))


class Twin:
    """The same arithmetic, a dict of weights and a list of values at a time."""

    def __init__(self, schema: Schema, learner: LinearClassifier) -> None:
        self.schema, self.p = schema, learner.parameters
        self.k = schema.n_classes
        self.w: dict[object, np.ndarray] = {}
        self.g: dict[object, np.ndarray] = {}
        self.seen: dict[int, list[float]] = {j: [] for j in range(len(schema.features))}
        self.mean, self.var, self.inverse, self.knots = {}, {}, {}, {}

    def observe(self, j: int, v: float) -> None:
        seen = self.seen[j]
        seen.append(v)
        n = len(seen)
        if n <= 16:
            median = sorted(seen)[n // 2]
            reach = 10.0 * sorted(abs(s - median) for s in seen)[n // 2]
            offs = [min(max(s - median, -reach), reach) if reach > 0 else s - median for s in sorted(seen)]
            self.mean[j] = median + sum(offs) / n
            self.var[j] = max(sum(o * o for o in offs) / n - (sum(offs) / n) ** 2, 0.0)
        else:
            off, sd = v - self.mean[j], math.sqrt(self.var[j])
            if abs(off) > 8.0 * sd > 0.0:
                off = math.copysign(8.0 * sd, off)
            rate = max(1.0 / n, 1.0 / self.p.scale_horizon)
            self.mean[j] += rate * off
            self.var[j] = (1.0 - rate) * (self.var[j] + rate * off * off)
        if n <= 256 or n % 16 == 0:
            self.inverse[j] = 1.0 / math.sqrt(self.var[j]) if self.var[j] > 1e-90 else 0.0
        if n in (16, 32, 64, 128, 256) or n % 1024 == 0:
            recent = sorted(seen[-256:])
            aims = [recent[int((b + 0.5) / self.p.bins * len(recent))] for b in range(self.p.bins)]
            old = self.knots.get(j, aims)
            blend = 1.0 if n <= 256 else 0.5
            self.knots[j] = [o + blend * (a - o) for o, a in zip(old, aims, strict=True)]

    def encode(self, x: np.ndarray) -> list[tuple[object, float]]:
        slots: list[tuple[object, float]] = [("bias", 1.0)]
        for j, feature in enumerate(self.schema.features):
            v = float(x[j])
            if math.isnan(v):
                slots.append((("missing", j), 1.0))
            elif feature.type != "categorical":
                z = (v - self.mean.get(j, 0.0)) * self.inverse.get(j, 0.0)
                slots.append((("value", j), min(max(z, -self.p.clip), self.p.clip)))
                if j in self.knots:
                    slots += [((j, b), share) for b, share in self.hats(self.knots[j], v)]
            elif feature.categories is not None:
                slots.append((("category", j, int(v)), 1.0))
            else:
                slots.append((("hash", self.place(j, v)), 1.0))
        return slots + [(("cross", i, j, *cells), 0.25) for i, j, *cells in self.pairs(x)]

    def pairs(self, x: np.ndarray) -> list[tuple[int, int, int, int]]:
        if not self.p.crosses:
            return []
        cells = []
        numeric = all(f.type != "categorical" for f in self.schema.features)
        side = self.p.crosses + 1 if numeric else 16
        for j, feature in enumerate(self.schema.features):
            if math.isnan(x[j]):
                cells.append(0)
            elif feature.type != "categorical":
                above = sum(x[j] >= k for k in self.knots.get(j, []))
                cells.append(1 + above * self.p.crosses // (self.p.bins + 1) if j in self.knots else 0)
            elif feature.categories is not None:
                cells.append(1 + int(x[j]) % (side - 1))
            else:
                cells.append(1 + self.place(j, x[j]) % (side - 1))
        return [(i, j, cells[i], cells[j]) for i in range(len(cells)) for j in range(i)]

    def place(self, j: int, v: float) -> int:
        return int(mix64(np.uint64(int(v)) ^ np.uint64((j + 1) << 32))) % self.p.slots

    @staticmethod
    def hats(knots: list[float], v: float) -> list[tuple[int, float]]:
        if v < knots[0]:
            return [(0, 1.0)]
        if v >= knots[-1]:
            return [(len(knots) - 1, 1.0)]
        b = max(i for i, k in enumerate(knots) if v >= k)
        share = (v - knots[b]) / (knots[b + 1] - knots[b])
        return [(b, 1.0 - share), (b + 1, share)] if share > 0.0 else [(b, 1.0)]

    def predict(self, slots: list[tuple[object, float]]) -> np.ndarray:
        columns = 1 if self.k == 2 else self.k
        margin = sum((self.w.get(s, np.zeros(columns)) * v for s, v in slots), np.zeros(columns))
        if self.k == 2:
            p = 1.0 / (1.0 + math.exp(-margin[0]))
            return np.array([1.0 - p, p])
        e = np.exp(margin - margin.max())
        return e / e.sum()

    def learn(self, x: np.ndarray, y: int, cost: float, heaviest: float) -> None:
        for j, feature in enumerate(self.schema.features):
            if feature.type != "categorical" and not math.isnan(x[j]):
                self.observe(j, float(x[j]))
        slots = self.encode(x)
        p = self.predict(slots)
        if self.p.focal > 0:
            q, gamma = p[y], self.p.focal
            cost *= (1 - q) ** gamma - gamma * q * (1 - q) ** (gamma - 1) * math.log(q)
        push = cost * (p - (np.arange(self.k) == y))
        push = push[1:] if self.k == 2 else push
        for s, v in slots:
            slope = push * v
            g = self.g.get(s, np.zeros(len(push))) * (1.0 - 1.0 / self.p.horizon / heaviest) + slope**2
            w = self.w.get(s, np.zeros(len(push))) * (1.0 - self.p.rate * self.p.shrink)
            self.g[s], self.w[s] = g, w - self.p.rate * slope / np.sqrt(g + self.p.damping)


def mixed_stream(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    y = rng.integers(0, classes, n).astype(np.int16)
    X = np.stack(
        [
            rng.normal(y, 1.0) * 100.0,
            rng.standard_t(1.0, n),
            rng.integers(0, 2, n),
            (y + rng.integers(0, 2, n)) % 3,
            rng.integers(0, 1 << 24, n),
        ],
        axis=1,
    ).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("focal", [0.0, 1.5])
def test_the_kernel_computes_what_its_slow_twin_computes(classes: int, focal: float) -> None:
    """Missing values, heavy tails, categories, hashed ones, long enough for the bins to move."""
    schema = schema_of("numeric", "numeric", "boolean", "listed", "categorical", classes=classes)
    X, y = mixed_stream(1_300, classes)
    costs = np.linspace(0.5, 4.0, classes)
    learner = LinearClassifier(schema, slots=32, focal=focal, shrink=1e-3)
    got = learner.run(X, y, Tape.interleaved(len(y)), costs)
    twin, expected = Twin(schema, learner), []
    for x, label in zip(X, y, strict=True):
        expected.append(twin.predict(twin.encode(x)))
        twin.learn(x, int(label), costs[label], costs.max())
    np.testing.assert_allclose(got, np.array(expected), rtol=1e-7, atol=1e-9)


def test_one_huge_value_leaves_a_feature_useful() -> None:
    """Neither at the start nor later does 3e38 drown the values that follow."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 3_000).astype(np.int16)
    X = rng.normal(y * 4.0, 1.0, (1, 3_000)).T.astype(np.float32)
    clean = LinearClassifier(schema_of("numeric"), bins=0).run(X, y, Tape.interleaved(3_000), np.ones(2))
    X[[0, 1_500]] = 3.0e38
    rough = LinearClassifier(schema_of("numeric"), bins=0).run(X, y, Tape.interleaved(3_000), np.ones(2))
    accuracy = [((P[:, 1] > 0.5) == y)[100:].mean() for P in (clean, rough)]
    assert accuracy[0] > 0.95
    assert accuracy[1] > accuracy[0] - 0.01


def test_a_feature_that_changes_its_unit_is_followed() -> None:
    """Values a thousand times larger from one event to the next become useful again."""
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 6_000).astype(np.int16)
    X = rng.normal(y * 3.0, 1.0, (1, 6_000)).T
    X[3_000:] *= 1_000.0
    P = LinearClassifier(schema_of("numeric")).run(X.astype(np.float32), y, Tape.interleaved(6_000), np.ones(2))
    assert ((P[:, 1] > 0.5) == y)[5_000:].mean() > 0.85


def test_bins_fit_what_no_straight_line_can() -> None:
    """A class in the middle of a feature's range is found with bins, not without."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(4_000, 1)).astype(np.float32)
    y = (np.abs(X[:, 0]) < 0.7).astype(np.int16)
    tape = Tape.interleaved(4_000)
    accuracy = {
        bins: ((LinearClassifier(schema_of("numeric"), bins=bins).run(X, y, tape, np.ones(2))[:, 1] > 0.5) == y)[
            1_000:
        ].mean()
        for bins in (0, 8)
    }
    assert accuracy[0] < 0.7
    assert accuracy[8] > 0.9


def test_crosses_fit_what_no_feature_shows_alone() -> None:
    """Exclusive-or of two features is found with crosses, not without."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6_000, 2)).astype(np.float32)
    y = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(np.int16)
    accuracy = {}
    for crosses in (0, 4):
        learner = LinearClassifier(schema_of("numeric", "numeric"), crosses=crosses)
        P = learner.run(X, y, Tape.interleaved(6_000), np.ones(2))
        accuracy[crosses] = ((P[:, 1] > 0.5) == y)[2_000:].mean()
    assert accuracy[0] < 0.6
    assert accuracy[4] > 0.85


def test_that_a_value_is_missing_can_be_the_signal() -> None:
    """The indicator of a missing value has a weight of its own."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 1_000).astype(np.int16)
    X = rng.normal(size=(1_000, 2)).astype(np.float32)
    X[y == 1, 0] = np.nan
    P = LinearClassifier(schema_of("numeric", "numeric")).run(X, y, Tape.interleaved(1_000), np.ones(2))
    assert ((P[:, 1] > 0.5) == y)[200:].mean() > 0.99


def test_a_concept_that_turns_round_is_relearned() -> None:
    """After the sign of a relation changes, most answers are right again within a thousand events."""
    rng = np.random.default_rng(6)
    X = rng.normal(size=(20_000, 3)).astype(np.float32)
    y = ((X[:, 0] > 0) ^ (np.arange(20_000) >= 15_000)).astype(np.int16)
    P = LinearClassifier(schema_of("numeric", "numeric", "numeric")).run(X, y, Tape.interleaved(20_000), np.ones(2))
    right = (P[:, 1] > 0.5) == y
    assert right[14_000:15_000].mean() > 0.95
    assert right[16_000:17_000].mean() > 0.9


def test_weights_of_a_hundred_do_not_blow_up() -> None:
    """At 1 % with weights of 100 and 1, most of both classes are still told apart."""
    rng = np.random.default_rng(7)
    y = (rng.random(20_000) < 0.01).astype(np.int16)
    X = rng.normal(y[:, None] * 2.5, 1.0, (20_000, 2)).astype(np.float32)
    P = LinearClassifier(schema_of("numeric", "numeric")).run(X, y, Tape.interleaved(20_000), np.array([1.0, 100.0]))
    guess = P[5_000:, 1] > 0.5
    assert guess[y[5_000:] == 1].mean() > 0.85
    assert (~guess)[y[5_000:] == 0].mean() > 0.85


def test_a_class_of_weight_zero_teaches_nothing() -> None:
    """Only the scales move."""
    X, y = mixed_stream(300, 2)
    learner = LinearClassifier(schema_of("numeric", "numeric", "boolean", "listed", "categorical"))
    learner.run(X, y, Tape.only(LEARN, 300), np.zeros(2))
    np.testing.assert_array_equal(learner.run(X, y, Tape.only(PREDICT, 300), np.ones(2)), 0.5)


def test_an_unknown_parameter_names_the_nearest() -> None:
    """As every configuration key does."""
    with pytest.raises(ConfigError, match=r"learner\.parameters\.horizn: unknown \(did you mean 'horizon'\?\)"):
        LinearClassifier(schema_of("numeric"), horizn=3)


def test_a_parameter_out_of_bounds_is_told_with_its_value() -> None:
    """The message holds the key and what was given."""
    with pytest.raises(ConfigError, match=r"learner\.parameters\.rate: .* not -1"):
        LinearClassifier(schema_of("numeric"), rate=-1)


def test_more_weights_than_memory_is_bounded_to_are_refused() -> None:
    """A thousand classes with four million slots would take 64 GB."""
    with pytest.raises(LearnerError, match="slots"):
        LinearClassifier(schema_of("categorical", classes=1_000), slots=1 << 22)


def test_a_state_of_another_shape_is_refused() -> None:
    """A state belongs to its schema and parameters, and holds only finite numbers."""
    small, large = LinearClassifier(schema_of("numeric")), LinearClassifier(schema_of("numeric", "numeric"))
    with pytest.raises(StateError, match="table"):
        large.restore(small.state())
    rotten = small.state()
    rotten["table"][0, 0] = np.nan
    with pytest.raises(StateError, match="finite"):
        small.restore(rotten)
