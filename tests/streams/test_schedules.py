from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamimb.errors import ConfigError
from streamimb.streams.changes import Changes
from streamimb.streams.concepts import Moves, Recurring, Static, parse_concept
from streamimb.streams.delays import DELAY_MAX_US, Delay, Delays, Noise
from streamimb.streams.shares import Constant, Flip, Ramp, Shares, Step, parse_ratio

SHARES = st.floats(0, 1)
PLACES = st.lists(st.integers(0, 10**9), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)


@st.composite
def ratios(draw):
    """Any schedule of class shares for two classes."""
    places = draw(PLACES)
    span = draw(st.none() | st.lists(st.integers(0, 10**6), min_size=2, max_size=2, unique=True).map(sorted).map(tuple))
    first = draw(SHARES)
    return draw(
        st.sampled_from(
            [
                Constant(first),
                Step(tuple(draw(SHARES) for _ in range(len(places) + 1)), places),
                Flip(draw(st.floats(0, 0.49)), draw(st.floats(0.51, 1)), draw(st.none() | st.integers(0, 10**6))),
                Ramp(tuple(draw(SHARES) for _ in range(draw(st.sampled_from([2, 3])))), span),
                Shares((first, 1 - first), draw(st.none() | st.integers(1, 10**6))),
            ]
        )
    )


@st.composite
def concepts(draw):
    """Any schedule of concepts."""
    places = draw(PLACES)
    gaps = [b - a for a, b in pairwise(places)] + [10**6]
    widths = tuple(draw(st.integers(0, gap)) for gap in gaps)
    recurring = Recurring(draw(st.integers(1, 10**6)), draw(st.integers(2, 9)))
    return draw(st.sampled_from([Static(), Moves(places, widths), Moves(places, (0,) * len(places)), recurring]))


@given(ratios())
def test_a_ratio_reads_back_from_its_text(ratio):
    """The text form says the whole schedule."""
    assert parse_ratio(str(ratio)) == ratio


