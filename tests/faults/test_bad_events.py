"""Every kind of bad event: what it is refused for, and that its neighbours do not notice."""

import json

import numpy as np
import pytest

from streamimb.batch import Reason
from streamimb.config import LimitsConfig
from streamimb.decode import JsonDecoder
from streamimb.errors import SchemaError
from streamimb.schema import Feature, Identity, Label, Schema, Time

LIMITS = LimitsConfig(event_bytes_max=20_000, fields_max=100)
SCHEMA = Schema(
    features=[
        Feature(name="amount", path="after.amount"),
        Feature(name="risk"),
        Feature(name="country", type="categorical"),
        Feature(name="night", type="boolean"),
        Feature(name="needed", missing="refuse"),
    ],
    label=Label(classes=[0, 1], positive=1, time="known"),
    time=Time(name="ts", unit="ms"),
    id=Identity(),
)
GOOD = {
    "id": "a",
    "ts": 5,
    "after": {"amount": 1.5},
    "risk": 2,
    "country": "de",
    "night": True,
    "needed": 1,
    "label": 0,
}


def event(**changes):
    return json.dumps(GOOD | changes).encode()


def without(field):
    return json.dumps({k: v for k, v in GOOD.items() if k != field}).encode()


def raw(field, text):
    return event(**{field: "HERE"}).replace(b'"HERE"', text)


BAD = {
    "tombstone": (None, Reason.EMPTY, None),
    "nothing": (b"", Reason.EMPTY, None),
    "blanks": (b" \t ", Reason.EMPTY, None),
    "no JSON": (b"hello", Reason.NOT_JSON, None),
    "cut off": (event()[:-5], Reason.NOT_JSON, None),
    "two objects": (event() + event(), Reason.NOT_JSON, None),
    "trailing comma": (b'{"id":"a",}', Reason.NOT_JSON, None),
    "single quotes": (b"{'id':1}", Reason.NOT_JSON, None),
    "leading zero": (raw("risk", b"01"), Reason.NOT_JSON, None),
    "byte order mark": (b"\xef\xbb\xbf" + event(), Reason.NOT_JSON, None),
    "bad UTF-8 in a field": (raw("country", b'"\xff"'), Reason.NOT_UTF8, None),
    "bad UTF-8 in an unknown field": (raw("other", b'"\xc3"'), Reason.NOT_UTF8, None),
    "UTF-16": (event().decode().encode("utf-16-le"), Reason.NOT_JSON, None),
    "half a surrogate": (raw("id", b'"\\ud800"'), Reason.NOT_JSON, None),
    "array": (b"[]", Reason.NOT_OBJECT, None),
    "null": (b"null", Reason.NOT_OBJECT, None),
    "number": (b"12", Reason.NOT_OBJECT, None),
    "too large": (event(other="x" * 20_000), Reason.TOO_LARGE, None),
    "100,000 open brackets": (b"[" * 10_000, Reason.TOO_DEEP, None),
    "brackets in an unknown field": (raw("other", b"[" * 300 + b"]" * 300), Reason.TOO_DEEP, None),
    "objects in an unknown field": (raw("other", b'{"a":' * 300 + b"1" + b"}" * 300), Reason.TOO_DEEP, None),
    "too many fields": (event(**{f"f{i}": i for i in range(200)}), Reason.TOO_MANY_FIELDS, None),
    "too many nested fields": (event(other={f"f{i}": i for i in range(200)}), Reason.TOO_MANY_FIELDS, None),
    "NaN": (raw("risk", b"NaN"), Reason.NOT_FINITE, "risk"),
    "Infinity": (raw("risk", b"Infinity"), Reason.NOT_FINITE, "risk"),
    "-Infinity in a nested field": (event(after={"amount": -np.inf}), Reason.NOT_FINITE, "after.amount"),
    "1e999": (raw("risk", b"1e999"), Reason.OUT_OF_RANGE, "risk"),
    "1e308": (raw("risk", b"1e308"), Reason.OUT_OF_RANGE, "risk"),
    "-1e39": (raw("risk", b"-1e39"), Reason.OUT_OF_RANGE, "risk"),
    "huge integer": (raw("risk", b"9" * 400), Reason.OUT_OF_RANGE, "risk"),
    "text for a number": (event(risk="2"), Reason.WRONG_TYPE, "risk"),
    "true for a number": (event(risk=True), Reason.WRONG_TYPE, "risk"),
    "array for a number": (event(risk=[1]), Reason.WRONG_TYPE, "risk"),
    "text for a nested number": (event(after={"amount": "1"}), Reason.WRONG_TYPE, "after.amount"),
    "number for an object": (event(after=3), Reason.WRONG_TYPE, "after"),
    "2 for a boolean": (event(night=2), Reason.WRONG_TYPE, "night"),
    "text for a boolean": (event(night="true"), Reason.WRONG_TYPE, "night"),
    "true for a category": (event(country=True), Reason.WRONG_TYPE, "country"),
    "missing field": (without("needed"), Reason.MISSING_FIELD, "needed"),
    "null for a needed field": (event(needed=None), Reason.MISSING_FIELD, "needed"),
    "text for a class": (event(label="1"), Reason.UNKNOWN_CLASS, "label"),
    "1.0 for the class 1": (event(label=1.0), Reason.UNKNOWN_CLASS, "label"),
    "true for the class 1": (event(label=True), Reason.UNKNOWN_CLASS, "label"),
    "another class": (event(label=2), Reason.UNKNOWN_CLASS, "label"),
    "huge class": (raw("label", b"9" * 60), Reason.UNKNOWN_CLASS, "label"),
    "array for a class": (event(label=[1]), Reason.WRONG_TYPE, "label"),
    "no time": (without("ts"), Reason.BAD_TIME, "ts"),
    "null for a time": (event(ts=None), Reason.BAD_TIME, "ts"),
    "text for a time": (event(ts="2024-01-01"), Reason.BAD_TIME, "ts"),
    "time past all bounds": (event(ts=10**18), Reason.BAD_TIME, "ts"),
    "huge time": (raw("ts", b"9" * 400), Reason.BAD_TIME, "ts"),
    "huge fraction of a time": (raw("ts", b"1e300"), Reason.BAD_TIME, "ts"),
    "text for a label's time": (event(known="now"), Reason.BAD_TIME, "known"),
    "no id": (without("id"), Reason.MISSING_FIELD, "id"),
    "fraction for an id": (event(id=1.5), Reason.BAD_ID, "id"),
    "empty id": (event(id=""), Reason.BAD_ID, "id"),
    "endless id": (event(id="x" * 2_000), Reason.BAD_ID, "id"),
    "object for an id": (event(id={}), Reason.BAD_ID, "id"),
}


