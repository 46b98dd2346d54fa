import json

import numpy as np
import pytest

from streamimb.batch import WITH_EVENT, Kind, Reason
from streamimb.config import LimitsConfig
from streamimb.decode import JsonDecoder
from streamimb.decode_columns import IGNORED_NAMES_MAX, Categories
from streamimb.decode_json import depth_of
from streamimb.json_causes import DEPTH_MAX, MISFIT_CHARS_MAX, MISFITS_MAX
from streamimb.schema import CATEGORY_CODE_MAX, Feature, Identity, Label, Schema, Time
from streamimb.text import Text

LABEL = Label(classes=["legit", "fraud"])


def decode(schema, *events, **limits):
    records = [e if isinstance(e, bytes) else json.dumps(e).encode() for e in events]
    return JsonDecoder(schema, LimitsConfig(**limits)).decode(records, source="t", offsets=1)


def numbers(*features):
    return Schema(features=features, label=LABEL)


def test_null_and_absent_are_missing():
    """A missing value is NaN unless the schema says otherwise."""
    schema = numbers(Feature(name="a"), Feature(name="b", missing="default", default=7))
    batch, rejected = decode(schema, {"a": None, "b": None}, {}, {"a": 1, "b": 2})
    assert not rejected
    np.testing.assert_array_equal(batch.X, [[np.nan, 7], [np.nan, 7], [1, 2]])


def test_paths_reach_into_nested_objects():
    """An object that is null or absent has no fields; a dot in a name without a path is part of the name."""
    schema = numbers(Feature(name="a", path="x.y.a"), Feature(name="b", path="x.b"), Feature(name="c.d"))
    events = [{"x": {"y": {"a": 1}, "b": 2}, "c.d": 3}, {"x": {"y": None, "b": 2}}, {"x": None}, {"c": {"d": 4}}]
    batch, rejected = decode(schema, *events)
    assert not rejected
    nan = np.nan
    np.testing.assert_array_equal(batch.X, [[1, 2, 3], [nan, 2, nan], [nan] * 3, [nan] * 3])


def test_a_label_may_be_absent():
    """An event without a label carries features only."""
    schema = numbers(Feature(name="a"))
    batch, _ = decode(schema, {"a": 1}, {"a": 1, "label": None}, {"a": 1, "label": "fraud"})
    assert batch.y.tolist() == [-1, -1, 1]
    assert batch.kind.tolist() == [Kind.FEATURES, Kind.FEATURES, Kind.BOTH]
    assert batch.label_time.tolist() == [WITH_EVENT] * 3


def test_an_event_with_only_an_id_and_a_label_is_a_label():
    """Its time is the label's time; rules on missing features do not apply to it."""
    features = [Feature(name="a", missing="refuse"), Feature(name="b", missing="default", default=3)]
    schema = Schema(features=features, label=LABEL, id=Identity(), time=Time(name="ts", unit="s"))
    batch, rejected = decode(schema, {"id": "x", "ts": 2, "label": "fraud"}, {"id": "y", "ts": 2})
    assert batch.kind.tolist() == [Kind.LABEL]
    assert np.isnan(batch.X).all()
    assert batch.label_time.tolist() == batch.time.tolist() == [2_000_000]
    assert [r.reason for r in rejected] == [Reason.MISSING_FIELD]


def test_an_event_whose_features_are_all_missing_is_an_event():
    """It names them; so it is predicted, and its label learned with it."""
    schema = numbers(Feature(name="a"), Feature(name="b", path="in.b")).model_copy(update={"id": Identity()})
    told = {"id": "x", "label": "fraud"}
    nulls = [{"a": None}, {"in": {"b": None}}, {"a": None, "in": {}}]
    bare = [{}, {"in": None}, {"in": {}}, {"other": 1}]
    batch, rejected = decode(schema, *({**told, **more} for more in [*nulls, *bare]))
    assert not rejected
    assert batch.kind.tolist() == [Kind.BOTH] * 3 + [Kind.LABEL] * 4