@given(ratios(), st.integers(1, 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_sum_to_one_everywhere(ratio, n, places):
    """At any position of any stream the classes' shares are shares, and sum to one."""
    shares = ratio.shares(np.array(places), n, 2)
    assert shares.shape == (len(places), 2)
    assert np.all((shares >= 0) & (shares <= 1))
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@given(ratios(), st.integers(1, 100_000))
def test_shares_move_only_where_a_drift_is_told(ratio, n):
    """Between two events the share changes only inside a told drift, and every drift lies in the stream."""
    at = np.arange(n)
    moved = np.flatnonzero(np.abs(np.diff(ratio.positive(at, n))) > 1e-12) + 1
    told = np.zeros(n + 1, np.bool_)
    for drift in ratio.drifts(n):
        assert 0 <= drift.position < n
        told[drift.position : drift.position + drift.width + 1] = True
    assert told[moved].all()


@given(concepts())
def test_a_concept_reads_back_from_its_text(concept):
    """The text form says the whole schedule."""
    assert parse_concept(str(concept)) == concept


@given(concepts(), st.integers(1, 50_000), st.floats(0, 1, exclude_max=True))
def test_concepts_move_only_where_a_drift_is_told(concept, n, u):
    """An event's concept differs from the one before it only inside a told drift."""
    found = concept.at(np.arange(n), np.full(n, u))
    told = np.zeros(n + 1, np.bool_)
    for drift in concept.drifts(n):
        told[drift.position : drift.position + drift.width + 1] = True
    assert told[np.flatnonzero(np.diff(found)) + 1].all()


def test_a_gradual_drift_mixes_by_a_straight_line():
    """A quarter of the way, a quarter of the events are of the new concept."""
    u = np.random.default_rng(1).random(40_000)
    found = parse_concept("gradual:0/40000").at(np.arange(40_000), u)
    quarters = [part.mean() for part in np.split(found, 4)]
    np.testing.assert_allclose(quarters, [0.125, 0.375, 0.625, 0.875], atol=0.015)


def test_a_ramp_without_positions_follows_the_length():
    """A ramp is spread over the stream unless it says where it is; a way back turns in the middle."""
    assert parse_ratio("ramp:0.5->0.1").positive(np.array([0, 500]), 1000).tolist() == [0.5, 0.3]
    there_and_back = parse_ratio("back:0.5->0.1->0.3")
    np.testing.assert_allclose(there_and_back.positive(np.array([0, 500, 750]), 1000), [0.5, 0.1, 0.2])
    assert [(d.position, d.width) for d in there_and_back.drifts(1000)] == [(0, 500), (500, 500)]


def test_shares_go_round():
    """Each class takes the share of the one before it, and is back after as many turns as there are classes."""
    rotate = parse_ratio("rotate:0.7/0.2/0.1@10")
    shares = rotate.shares(np.array([0, 10, 20, 30]), 40, 3)
    assert shares[:, 0].tolist() == [0.7, 0.1, 0.2, 0.7]
    assert [d.position for d in rotate.drifts(40)] == [10, 20, 30]


def test_a_class_is_there_between_its_changes():
    """Appearing, vanishing and coming back again are all told and kept."""
    changes = Changes.read("vanish:a@20, appear:b@10, appear:a@30, redefine:b@15")
    at = np.array([9, 10, 20, 30])
    assert changes.present(at, ("a", "b", "c")).tolist() == [
        [True, False, True], [True, True, True], [False, True, True], [True, True, True]
    ]  # fmt: skip
    assert changes.versions(at, ("a", "b", "c"))[:, 1].tolist() == [0, 0, 1, 1]
    assert [d.detail for d in changes.drifts(30)] == [
        "class b appears", "class b is redefined", "class a vanishes"
    ]  # fmt: skip
    assert Changes.read(str(changes)) == changes
    assert str(Changes()) == "none"
    assert Changes.read("none") == Changes()


@given(
    st.sampled_from(["none", "never", "7d", "36h", "1500ms", "0s", "exp:3d", "uniform:1d..7d", "lots:7d"]),
    st.sampled_from(["", ",a=never", ",a=exp:90m,b=2d"]),
)
def test_a_delay_reads_back_from_its_text(rest, named):
    """The text form says the whole delay."""
    delays = Delays.read(rest + named)
    assert Delays.read(str(delays)) == delays


@pytest.mark.parametrize("text", ["0.02", "a=0.1", "0.02,a=0.1,b=0"])
def test_noise_reads_back_from_its_text(text):
    """The text form says the noise of every class."""
    assert str(Noise.read(text)) == text


@given(st.sampled_from(["none", "7d", "exp:3d", "uniform:1d..7d", "lots:7d"]), st.floats(0, 1, exclude_max=True))
def test_no_label_is_known_before_its_event(text, u):
    """Whatever the delay, time goes forward, and not for longer than the limit."""
    time = np.array([1_700_000_000_000_000])
    late = Delay.read(text).label_times(time, np.array([u])) - time
    assert 0 <= late[0] <= DELAY_MAX_US


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (parse_ratio, "rmp:0.5->0.1", "did you mean 'ramp'"),
        (parse_ratio, "1.5", "1.5 is not between 0 and 1"),
        (parse_ratio, "nan", "there is ramp, back"),
        (parse_ratio, "", "there is ramp, back"),
        (parse_ratio, "ramp:0.5", "ramp:0.5->0.01"),
        (parse_ratio, "ramp:0.5->x", "'x' is no number"),
        (parse_ratio, "ramp:0.5->0.1@7", "10000..20000"),
        (parse_ratio, "ramp:0.5->0.1@9..7", "position 7 does not come after 9"),
        (parse_ratio, "back:0.5->0.1", "back:0.5->0.01->0.5"),
        (parse_ratio, "step:0.1->0.2", "step:0.1@20000->0.01"),
        (parse_ratio, "step:0.1@5->0.2@5->0.3", "position 5 does not come after 5"),
        (parse_ratio, "step:0.1@-5->0.2", "'-5' is no position"),
        (parse_ratio, "flip:0.1->0.2", "across one half"),
        (parse_ratio, "0.5/0.4", "sums to 0.9"),
        (parse_ratio, "rotate:0.5/0.5", "rotate:0.9/0.07/0.03@10000"),
        (parse_ratio, "rotate:0.5/0.5@0", "at least 1"),
        (parse_concept, "gradul:1/2", "did you mean 'gradual'"),
        (parse_concept, "sudden:1/2", "sudden:10000,20000"),
        (parse_concept, "gradual:10", "gradual:10000/2000"),
        (parse_concept, "gradual:10/20,15/2", "past the next one at 15"),
        (parse_concept, "sudden:", "something is missing"),
        (parse_concept, "recurring:0", "at least one event"),
        (Changes.read, "apear:c@5", "did you mean 'appear'"),
        (Changes.read, "appear:c", "appear:CLASS@10000"),
        (Delays.read, "soon", "is no form"),
        (Delays.read, "7", "is no duration"),
        (Delays.read, "uniform:7d..1d", "ends before it begins"),
        (Delays.read, "lots:0d", "some time between"),
        (Delays.read, "99999w", "a hundred years"),
        (Delays.read, "1d,2d", "two things"),
        (Delays.read, "a=1d,a=2d", "named twice"),
        (Noise.read, "2", "between 0 and 1"),
    ],
)
def test_what_cannot_be_read_is_named(read, text, message):
    """An error says which part is wrong and how it is written, or the nearest form."""
    with pytest.raises(ConfigError) as error:
        read(text)
    assert message in str(error.value)
