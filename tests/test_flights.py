"""The demo's stream, built from the real package."""

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from streamimb.errors import InputError
from streamimb.settings import load_settings
from streamimb_services import flights
from streamimb_services.flights import FEATURES, build, data_folder, main

REPOSITORY = Path(__file__).parent.parent
OUTCOMES = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


@pytest.fixture(scope="module")
def stream() -> pl.DataFrame:
    return build(data_folder())


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        flown = pl.read_csv(archive.read("flights.csv"), null_values="NA", infer_schema_length=None)
    day = pl.date("year", "month", "day")
    return flown.with_columns(id=pl.format("{}-{}{}-{}", day, "carrier", "flight", "origin"))


def row(stream: pl.DataFrame, name: str) -> dict[str, object]:
    return stream.row(by_predicate=pl.col("id") == name, named=True)


def test_every_flight_is_an_event_once(stream, raw):
    """All 336,776 flights of 2013 are there, each under its own id."""
    assert len(stream) == 336_776
    assert stream["id"].n_unique() == len(stream)
    assert set(stream["id"]) == set(raw["id"])


def test_order_is_scheduled_departure(stream):
    """Events come in the order of scheduled departure, ties in a fixed order of their own."""
    number = pl.col("flight").str.slice(2).cast(pl.Int64)
    assert stream["time"].is_sorted()
    assert stream.select("id").equals(stream.sort("time", "carrier", number, "origin").select("id"))


def test_classes(stream, raw):
    """Cancelled or over an hour late is disrupted, an hour late is not, and the diverted have no label."""
    both = stream.select("id", "label").join(raw.select("id", *OUTCOMES), on="id")
    cancelled, late = pl.col("dep_time").is_null(), pl.col("arr_delay") > 60
    diverted = pl.col("dep_time").is_not_null() & pl.col("arr_delay").is_null()
    assert set(both.filter(cancelled | late)["label"]) == {"disrupted"}
    assert set(both.filter(pl.col("arr_delay") <= 60)["label"]) == {"fine"}
    assert set(both.filter(diverted)["label"]) == {None}
    counts = dict(stream["label"].value_counts().iter_rows())
    assert counts == {"fine": 299_557, "disrupted": 36_044, None: 1_175}


def test_labels_come_after_their_events(stream):
    """A label is known an hour after an arrival that is minutes to half a day after the departure."""
    after = stream.select(after=pl.col("label_time") - pl.col("time"))["after"]
    assert after.null_count() == 0
    assert after.min() > timedelta(hours=1, minutes=30)
    assert after.max() < timedelta(hours=13)
    assert (stream["scheduled_minutes"] * timedelta(minutes=1) + timedelta(hours=1)).to_list() == after.to_list()


def test_arrivals_agree_with_the_time_in_the_air(stream, raw):
    """By the scheduled arrival, the delays and the time in the air, taxiing takes the minutes that it takes anywhere.

    A destination in the wrong zone would be an hour off, a wrong day a whole day.
    """
    ground = pl.col("scheduled_minutes") + pl.col("arr_delay") - pl.col("dep_delay") - pl.col("air_time")
    both = stream.select("id", "dest", "scheduled_minutes").join(raw.select("id", *OUTCOMES), on="id")
    ground = both.drop_nulls().select("dest", ground=ground)
    assert ground["ground"].is_between(0, 240).all()
    usual = ground.group_by("dest").agg(pl.median("ground"))["ground"]
    assert usual.is_between(10, 45).all()


@pytest.mark.parametrize(
    ("name", "departure", "arrival"),
    [
        ("2013-01-01-UA1545-EWR", "2013-01-01T10:15", "2013-01-01T14:19"),  # Houston 08:19, Central
        ("2013-01-01-B6725-JFK", "2013-01-01T10:45", "2013-01-01T14:22"),  # Aguadilla 10:22, Atlantic, unlisted
        ("2013-07-01-HA51-JFK", "2013-07-01T14:00", "2013-07-02T00:30"),  # Honolulu 14:30, the same day there
    ],
)
def test_hand_checked_flights(stream, name, departure, arrival):
    """Local clocks become the moments that a person finds with a map of the time zones."""
    flight = row(stream, name)
    assert flight["time"] == datetime.fromisoformat(departure).replace(tzinfo=UTC)
    assert flight["label_time"] == datetime.fromisoformat(arrival).replace(tzinfo=UTC) + timedelta(hours=1)


def utc(zone: str, clock: datetime) -> datetime:
    frame = pl.DataFrame({"zone": [zone], "clock": [clock]})
    return frame.select(flights._in_utc(pl.col("clock"), ["America/Phoenix", zone])).item().replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "clock", "moment"),
    [
        ("America/New_York", datetime(2013, 3, 10, 1, 59), datetime(2013, 3, 10, 6, 59)),
        ("America/New_York", datetime(2013, 3, 10, 2, 30), datetime(2013, 3, 10, 7, 30)),  # was skipped
        ("America/New_York", datetime(2013, 3, 10, 3, 30), datetime(2013, 3, 10, 7, 30)),
        ("America/New_York", datetime(2013, 11, 3, 1, 30), datetime(2013, 11, 3, 6, 30)),  # came twice
        ("America/Puerto_Rico", datetime(2013, 3, 10, 2, 30), datetime(2013, 3, 10, 6, 30)),
        ("America/Phoenix", datetime(2013, 7, 1, 12, 0), datetime(2013, 7, 1, 19, 0)),
    ],
)
def test_clock_changes(zone, clock, moment):
    """A clock that is skipped in spring is the hour after it, one that comes twice in autumn is the later."""
    assert utc(zone, clock) == moment.replace(tzinfo=UTC)


