import gzip
import json

import polars as pl
import pytest

from streamimb.config import LimitsConfig
from streamimb.errors import InputError, SchemaError
from streamimb.infer import infer_schema
from streamimb.schema import Schema
from streamimb.sources.files import FileSource


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
    with pytest.raises(SchemaError, match="did you mean 'amount'"):
        infer_schema(written(tmp_path, "amount,label\n1,p\n2,q\n"), **{role: "amuont"})


def test_the_positive_class_may_be_given(tmp_path):
    """By its text; another one is told with what there is."""
    path = written(tmp_path, "a,label\n1,0\n2,1\n3,1\n")
    assert infer_schema(path, positive="1")[0].label.positive == 1
    with pytest.raises(SchemaError, match=r"no such class \(there is 0, 1\)"):
        infer_schema(path, positive="2")


@pytest.mark.parametrize(
    ("ids", "told", "left_out"),
    [
        ("112345678999", "is not unique", True),  # a counter that stuttered
        (["7", *map(str, range(30, 49)), "7"], "is not unique", True),  # random, all but one different
        (["", *map(str, range(20))], "is not there in every row", True),
        ("1212121212", "is not unique", False),  # a customer's number
        ("3912451298", "is not unique", False),
    ],
)
def test_an_id_that_is_not_quite_one_is_no_feature_either(tmp_path, ids, told, left_out):
    """A row's counter would be learned; what many rows share may be worth learning. Either way it is said."""
    path = written(tmp_path, "id,a,label\n" + "".join(f"{v},{i},{i % 2}\n" for i, v in enumerate(ids)))
    schema, notes = infer_schema(path)
    assert schema.id is None
    assert [f.name for f in schema.features] == (["a"] if left_out else ["id", "a"])
    assert any(told in note for note in notes)
    assert any("'id' is left out" in note for note in notes) == left_out


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
    schema, notes = infer_schema(again, id="a")
    assert schema.id.name == "a"
    assert any("'a': 1 of the first 2 rows repeat an id" in n for n in notes)


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


def test_a_named_id_that_is_a_customers_number_is_refused(tmp_path):
    """The stream would be a handful of events and redeliveries of them."""
    rows = "".join(f"{i % 7},{i},{i % 2}\n" for i in range(100))
    with pytest.raises(SchemaError, match=r"--id customer: column 'customer': 93 of the first 100 rows repeat an id"):
        infer_schema(written(tmp_path, "customer,a,label\n" + rows), id="customer")


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_a_few_cells_that_do_not_fit_change_no_type(tmp_path, form):
    """They are told, and will be refused; where they are not few, the column is another one."""
    n = 200
    table = {
        "time": [1_600_000_000 + i for i in range(n)],
        "a": [i / 2 for i in range(n)],
        "b": [i % 2 == 0 for i in range(n)],
        "c": [i % 9 / 2 for i in range(n)],
        "label": ["p" if i % 3 else "q" for i in range(n)],
    }
    table["time"][3] = "soon"
    table["a"][5:7] = ["x", "x"]
    table["b"][5] = "maybe"
    table["c"][:20] = ["x"] * 20
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    if form == "ndjson":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        text = ",".join(table) + "\n" + "".join(",".join(map(str, row.values())) + "\n" for row in rows)
    schema, notes = infer_schema(written(tmp_path, text, f"a.{form}"))
    assert (schema.time.name, schema.time.unit) == ("time", "s")
    assert [(f.name, f.type) for f in schema.features] == [("a", "numeric"), ("b", "boolean"), ("c", "categorical")]
    told = "\n".join(notes)
    assert "column 'time': 1 of the first 200 values are no times ('soon'): those rows are refused" in told
    assert "column 'a': 2 of the first 200 values are no numbers ('x'): those rows are refused" in told
    assert "column 'b': 1 of the first 200 values are no booleans ('maybe'): those rows are refused" in told
    assert "column 'c'" not in told
    _, rejected = zip(*FileSource(schema, LimitsConfig(), [tmp_path / f"a.{form}"]).batches(), strict=True)
    assert sorted({r.line - (form == "csv") for refused in rejected for r in refused}) == [4, 6, 7]


def test_numbers_beyond_any_number_are_numbers_that_do_not_fit(tmp_path):
    """1e999 is refused where it comes; the column stays numeric."""
    cells = ["1e999", *map(str, range(50))]
    rows = "".join(f"{c},{i % 2}\n" for i, c in enumerate(cells))
    schema, notes = infer_schema(written(tmp_path, "a,label\n" + rows))
    assert column(schema, "a").type == "numeric"
    assert any("'1e999'" in n for n in notes)


def test_one_wild_number_does_not_change_the_unit_of_the_times(tmp_path):
    """The unit is that of the others."""
    rows = "".join(f"{10**17 if i == 8 else 1_600_000_000 + i},{i},{i % 2}\n" for i in range(100))
    assert infer_schema(written(tmp_path, "time,a,label\n" + rows))[0].time.unit == "s"


def test_rows_without_a_time_are_told(tmp_path):
    """They will be refused."""
    rows = "".join(f"{'' if i < 2 else 1_600_000_000 + i},{i},{i % 2}\n" for i in range(100))
    _, notes = infer_schema(written(tmp_path, "time,a,label\n" + rows))
    assert any("'time': 2 of the first 100 rows have no time" in n for n in notes)


HEADERS = {"of other order": "b,a,label", "of other columns": "a,extra,label", "in quotes": '"a", "b","label"'}