def test_a_label_row_is_known_at_its_label_time():
    """Whether it also names its own time, or no other; a row without any is refused, as is a time that is none."""
    label = LABEL.model_copy(update={"time": "known"})
    schema = Schema(features=[Feature(name="a")], label=label, id=Identity(), time=Time(name="t", unit="us"))
    told = {"id": "e", "label": "fraud"}
    times = [{"t": 5, "known": 10}, {"known": 10}, {"t": 5}, {}, {"t": 2**62, "known": 10}, {"a": 1, "known": 10}]
    batch, rejected = decode(schema, *({**told, **more} for more in times))
    assert batch.label_time.tolist() == batch.time.tolist() == [10, 10, 5]
    assert [(r.line, r.reason, r.field) for r in rejected] == [(i, Reason.BAD_TIME, "t") for i in (4, 5, 6)]


def test_a_label_row_of_a_stream_without_times_is_known_as_it_comes():
    """It has no time of its own that could say otherwise."""
    schema = numbers(Feature(name="a")).model_copy(update={"id": Identity()})
    batch, _ = decode(schema, {"id": "x", "label": "fraud"})
    assert batch.kind.tolist() == [Kind.LABEL]
    assert batch.label_time.tolist() == [WITH_EVENT]


def test_an_unlisted_category_is_a_feature_that_is_present():
    """A category without a code is missing in X, but the event still has features."""
    schema = Schema(features=[Feature(name="c", type="categorical", categories=["a"])], label=LABEL, id=Identity())
    batch, _ = decode(schema, {"id": "x", "c": "z", "label": "fraud"}, {"id": "y", "c": "a", "label": "fraud"})
    assert batch.kind.tolist() == [Kind.BOTH, Kind.BOTH]
    np.testing.assert_array_equal(batch.X[:, 0], [np.nan, 0])


def test_without_an_id_an_event_of_nothing_but_a_label_has_missing_features():
    """Only an id can say whose label it is."""
    batch, _ = decode(numbers(Feature(name="a")), {"label": "fraud"})
    assert batch.kind.tolist() == [Kind.BOTH]


def test_hashed_categories_are_stateless():
    """A value's code is its own, whatever came before it; a number stands for its text."""
    schema = numbers(Feature(name="c", type="categorical"))
    expected = {v: float(Text.of([v]).hashes()[0] % np.uint64(CATEGORY_CODE_MAX)) for v in ("b", "1", "1.0", "é")}
    batch, _ = decode(schema, *({"c": v} for v in ("b", 1, 1.0, "é", "b", None)))
    np.testing.assert_array_equal(batch.X[:, 0], [*(expected[v] for v in ("b", "1", "1.0", "é", "b")), np.nan])
    assert batch.X[:5, 0].max() < CATEGORY_CODE_MAX


@pytest.mark.parametrize(("bound", "value"), [("CACHE_MAX", 10), ("CACHE_BYTES_MAX", 40)])
def test_the_cache_of_categories_is_bounded(monkeypatch, bound, value):
    """Codes stay the same when the cache is emptied, for many values as for long ones."""
    values = [f"v{i:02}" for i in range(30)]
    expected = Categories(Feature(name="c", type="categorical")).of_values(values)
    monkeypatch.setattr(Categories, bound, value)
    categories = Categories(Feature(name="c", type="categorical"))
    for i in range(0, 30, 3):
        np.testing.assert_array_equal(
            categories.of_values([*values[i : i + 3], "v00"]), [*expected[i : i + 3], expected[0]]
        )
        assert len(categories._cache) <= 20


def test_booleans_are_zero_and_one():
    """true, false, 1 and 0."""
    batch, rejected = decode(numbers(Feature(name="f", type="boolean")), *({"f": v} for v in (True, False, 1, 0, None)))
    assert not rejected
    np.testing.assert_array_equal(batch.X[:, 0], [1, 0, 1, 0, np.nan])


