"""Whatever stands in a record, the compiled reader and the library say the same of it."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamimb import decode_json
from streamimb.config import LimitsConfig
from streamimb.decode_json import JsonDecoder
from streamimb.json_plain import PlainReader
from streamimb.schema import Feature, Identity, Label, Schema, Time

FEATURES = [
    Feature(name="number"),
    Feature(name="filled", missing="default", default=-1.0),
    Feature(name="needed", missing="refuse"),
    Feature(name="hashed", type="categorical"),
    Feature(name="listed", type="categorical", categories=["a", "b", "é"]),
    Feature(name="flag", type="boolean"),
]
CLASSES = ["legit", "fraud", 2, True, "é", "7", -3]
NAMES = ["number", "filled", "needed", "hashed", "listed", "flag", "label", "known", "ts", "id"]
ARRAYS = ("X", "y", "kind", "key", "time", "label_time", "offset")


def schema_of(unit):
    label = Label(classes=CLASSES, time="known")
    return Schema(features=FEATURES, label=label, time=Time(name="ts", unit=unit), id=Identity())


DIGITS = st.text("0123456789", min_size=1, max_size=22)
WRITTEN = st.builds(
    lambda sign, whole, part, e: sign + whole + part + e,
    st.sampled_from(["", "-", "+", "--"]),
    st.sampled_from(["0", "1", "-0", "00", "9007199254740993", "12345678901234567890123"]) | DIGITS,
    st.sampled_from(["", ".", ".0", ".50"]) | DIGITS.map(lambda d: f".{d}"),
    st.sampled_from(["", "e5", "E-3", "e+22", "e-45", "e39", "e400", "e", "e-"]),
)
FLOATS = (st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e6, 1e6, width=32)).map(json.dumps)
INTS = st.integers(-(10**21), 10**21).map(str)
WORDING = st.text(max_size=6) | st.sampled_from(["legit", "fraud", "a", "b", "é", "7", "", "\ud800", "€", "𝄞"])
TEXTS = st.builds(json.dumps, WORDING, ensure_ascii=st.booleans())
RAW_TEXTS = st.sampled_from(['"é"', '"\\u00e9"', '"a\\n"', '"a\tb"', '"', '"\x7f"', '"\\"', '"x"'])
MOMENTS = st.datetimes().map(lambda t: json.dumps(t.isoformat())) | st.sampled_from([
    '"2024-02-29T12:00:00Z"', '"2023-02-29T12:00:00Z"', '"2024-01-31 23:59:59.123+05:30"', '"2024-01-01"',
    '"1969-12-31T23:59:59.999999-23:59"', '"2024-01-01T24:00:00Z"', '"2024-01-01T00:00:00.1234567Z"',
    '"0001-01-01T00:00:00"', '"2024-13-01T00:00:00"', '"2024-01-01T00:00:00+24:00"', '"2024-01-01T00:00:00."',
])  # fmt: skip
WORDS = st.sampled_from(["null", "true", "false", "tru", "nul", "NaN", "-Infinity", "[1]", "{}", '{"a": 1}', "1 2"])
VALUES = WRITTEN | FLOATS | INTS | TEXTS | RAW_TEXTS | MOMENTS | WORDS
BLANK = st.sampled_from(["", " ", "\n", "\t ", "\r"])
KEYS = st.sampled_from([*NAMES, "new", "numbe", "numbers", "é", "n\\u0065eded", "x" * 30])
FIELDS = st.lists(st.tuples(KEYS, VALUES), max_size=9)


@st.composite
def plausible(draw):
    """A record with most of what is needed, so that many are accepted."""
    told = {
        "number": draw(FLOATS | INTS | st.just("null")),
        "needed": draw(FLOATS | INTS),
        "hashed": draw(TEXTS),
        "listed": draw(st.sampled_from(['"a"', '"b"', '"z"', "null"])),
        "flag": draw(st.sampled_from(["true", "false", "0", "1", "null"])),
        "label": draw(st.sampled_from(['"legit"', '"fraud"', "2", "true", "null", '"7"', "-3", "3", "false", "2.0"])),
        "id": draw(st.sampled_from(['"a"', "7", '"id-1"', "-12"])),
        "ts": draw(INTS | MOMENTS | st.integers(0, 10**10).map(str)),
    }
    gone = draw(st.sets(st.sampled_from(sorted(told)), max_size=2))
    fields = [(key, value) for key, value in told.items() if key not in gone] + draw(
        FIELDS.filter(lambda f: len(f) < 2)
    )
    return draw(st.permutations(fields))


def written(fields, blanks, cut):
    a, b, c = blanks
    text = a + "{" + b + f"{c},{a}".join(f'"{key}"{b}:{c}{value}' for key, value in fields) + c + "}" + b
    record = text.encode("utf-8", "surrogatepass")
    return record if cut is None else record[: cut % (len(record) + 1)] + record[cut % (len(record) + 1) + 1 :]


RECORD = st.builds(written, plausible() | FIELDS, st.tuples(BLANK, BLANK, BLANK), st.none() | st.integers(0, 400))
UNITS = st.sampled_from(["s", "ms", "us", "iso"])


class _ReadsNothing(PlainReader):
    reads = property(lambda self: False, lambda self, told: None)


def told(schema, limits, records, *, plain):
    """What a decoder says of records once it has met all but the first, so that it knows the names of their fields."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_json, "ODD_SHARE_MAX", 2.0)
        if not plain:
            patch.setattr(decode_json, "PlainReader", _ReadsNothing)
        decoder = JsonDecoder(schema, limits)
        decoder.decode(records[1:], source="t", offsets=1)
        batch, refused = decoder.decode(records, source="t", offsets=1)
    return batch, refused, decoder.take_ignored()


