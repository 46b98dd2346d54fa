"""What a service sends: predictions, signals and dead letters, each under its idempotency key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from streamimb.config import Config
from streamimb.delivery.unit import Taken
from streamimb.durations import show_time
from streamimb.outcome import Action, Signal, told_row
from streamimb.schema import Schema
from streamimb.sinks.dead_letters import dead_letter
from streamimb.sinks.log import Message
from streamimb.sinks.size import message_bytes_max, shortened


class Outputs:
    """Turns what became of records into messages.

    A prediction's key is ``topic-partition-offset`` of its event, so that a compacted topic, or a reader that keeps
    keys, holds each once. topic_bytes: what a record of each output topic may have; a dead letter that is larger is
    cut, with headers that say so: ``cut`` counts them. Ids are bounded, and so is all else that is sent.
    """

    def __init__(self, schema: Schema, config: Config, topic_bytes: Mapping[str, int] | None = None) -> None:
        self._bytes_max, self.cut = message_bytes_max(config.kafka, topic_bytes or {}), 0
        self._connector = config.source.group
        self._schema, self._topics, self._every = schema, config.output, config.control.every
        shaping = f"{schema.model_dump_json()}{config.learner.model_dump_json()}"
        self.model = f"{config.learner.model}-{hashlib.sha256(shaping.encode()).hexdigest()[:8]}"
        self._encode = msgspec.json.Encoder().encode

    def messages(self, unit: str, taken: Taken) -> list[Message]:
        """All that is to be sent about some records, in order."""
        out = self._predictions(taken) if self._topics.predictions else []
        out += self._signals(unit, taken)
        return out + (self._dead_letters(taken) if self._topics.dead_letters and taken.refused else [])

    def _predictions(self, taken: Taken) -> list[Message]:
        """Their model is named with the number of the Plan in force: thresholds and weights change with it."""
        p, schema, encode = taken.outcome.predictions, self._schema, self._encode
        topic, number = taken.records.partition
        names, into = schema.class_names, self._topics.predictions
        assert into is not None
        ids = p.position.tolist() if p.ids is None else p.ids.tolist()
        times = [show_time(t, has_time=True) for t in p.time.tolist()] if schema.has_time else p.time.tolist()
        plans = (p.position // self._every).tolist()
        rows = zip(
            ids, times, np.round(p.scores.astype(np.float64), 6).tolist(), p.decision.tolist(), p.threshold.tolist(),
            p.offset.tolist(), plans, strict=True,
        )  # fmt: skip
        return [
            Message(
                into,
                encode({
                    "id": id_, "time": time, "scores": dict(zip(names, scores, strict=True)),
                    "decision": names[decision], "threshold": round(threshold, 6), "model": f"{self.model}.{plan}",
                    "topic": topic, "partition": number, "offset": offset,
                }),
                f"{topic}-{number}-{offset}".encode(),
            )
            for id_, time, scores, decision, threshold, offset, plan in rows
        ]  # fmt: skip

    def acted(self, unit: str, actions: Sequence[Action]) -> list[Message]:
        """Actions, as of a person who pulls a lever; none where no signals are sent."""
        return self._told(unit, [("action", a, f"{a.number}-{a.helped}") for a in actions])

    def _signals(self, unit: str, taken: Taken) -> list[Message]:
        signals = taken.outcome.signals
        told = self._told(unit, [("signal", s, f"{s.position}-{s.signal}-{s.class_}-{s.kind}") for s in signals])
        return told + self.acted(unit, taken.outcome.actions)

    def _told(self, unit: str, rows: Sequence[tuple[str, Signal | Action, str]]) -> list[Message]:
        into, has_time = self._topics.signals, self._schema.has_time
        if into is None:
            return []
        return [
            Message(
                into,
                self._encode({"event": kind, "unit": unit, "model": self.model} | told_row(row, has_time=has_time)),
                f"{unit}-{kind}-{key}".encode(),
            )
            for kind, row, key in rows
        ]

    def _dead_letters(self, taken: Taken) -> list[Message]:
        into = self._topics.dead_letters
        assert into is not None
        rows = {int(offset): i for i, offset in enumerate(taken.records.offsets.tolist())}
        letters = [
            dead_letter(into, rejected, taken.records, rows[rejected.offset], connector=self._connector)
            for rejected in taken.refused
            if rejected.offset is not None
        ]
        fitting = [shortened(letter, self._bytes_max) for letter in letters]
        self.cut += sum(kept is not letter for kept, letter in zip(fitting, letters, strict=True))
        return fitting
