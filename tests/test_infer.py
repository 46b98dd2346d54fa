import gzip
import json

import polars as pl
import pytest

from streamimb.errors import InputError, SchemaError
from streamimb.infer import infer_schema
from streamimb.schema import Schema


def written(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def column(schema: Schema, name: str):
    return next((f for f in schema.features if f.name == name), None)


def test_types_come_from_the_first_rows(tmp_path):
    """Numbers, true and false, and text; a hashed category lists no values, since new ones come."""
    path = written(tmp_path, "n,f,b,c,label\n1,1.5,true,x,legit\n,NA,False,y,legit\n3,-2e5,,x,fraud\n")
    schema, _ = infer_schema(path)
    assert [(f.name, f.type, f.categories) for f in schema.features] == [
        ("n", "numeric", None),
        ("f", "numeric", None),
        ("b", "boolean", None),
        ("c", "categorical", None),
    ]


@pytest.mark.parametrize(
    ("cells", "classes", "positive"),
    [
        (["0", "1", "0"], (0, 1), 1),
        (["0.0", "1.0", "0"], (0, 1), 1),
        (["True", "False", "True"], (False, True), False),
        (["no", "yes", "no"], ("no", "yes"), "yes"),
        (["1", "b", "1"], ("1", "b"), "b"),
        (["a", "c", "b", "a", "c"], ("a", "c", "b"), "b"),
    ],
)
def test_classes_have_the_narrowest_type_that_fits_all(tmp_path, cells, classes, positive):
    """Whole numbers, booleans, or text; the rarest is positive, and that is said."""
    path = written(tmp_path, "a,label\n" + "".join(f"1,{c}\n" for c in cells))
    schema, notes = infer_schema(path)
    assert schema.label.classes == classes
    assert [type(c) for c in schema.label.classes] == [type(c) for c in classes]
    assert schema.label.positive == positive
    assert any("positive class" in n for n in notes)


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet", "csv.gz"])
def test_classes_come_from_the_whole_file(tmp_path, form):
    """A class that first appears after the rows that types are read from is found in every form."""
    frame = pl.DataFrame({"a": range(40_000), "label": ["legit"] * 39_998 + ["fraud", None]})
    path = tmp_path / f"a.{form}"
    if form == "csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        getattr(frame, f"write_{form}")(path)
    schema, notes = infer_schema(path, rows=100)
    assert schema.label.classes == ("legit", "fraud")
    assert "1 of 39,999" in notes[0]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,legit\n2,legit\n", "only the class 'legit'"),
        ("1,\n2,NA\n", "no class at all"),
        ("".join(f"1,{i}.5\n" for i in range(1_500)), "1,000 different values"),
    ],
)
def test_a_label_that_is_no_class_is_an_error(tmp_path, rows, said):
    """One class cannot be learned, and a number is no class."""
    with pytest.raises(SchemaError, match=said) as error:
        infer_schema(written(tmp_path, "a,label\n" + rows))
    assert error.value.exit_code == 78


@pytest.mark.parametrize("name", ["label", "class", "target", "y", "Label"])
def test_the_label_is_guessed_by_its_name(tmp_path, name):
    """The names that people give it."""
    schema, _ = infer_schema(written(tmp_path, f"a,{name}\n1,p\n2,q\n"))
    assert schema.label.name == name


def test_without_a_label_column_the_columns_are_told(tmp_path):
    """The user chooses among them."""
    with pytest.raises(SchemaError, match=r"--label.*fraud_flag"):
        infer_schema(written(tmp_path, "a,fraud_flag\n1,0\n"))


@pytest.mark.parametrize("role", ["label", "id", "time"])
def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path, role):
    """A slip of the hand is named."""
    with pytest.raises(SchemaError, match="nearest: 'amount'"):
        infer_schema(written(tmp_path, "amount,label\n1,p\n2,q\n"), **{role: "amuont"})


def test_the_positive_class_may_be_given(tmp_path):
    """By its text; another one is told with the nearest."""
    path = written(tmp_path, "a,label\n1,0\n2,1\n3,1\n")
    assert infer_schema(path, positive="1")[0].label.positive == 1
    with pytest.raises(SchemaError, match="nearest"):
        infer_schema(path, positive="2")


