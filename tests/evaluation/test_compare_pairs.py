"""Tests on pairs against SciPy, literal definitions and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from streamimb.evaluation import pairs


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_mid_p_is_the_binomials(a_only, b_only):
    """Twice the tail less the probability of the split itself, as SciPy has the binomial; symmetric."""
    n, least = a_only + b_only, min(a_only, b_only)
    expected = min(1.0, 2 * stats.binom.cdf(least, n, 0.5) - stats.binom.pmf(least, n, 0.5))
    assert math.isclose(pairs.mid_p(a_only, b_only), expected, rel_tol=1e-8, abs_tol=1e-300)
    assert pairs.mid_p(a_only, b_only) == pairs.mid_p(b_only, a_only)


def test_mid_p_is_continuous_where_the_sum_changes():
    """Whole numbers and logarithms give the same on either side of the bound."""
    n = pairs.EXACT_MAX
    values = [pairs.mid_p(n // 2 - 30, n // 2 + 30 + extra) for extra in (-1, 0, 1)]
    assert values[0] > values[1] > values[2]
    assert values[0] - values[1] == pytest.approx(values[1] - values[2], rel=0.1)


def test_mid_p_of_a_million_events():
    """Long streams have a p-value too."""
    z = 2_000 / 1_000_000**0.5
    assert pairs.mid_p(499_000, 501_000) == pytest.approx(2 * stats.norm.sf(z), rel=1e-2)


def test_mcnemar_counts_what_only_one_has_right():
    """Events that both or neither decides rightly do not count."""
    told = pairs.mcnemar([1, 1, 0, 0, 1, 0], [1, 0, 1, 0, 0, 0])
    assert (told.a_only, told.b_only) == (2, 1)
    assert told.p == pytest.approx(2 * (1 / 8 + 3 / 8) - 3 / 8)


def literal(y, score):
    """Placements by their definition."""
    out = []
    for i in range(len(y)):
        others = score[y != y[i]]
        above = (score[i] > others).mean() if y[i] else (score[i] < others).mean()
        out.append(above + 0.5 * (score[i] == others).mean())
    return np.array(out)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=40))
def test_delong_is_the_definition(rows):
    """The difference of the areas and its variance from placements, ties half; mirrored when the runs change places."""
    y, a, b = (np.array(column) for column in zip(*rows, strict=True))
    told = pairs.delong(y, a, b)
    if min(y.sum(), (~y).sum()) < 2:
        assert np.isnan([told.value, told.low, told.high, told.p]).all()
        return
    over = literal(y, a) - literal(y, b)
    error = (over[y].var(ddof=1) / y.sum() + over[~y].var(ddof=1) / (~y).sum()) ** 0.5
    assert told.value == pytest.approx(over[y].mean(), abs=1e-12)
    assert told.value == pytest.approx(over[~y].mean(), abs=1e-12)
    assert told.high - told.value == pytest.approx(1.959964 * error, rel=1e-5, abs=1e-9)
    back = pairs.delong(y, b, a)
    assert (back.value, back.p) == pytest.approx((-told.value, told.p), abs=1e-9)


def test_delong_has_its_size():
    """Under no difference its p-values are uniform."""
    rng, p = np.random.default_rng(3), []
    for _ in range(400):
        y = rng.random(300) < 0.2
        shared = rng.normal(size=300) + y
        p.append(pairs.delong(y, shared + rng.normal(size=300), shared + rng.normal(size=300)).p)
    assert stats.kstest(p, "uniform").pvalue > 0.01


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12))
def test_holm_is_the_step_down_rule(p):
    """Holm's rule at any level rejects exactly the hypotheses whose corrected p-value is below it; NaN stays NaN."""
    adjusted = pairs.holm(p)
    assert [math.isnan(v) for v in adjusted] == [math.isnan(v) for v in p]
    tested = sorted((v, i) for i, v in enumerate(p) if not math.isnan(v))
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for rank, (value, i) in enumerate(tested):
            if value * (len(tested) - rank) > level:
                break
            rejected.add(i)
        assert rejected == {i for i, v in enumerate(adjusted) if v <= level}
