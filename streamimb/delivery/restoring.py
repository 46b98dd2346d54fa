"""Where a unit begins: at its checkpoint's own offsets, once they are shown to be those of this topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streamimb.delivery.unit import Unit
from streamimb.errors import GapError, StateError
from streamimb.sources.log import Committed, LogSource, Partition


def begin(unit: Unit, source: LogSource, partitions: Sequence[Partition], *, skip: bool, beginning: bool) -> list[str]:
    """Seek each partition to where the unit goes on; what a person should know of it, in lines.

    skip: whether events that are no longer retained may be left out; beginning: whether there is no checkpoint.
    Raises GapError where events are gone, the topic is another one or has gone backwards; StateError where the group
    has committed offsets and there is no checkpoint.
    """
    notes: list[str] = []
    _same_topics(unit, source, {p.topic for p in partitions})
    bounds = source.bounds(partitions)
    if beginning:
        _never_from_empty(source.committed(partitions))
    for partition in partitions:
        first, end = bounds[partition]
        if partition not in unit.next:
            unit.begin(partition, first)
            notes.append(f"{partition.topic}:{partition.number} begins at its first record, offset {first}")
        wanted = unit.next[partition]
        if wanted > end:
            raise GapError(
                f"{partition.topic}:{partition.number} ends at offset {end}, but {wanted} comes next for this state: "
                "the topic was made anew, or lost records; begin with a new state.url and a new source.group"
            )
        if wanted < first:
            gap = f"{partition.topic}:{partition.number}: offsets {wanted} to {first - 1} ({first - wanted:,} records)"
            if not skip:
                raise GapError(
                    f"{gap} are no longer retained; source.missing_offsets = 'skip' goes on at offset {first}"
                )
            unit.next[partition] = first
            notes.append(f"{gap} are no longer retained and are left out")
        source.seek(partition, unit.next[partition])
    return notes


def _same_topics(unit: Unit, source: LogSource, topics: set[str]) -> None:
    for topic in sorted(topics):
        now, before = source.topic_id(topic), unit.ids.get(topic, "")
        if now and before and now != before:
            raise GapError(
                f"topic {topic} has id {now}, but this state was learned from one with id {before}: the topic was made "
                "anew; begin with a new state.url and a new source.group"
            )
        unit.ids[topic] = now or before


def _never_from_empty(committed: Mapping[Partition, Committed]) -> None:
    named = {c.metadata for c in committed.values() if c.metadata}
    if committed:
        lost = f" (its checkpoint was {', '.join(sorted(named))})" if named else ""
        raise StateError(
            f"the group has committed offsets{lost}, but there is no checkpoint: give the state.url that it had, or "
            "begin with a new source.group"
        )