def check_neighbours(decoder, bad, reason, field):
    good = [event(id=f"good{i}", risk=i, label=i % 2) for i in range(4)]
    alone, none = decoder.decode(good, source="topic", partition=3, offsets=np.array([10, 11, 13, 14]))
    assert not none
    records = [*good[:2], bad, *good[2:]]
    batch, rejected = decoder.decode(records, source="topic", partition=3, offsets=np.arange(10, 15))
    assert [(r.reason, r.field) for r in rejected] == [(reason, field)]
    assert (rejected[0].source, rejected[0].partition, rejected[0].offset, rejected[0].line) == ("topic", 3, 12, None)
    assert rejected[0].detail and len(rejected[0].detail) < 200
    for name in ("X", "y", "kind", "key", "time", "label_time", "partition", "offset"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(alone, name))
    assert batch.ids.tolist() == alone.ids.tolist()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_refused_alone(name):
    """A bad event is refused with its reason and field, and the events around it are accepted unchanged."""
    check_neighbours(JsonDecoder(SCHEMA, LIMITS), *BAD[name])


@pytest.mark.parametrize(
    ("bad", "field"), [(event(other=1), "other"), (event(after={"amount": 1, "more": 2}), "after.more")]
)
def test_an_unknown_field_is_refused_where_the_schema_says_so(bad, field):
    """With unknown_fields = "refuse" a field that the schema does not name is refused, at any depth."""
    strict = SCHEMA.model_copy(update={"unknown_fields": "refuse"})
    check_neighbours(JsonDecoder(strict, LIMITS), bad, Reason.UNKNOWN_FIELD, field)


def test_an_unknown_class_can_count_as_no_label():
    """With label.unknown = "none" an event of an unlisted class is one without a label."""
    lenient = SCHEMA.model_copy(update={"label": SCHEMA.label.model_copy(update={"unknown": "none"})})
    batch, rejected = JsonDecoder(lenient, LIMITS).decode([event(label=7)], source="t", offsets=1)
    assert not rejected
    assert batch.y.tolist() == [-1]


def test_a_fifty_megabyte_event_is_refused_by_its_size():
    """The limit is on bytes, before anything is parsed."""
    decoder = JsonDecoder(SCHEMA, LimitsConfig())
    batch, rejected = decoder.decode([b"[" * 50_000_000, event()], source="t", offsets=1)
    assert [r.reason for r in rejected] == [Reason.TOO_LARGE]
    assert len(batch) == 1


def test_an_event_in_which_all_is_wrong_is_refused_once():
    """One event gives one refusal, however much is wrong with it."""
    bad = json.dumps({"label": 5, "risk": 1e39}).encode()
    batch, rejected = JsonDecoder(SCHEMA, LIMITS).decode([bad, event(), bad], source="f", offsets=7)
    assert [r.line for r in rejected] == [7, 9]
    assert batch.offset.tolist() == [8]


def test_refusing_does_not_parse_the_good_events_again(monkeypatch):
    """One bad event in a batch costs its own parsing only: each record is decoded exactly once."""
    decoder = JsonDecoder(SCHEMA, LIMITS)
    calls = []
    inner = decoder._decoder

    class Counting:
        def decode(self, record):
            calls.append(record)
            return inner.decode(record)

    monkeypatch.setattr(decoder, "_decoder", Counting())
    records = [event(id=f"{i}") for i in range(50)]
    records[20] = b"{"
    decoder.decode(records, source="t", offsets=1)
    assert calls == records


def test_paths_that_contradict_each_other_are_an_error_of_the_schema():
    """A path cannot lead through another field."""
    schema = Schema(features=[Feature(name="a"), Feature(name="b", path="a.b")], label=Label(classes=["x", "y"]))
    with pytest.raises(SchemaError, match=r"a\.b"):
        JsonDecoder(schema, LIMITS)


def test_a_schema_larger_than_the_limit_on_fields_is_an_error_of_the_schema():
    """An event of such a schema could never be accepted."""
    schema = Schema(features=[Feature(name=f"f{i}") for i in range(200)], label=Label(classes=["x", "y"]))
    with pytest.raises(SchemaError, match="fields_max"):
        JsonDecoder(schema, LIMITS)
