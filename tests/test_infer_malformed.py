"""What is said of lines of NDJSON that nobody can read."""

import pytest

from streamimb.infer import infer_schema

LINE = b'{"x": 1, "label": "a"}\n{"x": 2, "label": "b"}\n'


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (b'{"x": 3, "label": \n{"x": 4]\n', "2 rows cannot be read (2 not_json), the first of them at line 3"),
        (b"[1, 2]\n7\n\n", "3 rows cannot be read (2 not_object, 1 empty), the first of them at line 3"),
        (b"oops\n" + b'{"x": "caf\xe9"}\n', "2 rows cannot be read (1 not_json, 1 not_utf8), the first"),
        (b"[" * 5_000 + b"\n", "1 row cannot be read (1 not_object), the first of them at line 3"),
        (b'{"x": "' + b"9" * 1_100_000 + b'"}\n', "1 row cannot be read (1 too_large), the first of them at line 3"),
    ],
)
@pytest.mark.parametrize("behind", [b"", LINE * 30_000])
def test_malformed_lines_of_ndjson_are_told(tmp_path, bad, told, behind):
    """Which is the first and how many, wherever they stand; the others still say what the classes are."""
    path = tmp_path / "a.ndjson"
    path.write_bytes(LINE + bad + LINE + behind)
    schema, notes = infer_schema(path)
    assert any(told in note for note in notes), notes
    assert list(schema.class_names) == ["a", "b"]
    path.write_bytes(LINE + behind + bad)
    _, notes = infer_schema(path)
    line = 3 + behind.count(b"\n")
    assert any(f"at line {line:,}" in note for note in notes), notes