def assert_said_alike(schema, limits, records):
    (one, refused, ignored), (other, refused_too, ignored_too) = (
        told(schema, limits, records, plain=plain) for plain in (True, False)
    )
    assert refused == refused_too
    assert {k: n for k, n in ignored.items() if n} == {k: n for k, n in ignored_too.items() if n}
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.ids.tolist() == other.ids.tolist()
    for row in range(len(one)):
        assert one.spelled.text(row, 3) == other.spelled.text(row, 3)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORD, max_size=6), UNITS, st.sampled_from([3.4e38, 1e3, 0.3]))
@example([b'{"needed": 0.30000000000000001, "ts": 1, "id": 1}'], "s", 0.3)
@example([b'{"needed": 1e22, "number": -0, "ts": 1, "id": 1}', b"{", None], "s", 3.4e38)
@example([b'{"needed": 0.' + b"0" * 10_001 + b'1e10002, "ts": 1, "id": 1}'], "s", 3.4e38)
@example([b'{"needed": 1' + b"0" * 10_005 + b'e-10005, "ts": 1, "id": 1}'], "s", 3.4e38)
@example([b'{"known": 3, "label": "fraud", "id": 1}', b'{"label": "fraud", "id": 1}'], "iso", 3.4e38)
@example([b'{"needed": 1, "ts": 1, "id": 1%s}' % t for t in (b"", b', "hashed": ""', b', "hashed": null')], "s", 0.3)
def test_both_readers_say_the_same(records, unit, limit):
    """Of plain records, of odd ones among them, and of what is no JSON at all."""
    assert_said_alike(schema_of(unit), LimitsConfig(number_abs_max=limit), records)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-3e38, 3e38) | st.floats(-1e6, 1e6, width=32), max_size=20))
def test_numbers_are_the_nearest_float32(values):
    """However they are written: a number that is not beyond doubt is left to the library."""
    shorter = [f"{v:.9e}" for v in values]
    records = [
        f'{{"needed": {v!r}, "number": {s}, "id": 1, "ts": 1}}'.encode() for v, s in zip(values, shorter, strict=True)
    ]
    batch, _, _ = told(schema_of("s"), LimitsConfig(), records, plain=True)
    np.testing.assert_array_equal(batch.X[:, 2], np.array(values, np.float64).astype(np.float32))
    np.testing.assert_array_equal(batch.X[:, 0], np.array(shorter, np.float64).astype(np.float32))


def test_most_records_are_plain():
    """Else the compiled reader is there for nothing: only what cannot be plain is left to the library."""
    schema = schema_of("iso")
    reader = JsonDecoder(schema, LimitsConfig())._plain
    fields = '"id": "a", "ts": "2024-01-01T00:00:00.5Z", "needed": -1.25e-3, "hashed": "x", "flag": true, "label": "é"'
    plain = f"{{{fields}}}".encode()
    odd = [b'{"id": "\\u0061"}', b'{"new": 1}', b"[]", b"", plain[:-1], plain + b"}", plain.replace(b"x", b"\xe9")]
    read = reader.read([plain, *odd, plain])
    assert reader.reads and read.odd.tolist() == list(range(1, 1 + len(odd)))
    assert read.columns.time[0] == 1_704_067_200_500_000 and read.columns.raw[2, 0] == -1.25e-3


def test_a_text_that_is_none_takes_no_place_from_another():
    """What stood in an earlier record, or an earlier batch, is neither read again nor kept."""
    decoder = JsonDecoder(schema_of("s"), LimitsConfig())
    long = b'{"id": "' + b"x" * 1_000 + b'", "needed": 1, "ts": 1, "listed": "' + b"y" * 5_000 + b'"}'
    odd = [b'{"id": true, "listed": true, "hashed": false}'] * 20
    decoder.decode([long, *odd, long], source="t", offsets=0)
    read = decoder._plain.read([*odd, long])
    assert read.odd.tolist() == list(range(20)) and read.columns.ids.tolist() == [""] * 20 + ["x" * 1_000]
    batch, refused = decoder.decode([*odd, long], source="t", offsets=0)
    assert batch.ids.tolist() == ["x" * 1_000] and len(refused) == 20


def test_a_new_field_in_every_record_is_read_over_from_then_on():
    """It makes the first batch odd, and none after that."""
    decoder = JsonDecoder(schema_of("s"), LimitsConfig())
    records = [f'{{"needed": {i}, "id": {i}, "ts": 1, "new": "x"}}'.encode() for i in range(8)]
    for _ in range(2):
        decoder.decode(records, source="t", offsets=0)
    assert not len(decoder._plain.read(records).odd) and decoder.take_ignored() == {"new": 16}


def test_a_stream_that_is_not_plain_is_not_tried_again_and_again(monkeypatch):
    """The library reads the whole of a batch that is mostly odd, and of some that follow."""
    decoder, tried = JsonDecoder(schema_of("s"), LimitsConfig()), []
    read = decoder._plain.read
    monkeypatch.setattr(decoder._plain, "read", lambda records: tried.append(1) or read(records))
    record = b'{"needed": 1, "id": "\\u00e9", "ts": 1}'
    for _ in range(decode_json.PAUSE_BATCHES + 2):
        batch, refused = decoder.decode([record] * 4, source="t", offsets=0)
        assert len(batch) == 4 and not refused
    assert len(tried) == 2