@pytest.mark.parametrize("kind", HEADERS)
def test_another_header_half_way_is_an_error(tmp_path, kind):
    """As in a replay, though all its cells are texts as the others are."""
    text = "a,b,label\nu,v,p\nu,w,q\n" + HEADERS[kind] + "\nu,v,p\n"
    with pytest.raises(InputError, match="another header begins here"):
        infer_schema(written(tmp_path, text))


def test_values_that_are_columns_names_are_no_header(tmp_path):
    """A row of names whose label others have too is an event."""
    schema, _ = infer_schema(written(tmp_path, "a,b,label\nb,a,p\nu,w,q\nb,b,p\nw,w,p\n"))
    assert schema.label.classes == ("p", "q")


def test_classes_come_from_all_files(tmp_path):
    """Whatever their forms; a file without the column adds none."""
    first = written(tmp_path, "a,label\n1,0\n2,0\n")
    second = written(tmp_path, "a,label\n1,1\n2,0.0\n", "b.csv")
    third = written(tmp_path, '{"a": 1, "label": 2}\n', "c.ndjson")
    fourth = written(tmp_path, "a,b\n1,9\n", "d.csv")
    schema, notes = infer_schema(first, second, third, fourth)
    assert schema.label.classes == (0, 1, 2)
    assert any("1 of 5 labels" in n for n in notes)
    with pytest.raises(SchemaError, match="only the class 0 in 2 rows"):
        infer_schema(first, fourth)
    with pytest.raises(InputError, match="no such file"):
        infer_schema(first, tmp_path / "nothing.csv")


def test_when_a_label_became_known_is_no_feature(tmp_path):
    """It would give the label away; where it cannot be used it is left out."""
    rows = "2024-01-0{i}T00:00:00Z,{i},a,2024-01-0{k}T00:00:00Z\n2024-01-0{i}T01:00:00Z,{i},b,2024-01-0{k}T00:00:00Z\n"
    text = "time,x,label,label_time\n" + "".join(rows.format(i=i, k=i + 1) for i in range(1, 8))
    schema, notes = infer_schema(written(tmp_path, text))
    assert schema.label.time == "label_time" and column(schema, "label_time") is None
    assert any("become known" in n for n in notes)
    frame = pl.read_csv(text.encode(), try_parse_dates=True)
    frame.write_parquet(tmp_path / "a.parquet")
    assert infer_schema(tmp_path / "a.parquet")[0].label.time == "label_time"
    schema, notes = infer_schema(written(tmp_path, text.replace("time,x", "when,x", 1), "b.csv"))
    assert schema.label.time is None and column(schema, "label_time") is None
    assert any("left out" in n and "no time" in n for n in notes)


def test_a_time_of_labels_that_is_empty_in_the_sample_is_left_out(tmp_path):
    """It may be filled further on, and would then tell what the label is."""
    schema, notes = infer_schema(written(tmp_path, "time,x,label,known_at\n1700000000,1,a,\n1700000001,2,b,\n"))
    assert column(schema, "known_at") is None and any("'known_at' is left out" in n for n in notes)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (["1700000000000000000", "1700000000000000001"], "column 'time': its values are nanoseconds"),
        (["", ""], "--time time: it is empty in the first 2 rows"),
        (["31/12/2024", "30/12/2024"], "neither numbers nor ISO 8601"),
    ],
)
def test_times_that_cannot_be_used_are_refused(tmp_path, times, says):
    path = written(tmp_path, "time,x,label\n" + "".join(f"{t},{i},{i}\n" for i, t in enumerate(times)))
    with pytest.raises(SchemaError, match=says):
        infer_schema(path, time="time")


def test_a_time_of_day_is_no_time(tmp_path):
    frame = pl.DataFrame({"t": [0, 60_000_000_000], "x": [1, 2], "label": [0, 1]}, schema_overrides={"t": pl.Time})
    frame.write_parquet(tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="neither numbers nor ISO 8601"):
        infer_schema(tmp_path / "a.parquet", time="t")


@pytest.mark.parametrize("first", ["20240131", "0", "-5"])
def test_seconds_that_are_none_are_pointed_out(tmp_path, first):
    _, notes = infer_schema(written(tmp_path, f"time,x,label\n{first},1,a\n20240201,2,b\n"))
    assert any(f"{first} is taken as seconds since 1970" in n for n in notes)


def test_rows_that_cannot_be_read_are_told(tmp_path):
    """With the first of them, and what helps; where no row can be, it is the error."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,label\n1,a\n2,b\n3,caf\xe9\n")
    _, notes = infer_schema(path)
    assert any("1 row cannot be read (1 not_utf8), the first of them at line 4; convert" in n for n in notes)
    path.write_bytes(b"x,label\n" + b"3,caf\xe9\n" * 5)
    with pytest.raises(InputError, match=r"has no rows .*5 not_utf8.*line 2.*iconv"):
        infer_schema(path)
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"x": 1, "label": "caf\xe9"}\n' * 3)
    with pytest.raises(InputError, match="3 not_utf8"):
        infer_schema(path)
    path.write_bytes(b'{"x": 1, "label": "a"}\n{"x": 1, "label": "caf\xe9"}\n{"x": 2, "label": "b"}\n')
    _, notes = infer_schema(path)
    assert any("1 not_utf8), the first of them at line 2" in n for n in notes)


def test_classes_of_several_types_are_told(tmp_path):
    path = written(tmp_path, '{"x": 1, "label": true}\n{"x": 2, "label": "fraud"}\n', "a.ndjson")
    assert any("several types (bool, str)" in n for n in infer_schema(path)[1])


def test_a_line_break_in_a_header_is_said(tmp_path):
    with pytest.raises(InputError, match="a name with a line break"):
        infer_schema(written(tmp_path, '"a\nb",label\n1,x\n2,y\n'))