def test_classes_of_several_types_stay_apart():
    """The text "1", the number 1 and true may be three classes."""
    label = Label(classes=["1", 2, True])
    schema = Schema(features=[Feature(name="a")], label=label)
    batch, rejected = decode(schema, *({"label": v} for v in ("1", 2, True, None, 1, "2", False)))
    assert batch.y.tolist() == [0, 1, 2, -1]
    assert [r.reason for r in rejected] == [Reason.UNKNOWN_CLASS] * 3


def test_whole_numbers_are_ids():
    """A whole number's id is its digits, however many."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, id=Identity())
    batch, _ = decode(schema, {"id": 12, "a": 1}, {"id": "12", "a": 1}, {"id": 10**30, "a": 1}, {"id": "ü", "a": 1})
    assert batch.ids.tolist() == ["12", "12", "1" + "0" * 30, "ü"]
    assert batch.key[0] == batch.key[1]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("s", 1_700_000_000, 1_700_000_000_000_000),
        ("s", 1_700_000_000.123456, 1_700_000_000_123_456),
        ("s", -1, -1_000_000),
        ("ms", 1_700_000_000_001, 1_700_000_000_001_000),
        ("us", 2**60 + 1, 2**60 + 1),
        ("iso", "2024-02-29T12:00:00Z", 1_709_208_000_000_000),
        ("iso", "2024-02-29T13:00:00+01:00", 1_709_208_000_000_000),
        ("iso", "2024-02-29T12:00:00", 1_709_208_000_000_000),
        ("iso", "1969-12-31T23:59:59.5Z", -500_000),
    ],
)
def test_times_are_microseconds_in_utc(unit, value, expected):
    """Each unit, exact to the microsecond; a time without an offset is UTC."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, time=Time(unit=unit))
    batch, rejected = decode(schema, {"time": value, "a": 1})
    assert not rejected
    assert batch.time.tolist() == [expected]


def test_a_label_may_bring_the_time_at_which_it_became_known():
    """Without one it is known with its event."""
    label = LABEL.model_copy(update={"time": "meta.known"})
    schema = Schema(features=[Feature(name="a")], label=label, time=Time(unit="s"))
    events = [{"a": 1, "time": 1, "meta": {"known": 5}}, {"a": 1, "time": 1, "meta": {}}, {"a": 1, "time": 1}]
    batch, rejected = decode(schema, *events)
    assert not rejected
    assert batch.label_time.tolist() == [5_000_000, WITH_EVENT, WITH_EVENT]


def test_events_at_the_limits_are_accepted():
    """A limit is the largest that passes: bytes, fields and depth."""
    schema = numbers(Feature(name="a"))
    deep = b'{"a": 1, "x": ' + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1) + b"}"
    quoted = json.dumps({"a": 1, "x": "[" * 500}).encode()
    wide = json.dumps({"a": 1, **{f"f{i}": {} for i in range(49)}}).encode()
    sized = b'{"a": 1}' + b" " * 1_992
    batch, rejected = decode(schema, deep, quoted, wide, sized, event_bytes_max=2_000, fields_max=50)
    assert not rejected
    assert len(batch) == 4


def test_depth_counts_brackets_outside_strings():
    """Escaped quotes do not end a string."""
    assert depth_of(b'{"a[[": "\\"[[", "b": [[1], [2, {"c": []}]]}') == 5


def test_partitions_may_differ_from_row_to_row():
    """A poll of several partitions is one batch."""
    decoder = JsonDecoder(numbers(Feature(name="a")), LimitsConfig())
    partition = np.array([2, 0, 2], np.int32)
    records = [b'{"a": 1}', b"{", b'{"a": 2}']
    batch, rejected = decoder.decode(records, source="t", partition=partition, offsets=np.array([7, 7, 8]))
    assert batch.partition.tolist() == [2, 2]
    assert batch.offset.tolist() == [7, 8]
    assert [(r.partition, r.offset) for r in rejected] == [(0, 7)]