def test_nothing_of_the_outcome_is_a_feature(stream):
    """No actual time, delay or time in the air is among the columns."""
    assert stream.columns == ["id", "time", *FEATURES, "label", "label_time"]
    assert not set(stream.columns) & set(OUTCOMES)


def test_no_gap_tells_the_outcome(stream):
    """Where a value is missing, both classes occur: only cancelled flights lack a tail number in the package."""
    known = stream.drop_nulls("label")
    for name in FEATURES:
        share = (known.filter(pl.col(name).is_null())["label"] == "disrupted").mean()
        assert share is None or 0.05 < share < 0.3, name
    assert stream["tailnum"].null_count() == 0


def test_gaps_are_filled_from_the_past_alone():
    """A flight without a tail number gets the one that flew it last, never one that flew it later."""
    flown = pl.DataFrame(
        {
            "carrier": ["UA", "UA", "UA", "DL"],
            "number": [1, 1, 2, 1],
            "origin": ["EWR"] * 4,
            "dest": ["IAH"] * 4,
            "tailnum": ["N1", None, None, None],
        }
    )
    planes = pl.DataFrame(
        {"tailnum": ["N1"], "year": [2000], "manufacturer": ["B"], "model": ["7"], "engine": ["fan"]}
    ).with_columns(engines=2, seats=100)
    filled = flights._with_planes(pl.concat([flown[1:2], flown]), planes)
    assert filled["tailnum"].to_list() == [None, "N1", "N1", "N1", None]
    assert filled["plane_age"].to_list() == [None, 13, 13, 13, None]


def test_weather_is_that_of_the_hour(stream):
    """A flight carries its origin's weather in the hour of its scheduled departure; other hours stay missing."""
    first = row(stream, "2013-01-01-UA1545-EWR")  # scheduled at 05:15 Eastern, 10:15 UTC
    hourly = pl.read_csv(data_folder() / "weather.csv", null_values="NA", infer_schema_length=None)
    expected = hourly.row(
        by_predicate=(pl.col("origin") == "EWR") & (pl.col("time_hour") == "2013-01-01T10:00:00Z"), named=True
    )
    assert {name: first[name] for name in flights.WEATHER} == {name: expected[name] for name in flights.WEATHER}
    assert stream["temp"].null_count() == 1_573


def test_departures_of_the_hour(stream):
    """The schedule's own crowding is counted, cancelled flights included."""
    hour = stream.filter(pl.col("id").str.starts_with("2013-02-08"), pl.col("origin") == "LGA", pl.col("hour") == 17)
    assert hour["origin_departures"].unique().to_list() == [len(hour)]


def test_the_demos_configuration_names_every_column(stream):
    """benchmarks/flights.toml declares exactly the features that the file has."""
    schema = load_settings(REPOSITORY / "benchmarks" / "flights.toml", {}, {}).config.schema_
    assert [feature.name for feature in schema.features] == list(FEATURES)
    for feature in schema.features:
        assert (feature.type == "categorical") or stream[feature.name].dtype.is_numeric(), feature.name
    assert schema.class_names[schema.positive] == "disrupted"


def test_command_writes_the_file(tmp_path, capsys, monkeypatch, stream):
    """The command writes the stream, folders included, and says how many flights it holds."""
    monkeypatch.setattr(flights, "build", lambda folder: stream)
    out = tmp_path / "a folder" / "flights.parquet"
    assert main([str(out)]) == 0
    assert pl.read_parquet(out).equals(stream)
    assert "336,776 flights" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--help"]])
def test_usage(arguments, capsys):
    """Anything but one file name is a usage error."""
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_missing_package(monkeypatch, tmp_path, capsys):
    """Without the package the command says what to install, and leaves nothing behind."""
    monkeypatch.setattr(flights.importlib.util, "find_spec", lambda name: None)
    assert main([str(tmp_path / "flights.parquet")]) == InputError.exit_code
    assert "pip install" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_missing_table(tmp_path):
    """A folder without the tables is told by name."""
    with pytest.raises(InputError, match=r"flights\.csv\.zip"):
        build(tmp_path)


def test_unknown_destination():
    """A destination without a time zone stops the demo instead of giving its labels a wrong time."""
    flown = pl.DataFrame({"dest": ["XYZ"]})
    with pytest.raises(InputError, match="XYZ"):
        flights._with_arrivals(flown, pl.DataFrame({"dest": ["IAH"], "zone": ["America/Chicago"]}))
