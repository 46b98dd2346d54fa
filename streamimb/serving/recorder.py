"""What the page shows: how things stand, how they moved, what happened; told once a second as bytes for everybody."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from streamimb.delivery.observer import Observer
from streamimb.metrics.names import OTHER
from streamimb.metrics.values import Values
from streamimb.outcome import Action, Metric, Outcome
from streamimb.pipeline import Pipeline
from streamimb.schema import Schema
from streamimb.serving.columns import OWN, Column, by_position, columns_of, from_rows, from_values
from streamimb.serving.history import History, Row
from streamimb.serving.marks import Marks
from streamimb.serving.standing import Pulse, measured, standing, together

#: Rows between two ticks, at most; what is measured faster is thinned.
NEW_ROWS_MAX: Final = 500
MICROSECONDS: Final = 1e6
#: Digits that drawn numbers keep.
DIGITS: Final = 5


class Recorder(Observer):
    """Hears what the worker or a replay tells, from the loop's thread; the page asks from another.

    title: what is learned, as a topic's name; by_events: a replay, whose axis is the stream's own (time, or position),
    while a service's is the clock. values: of the ``metrics.Exporter`` that hears the same before this does.
    wall: seconds since 1970; clock: seconds that only go forward.
    """

    def __init__(
        self,
        schema: Schema,
        values: Values,
        *,
        title: str,
        by_events: bool,
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._values, self._wall, self._by_events = values, wall, by_events
        self._positive, self._has_time = schema.class_names[schema.positive], schema.has_time
        self._classes = [name for (name,) in values.numbers["recall"] if name != OTHER]
        self._columns: list[Column] = columns_of(self._classes, self._positive)
        axis = ("time" if self._has_time else "position") if by_events else "wall"
        self._about: dict[str, Any] = {
            "title": title, "axis": axis, "positive": self._positive, "classes": self._classes,
            "columns": [*OWN, *(column.name for column in self._columns)], "by_events": by_events,
        }  # fmt: skip
        self._lock = threading.Lock()
        self._history, self._marks, self._pulse = History(), Marks(), Pulse(values, clock)
        self._new: list[Row] = []
        self._measured: dict[str, dict[str, float]] = {}
        self._at: dict[str, tuple[int, float]] = {}
        self._drawn, self._began = -1, False
        self.ended = False

    def processed(self, unit: str, pipeline: Pipeline, outcome: Outcome) -> None:
        """Take down where the stream is, what was measured on the way in a replay, and what happened."""
        with self._lock:
            self._at[unit] = self._place(pipeline)
            self._measure(unit, outcome.metrics)
            if self._by_events:
                for position, rows in by_position(outcome.metrics).items():
                    if position > self._drawn:
                        self._add(position, self._time(rows[0].time), from_rows(self._columns, rows))
            for signal in outcome.signals:
                self._marks.signalled(signal, self._known(signal.time), self._wall())
            for action in outcome.actions:
                self._marks.acted(action, self._known(action.time), self._wall())

    def pulled(self, action: Action) -> None:
        """A person pulled a lever."""
        with self._lock:
            self._marks.acted(action, self._known(action.time), self._wall())

    def begins(self, unit: str, pipeline: Pipeline) -> None:
        with self._lock:
            self._at[unit] = self._place(pipeline)
            self._measure(unit, pipeline.measure())

    def ends(self, unit: str) -> None:
        with self._lock:
            self._at.pop(unit, None)
            self._measured.pop(unit, None)

    def tick(self, **facts: Any) -> bytes:
        """How things stand and what is new since the last tick; to be called once a second. facts: told as they are."""
        with self._lock:
            if not self.ended:  # the last pace stays told
                self._pulse.beat()
            position, time = self._now()
            self._began |= position > 0
            if self._began and (not self._by_events or position != self._drawn):
                self._add(position, time, from_values(self._columns, self._values))
            told = self._standing(facts)
            rows, self._new = self._new, []
            return _message("tick", {"now": told, "rows": rows, "marks": self._marks.changed()})

    def history(self, **facts: Any) -> bytes:
        """Everything that is known, for who comes late; does not take from what the next tick tells."""
        with self._lock:
            rows = self._history.rows()
            told = {**self._about, "now": self._standing(facts), "rows": rows, "marks": self._marks.all()}
            return _message("history", told)

    def shown(self, **facts: Any) -> dict[str, Any]:
        """The same as data, for a page without scripts."""
        with self._lock:
            rows = [dict(zip(self._about["columns"], row, strict=True)) for row in self._history.rows()]
            return {**self._about, "now": self._standing(facts), "rows": rows, "marks": self._marks.all()}

    def _standing(self, facts: dict[str, Any]) -> dict[str, Any]:
        position, time = self._now()
        told = standing(self._values, self._classes, self._positive, self._pulse, self._wall())
        told |= {"position": position, "time": time, "units": len(self._at), "ended": self.ended}
        told["measured"] = together(list(self._measured.values()))
        return {**told, **facts}

    def _measure(self, unit: str, rows: Sequence[Metric]) -> None:
        if rows:
            self._measured[unit] = measured(rows)

    def _now(self) -> tuple[int, float]:
        """Events accepted, and the latest event time of any unit."""
        known = [time for _, time in self._at.values() if not math.isnan(time)]
        return sum(position for position, _ in self._at.values()), max(known, default=math.nan)

    def _add(self, position: int, time: float, drawn: list[float]) -> None:
        pulse, self._drawn = self._pulse, position
        values = [time, self._wall(), pulse.rate, pulse.event_us, pulse.delay_s, pulse.lag, *drawn]
        row = [float(position), *_rounded(values)]
        self._history.add(row)
        self._new.append(row)
        if len(self._new) > NEW_ROWS_MAX:
            del self._new[::2]

    def _place(self, pipeline: Pipeline) -> tuple[int, float]:
        position = pipeline.store.next_position
        return position, self._time(pipeline.store.watermark) if position else math.nan

    def _time(self, time: int) -> float:
        return time / MICROSECONDS if self._has_time else math.nan

    def _known(self, time: int) -> float | None:
        return time / MICROSECONDS if self._has_time else None


def _rounded(values: list[float]) -> list[float]:
    """Few digits: a history is sent to everybody who comes. The two times keep their milliseconds."""
    return [*(round(value, 3) for value in values[:2]), *(float(f"{value:.{DIGITS}g}") for value in values[2:])]


def _message(event: str, told: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(told) + b"\n\n"