def test_an_empty_poll_is_an_empty_batch():
    """No records give no rows."""
    batch, rejected = decode(numbers(Feature(name="a")))
    assert batch.X.shape == (0, 1)
    assert not rejected


def test_fields_that_the_schema_does_not_name_are_counted_by_name():
    """In objects within objects, too, and only of records that count; however batches are cut."""
    schema = Schema(features=[Feature(name="a"), Feature(name="b", path="o.b")], label=Label(classes=["l", "f"]))
    told = [{"a": 1}, {"a": 2, "new": [1], "o": {"b": 3, "q": None}}, {"a": "x", "new": 1}, {"a": 4, "new": {"z": 1}}]
    records = [json.dumps(event).encode() for event in told]
    for cut in (1, 2, 4):
        decoder = JsonDecoder(schema, LimitsConfig())
        parts = [decoder.decode(records[i : i + cut], source="s", offsets=i) for i in range(0, 4, cut)]
        assert [x for batch, _ in parts for x in batch.X[:, 0].tolist()] == [1, 2, 4]
        assert [(r.line, r.field) for _, refused in parts for r in refused] == [(2, "a")]
        assert decoder.take_ignored() == {"new": 2, "o.q": 1} and decoder.take_ignored() == {}


@pytest.mark.parametrize("names", [[f"n{i}" for i in range(1_000)], ['"', "\\", "\n", "x` - at `$.y", "x` - at `$.a"]])
def test_no_name_of_an_ignored_field_does_harm(names):
    """There may be any number of them, and any text may be one."""
    schema = numbers(Feature(name="a"))
    decoder = JsonDecoder(schema, LimitsConfig())
    batch, refused = decoder.decode([json.dumps({"a": 1, name: 2}).encode() for name in names], source="s", offsets=0)
    assert (len(batch), refused) == (len(names), []) and len(decoder.take_ignored()) <= IGNORED_NAMES_MAX


def test_causes_that_are_kept_are_bounded_and_said_alike():
    """However many kinds of fault come: each is told as at first, and neither many nor long ones are kept."""
    schema = Schema(features=[Feature(name="a")], label=LABEL, unknown_fields="refuse")
    decoder = JsonDecoder(schema, LimitsConfig())
    records = [f'{{"new{i}": 1}}'.encode() for i in range(2 * MISFITS_MAX)] + [b'{"%s": 1}' % (b"x" * 5_000)]
    first, again = (decoder.decode(records, source="t", offsets=1)[1] for _ in range(2))
    assert first == again and [r.field for r in first[:-1]] == [f"new{i}" for i in range(2 * MISFITS_MAX)]
    assert 0 < len(decoder._causes._misfits) <= MISFITS_MAX
    assert max(map(len, decoder._causes._misfits)) <= MISFIT_CHARS_MAX


def test_a_refused_record_among_odd_ones_takes_no_place_of_another():
    """Odd records are read by the library, refused ones not at all: each row keeps its own values."""
    odd = [f'{{"id": "\\u0061{i}", "amount": {i}}}'.encode() for i in range(3)]
    plain = [f'{{"id": "p{i}", "amount": {i}}}'.encode() for i in range(24)]
    records = [b"{", odd[0], *plain[:9], b"[1]", odd[1], *plain[9:], odd[2], b'{"amount": NaN}', b'{"amount": 1}']
    schema = Schema(features=[Feature(name="amount")], label=LABEL, id=Identity())
    batch, refused = JsonDecoder(schema, LimitsConfig()).decode(records, source="t", offsets=1)
    assert batch.ids.tolist() == ["a0", *(f"p{i}" for i in range(9)), "a1", *(f"p{i}" for i in range(9, 24)), "a2"]
    assert batch.X[:, 0].tolist() == [0, *range(9), 1, *range(9, 24), 2]
    assert [(r.line, r.reason) for r in refused] == [
        (1, Reason.NOT_JSON), (12, Reason.NOT_OBJECT), (30, Reason.NOT_FINITE), (31, Reason.MISSING_FIELD)
    ]  # fmt: skip
