import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamimb.errors import InputError, SchemaError
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.schema_toml import load_schema, schema_of, schema_to_toml

NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FEATURE = st.one_of(
    st.builds(Feature, name=NAME),
    st.builds(Feature, name=NAME, missing=st.just("default"), default=st.floats(-3e38, 3e38)),
    st.builds(Feature, name=NAME, type=st.just("boolean"), missing=st.just("default"), default=st.booleans()),
    st.builds(Feature, name=NAME, type=st.just("categorical"), categories=st.lists(NAME, max_size=3)),
)
CLASSES = st.lists(NAME | st.integers(-(2**60), 2**60) | st.booleans(), min_size=2, max_size=4, unique_by=str)


@given(st.data())
def test_a_schema_written_is_read_back(tmp_path_factory, data):
    """Any names, types, defaults and classes come back as they were, notes and all."""
    features = data.draw(st.lists(FEATURE, min_size=1, max_size=4, unique_by=lambda f: f.name))
    taken = {f.name for f in features}
    spare = [n for n in ("l", "t", "i", "k", "ll", "tt", "ii", "kk") if n not in taken]
    classes = data.draw(CLASSES)
    with_time = data.draw(st.booleans())
    schema = Schema(
        features=features,
        label=Label(name=spare[0], classes=classes, positive=classes[0], time=spare[3] if with_time else None),
        time=Time(name=spare[1], unit="ms") if with_time else None,
        id=Identity(name=spare[2]) if data.draw(st.booleans()) else None,
    )
    path = tmp_path_factory.mktemp("schema") / "s.toml"
    path.write_text(schema_to_toml(schema, ["a note\nin two lines"]), encoding="utf-8")
    again = load_schema(path)
    assert again == schema
    assert [type(c) for c in again.label.classes] == [type(c) for c in classes]


def test_a_schema_may_stand_at_the_top_level(tmp_path):
    """The [schema] table of a configuration, or a file of its own."""
    path = tmp_path / "s.toml"
    path.write_text('features = [{name = "a"}]\nlabel = {classes = [0, 1]}\n')
    assert load_schema(path).features[0].name == "a"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"features": [{"name": "a", "typ": "numeric"}]}, r"schema\.features\[0\]\.typ: .*did you mean 'type'"),
        ({"label": {"classes": [0, 1], "positiv": 1}}, r"schema\.label\.positiv: .*did you mean 'positive'"),
        ({"labels": {}}, r"schema\.labels: .*did you mean 'label'"),
        ({"label": {"classes": [0]}}, r"schema\.label\.classes: .*at least 2"),
        ({"label": {"classes": [0, 1], "positive": 2}}, "positive 2 is none of the classes"),
        ({"features": []}, r"schema\.features: .*at least 1"),
        ({"features": [{"name": "a"}, {"name": "a"}]}, "named twice: a"),
        ({"features": [{"name": "label"}]}, "two fields read the same place: label"),
        ({"features": [{"name": "a", "default": "x", "missing": "default"}]}, "is not numeric"),
        ({"features": [{"name": "a", "default": float("inf"), "missing": "default"}]}, "is not numeric"),
        ({"features": [{"name": "a", "missing": "default"}]}, "needs a default"),
        ({"features": [{"name": "a", "type": "number"}]}, r"schema\.features\[0\]\.type: .*'numeric'"),
        ({"time": {"unit": "h"}}, r"schema\.time\.unit: .*'ms'"),
        ({"label": {"classes": [0, 1], "time": "known"}}, r"declare \[schema\.time\]"),
        ({"label": None}, r"schema\.label"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(table, said):
    """The key, what it may be, and the nearest valid key for one that is unknown."""
    good = {"features": [{"name": "a"}], "label": {"classes": [0, 1]}}
    with pytest.raises(SchemaError, match=said) as error:
        schema_of(good | table, "s.toml")
    assert str(error.value).startswith("s.toml: ")


def test_a_missing_key_is_named():
    """A schema without a label is none."""
    with pytest.raises(SchemaError, match=r"schema\.label: is missing"):
        schema_of({"features": [{"name": "a"}]}, "s.toml")


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path):
    """As is one without a schema, and one that is not there."""
    path = tmp_path / "s.toml"
    path.write_text("a = \n")
    with pytest.raises(SchemaError, match="line 1"):
        load_schema(path)
    path.write_text("")
    with pytest.raises(SchemaError, match=r"no \[schema\] table"):
        load_schema(path)
    with pytest.raises(InputError, match="no such file"):
        load_schema(tmp_path / "other.toml")
