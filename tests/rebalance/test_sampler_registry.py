import numpy as np
import pytest
from pydantic import ValidationError

from streamimb.config import SamplesConfig
from streamimb.errors import ConfigError, StateError
from streamimb.rebalance.per_class import PerClassSampler
from streamimb.rebalance.registry import make_sampler
from streamimb.rebalance.smote import Smote
from streamimb.rebalance.undersample import Undersample
from streamimb.schema import Feature, Label, Schema
from streamimb.testing import digest

SCHEMA = Schema(
    features=[Feature(name="amount"), Feature(name="country", type="categorical")],
    label=Label(classes=["legit", "card fraud", "account fraud"]),
)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"fixed": ("contry",)}, r"samples\.fixed: no feature is called 'contry' \(did you mean 'country'\?\)"),
        ({"fixed": ("x99",)}, r"samples\.fixed: no feature is called 'x99' \(there is .*country"),
        ({"bounds": {"amout": (0, 1)}}, r"samples\.bounds: no feature is called 'amout' \(did you mean 'amount'\?\)"),
        ({"bounds": {"country": (0, 1)}}, r"samples\.bounds\.country: only a numeric feature has bounds"),
        ({"bounds": {"amount": (2, 1)}}, r"samples\.bounds\.amount = \[2.0, 1.0\]: the first must not be above"),
        ({"bounds": {"amount": ("nan", 1)}}, r"samples\.bounds\.amount"),
        ({"classes": {"fraud": {}}}, r"samples\.classes: no class is called 'fraud' \(did you mean 'card fraud'\?\)"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(keys, message):
    """Whether or not a strategy is chosen that would use it."""
    for chosen in ({}, {"minority": "smote"}):
        with pytest.raises(ConfigError, match=message):
            make_sampler(SCHEMA, SamplesConfig(**keys, **chosen))


def test_each_class_has_its_own_strategy():
    """A class's own choice wins over that for all, ``none`` included."""
    config = SamplesConfig(
        minority="smote",
        majority="undersample",
        classes={
            "legit": {"minority": "none", "clean": False},
            "card fraud": {"minority": "borderline_smote", "clean": True},
            "account fraud": {"majority": "none"},
        },
    )
    sampler = make_sampler(SCHEMA, config)
    assert isinstance(sampler, PerClassSampler)
    assert {stage.name: stage.classes.tolist() for stage in sampler.stages} == {
        "clean": [False, True, False],
        "undersample": [True, True, False],
        "smote": [False, True, True],
    }


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({}, None),
        ({"classes": {"legit": {"majority": "undersample"}}}, "undersample"),
        ({"minority": "smote"}, "smote"),
        ({"minority": "borderline_smote"}, "borderline_smote"),
        ({"clean": True}, "clean"),
        ({"minority": "smote", "classes": {n: {"minority": "none"} for n in SCHEMA.class_names}}, None),
    ],
)
def test_one_strategy_stands_alone(keys, kind):
    """And none is None."""
    assert getattr(make_sampler(SCHEMA, SamplesConfig(**keys)), "name", None) == kind


def test_a_large_seed_is_a_seed():
    """Seeds have no bound."""
    X, y = np.zeros((50, 2), np.float32), (np.arange(50) % 10 == 0).astype(np.int16)
    sampler = make_sampler(SCHEMA, SamplesConfig(minority="smote"), seed=1 << 70)
    assert sampler is not None
    assert len(sampler.sample(X, y, np.arange(50), np.ones(50))) > 50


@pytest.mark.parametrize("keys", [{"minority": "smoet"}, {"buffer": 0}, {"smote": {"neighbors": 5}}, {"decay": 1.0}])
def test_unknown_keys_and_wrong_values_are_refused(keys):
    """As everywhere in the configuration."""
    with pytest.raises(ValidationError):
        SamplesConfig(**keys)


def test_filling_up_sees_what_thinning_left():
    """The target is the share of what is left of the majority, not of what it was."""
    rng = np.random.default_rng(1)
    y = (rng.random(40_000) < 0.02).astype(np.int16)
    X = np.c_[rng.normal(2.0 * y), rng.integers(0, 3, 40_000)].astype(np.float32)
    config = SamplesConfig(minority="smote", majority="undersample", decay=0.9995)
    sampler = make_sampler(SCHEMA, config)
    assert sampler is not None
    out = sampler.sample(X, y, np.arange(40_000), np.ones(40_000))
    late = out.origin > 10_000
    weight = np.bincount(out.y[late], out.weights[late])
    assert weight[1] / weight[0] == pytest.approx(0.5, rel=0.15)
    assert late.sum() < 0.3 * 30_000


def test_a_state_that_fits_one_stage_and_not_another_changes_neither():
    """The stages before the one that refuses go back to what they were."""
    X, y = np.ones((30, 2), np.float32), (np.arange(30) % 5 == 0).astype(np.int16)
    stages = lambda: PerClassSampler([Undersample(SCHEMA), Smote(SCHEMA)], 3)  # noqa: E731
    sampler, other = stages(), stages()
    other.sample(X, y, np.arange(30), np.ones(30))
    before, state = digest(sampler.state()), other.state()
    state["stages"]["1"] = {**state["stages"]["1"], "sizes": np.zeros(1)}
    with pytest.raises(StateError, match="smote: the saved sizes"):
        sampler.restore(state)
    assert digest(sampler.state()) == before
    with pytest.raises(ValueError, match="no stages"):
        PerClassSampler([], 2)