@pytest.mark.parametrize(
    ("cells", "unit"),
    [
        (["2678415", "2678416"], "s"),
        (["1700000000", "1700000000.5"], "s"),
        (["1700000000000", "1700000000001"], "ms"),
        (["1700000000000000", "1700000000000001"], "us"),
        (["2024-01-01T00:00:00Z", "2024-01-01"], "iso"),
    ],
)
@pytest.mark.parametrize("name", ["ts", "time", "timestamp", "event_time", "datetime"])
def test_the_time_is_guessed_by_name_and_magnitude(tmp_path, name, cells, unit):
    """The unit is the one that puts the times in this age of the world."""
    schema, notes = infer_schema(written(tmp_path, f"{name},a,label\n{cells[0]},1,p\n{cells[1]},2,q\n"))
    assert (schema.time.name, schema.time.unit) == (name, unit)
    assert any(unit in n for n in notes)
    assert column(schema, name) is None


def test_a_time_of_another_name_must_be_given(tmp_path):
    """What is no time is an error when asked for, and a feature otherwise."""
    path = written(tmp_path, "moment,time,label\n1,noon,p\n2,noon,q\n")
    assert infer_schema(path, time="moment")[0].time.name == "moment"
    with pytest.raises(SchemaError, match="neither numbers nor ISO"):
        infer_schema(path, time="time")
    schema, notes = infer_schema(path)
    assert schema.time is None
    assert column(schema, "time").type == "categorical"
    assert any("no times" in n for n in notes)


def test_an_id_is_guessed_where_it_is_unique(tmp_path):
    """A customer's number that recurs is a feature."""
    unique = written(tmp_path, "id,customer_id,label\n1,7,p\n2,7,q\n")
    assert infer_schema(unique)[0].id.name == "id"
    assert column(infer_schema(unique)[0], "customer_id") is not None
    again = written(tmp_path, "id,a,label\n1,7,p\n1,7,q\n", "b.csv")
    schema, notes = infer_schema(again)
    assert schema.id is None
    assert any("not unique" in n for n in notes)
    assert infer_schema(again, id="a")[0].id.name == "a"


def test_texts_that_tell_rows_apart_are_skipped(tmp_path):
    """A column of names teaches nothing about the next event."""
    rows = "".join(f"name{i},c{i % 7},{i % 2}\n" for i in range(100))
    schema, notes = infer_schema(written(tmp_path, "name,group,label\n" + rows))
    assert [f.name for f in schema.features] == ["group"]
    assert any("'name' is skipped" in n for n in notes)


def test_nested_json_becomes_paths(tmp_path):
    """Objects are walked; lists are skipped and said; types are JSON's own."""
    events = [
        {"after": {"amount": 1, "night": True, "kind": "x"}, "tags": [1], "code": "1", "meta": {"label": i % 2}}
        for i in range(4)
    ]
    path = written(tmp_path, "not json\n" + "".join(json.dumps(e) + "\n" for e in events), "a.ndjson")
    schema, notes = infer_schema(path, label="meta.label")
    assert schema.label.classes == (0, 1)
    assert schema.label.path == "meta.label"
    kinds = [(f.path or f.name, f.type) for f in schema.features]
    assert kinds == [
        ("after.amount", "numeric"),
        ("after.night", "boolean"),
        ("after.kind", "categorical"),
        ("code", "categorical"),
    ]
    assert any("'tags' is skipped" in n for n in notes)


def test_nested_parquet_becomes_paths(tmp_path):
    """Structs are walked as objects are."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"after": [{"a": 1.0, "b": "x"}] * 3, "label": [0, 1, 1]}).write_parquet(path)
    schema, _ = infer_schema(path)
    assert [(f.path, f.type) for f in schema.features] == [("after.a", "numeric"), ("after.b", "categorical")]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "a,label\n"), ("a.ndjson", "[]\n"), ("a.csv", "")])
def test_a_file_without_rows_is_an_input_error(tmp_path, name, text):
    """There is nothing to infer from."""
    with pytest.raises(InputError):
        infer_schema(written(tmp_path, text, name))
