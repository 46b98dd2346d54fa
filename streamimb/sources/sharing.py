"""Who owns what in a group: as even as can be, and ownership stays where it is wherever that allows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from streamimb.sources.log import Partition

Scope = Literal["topic", "partition"]
Member = TypeVar("Member", bound=Hashable)


def share(
    partitions: Iterable[Partition], members: Sequence[Member], owned: Mapping[Partition, Member], scope: Scope
) -> dict[Partition, Member]:
    """The owner of each partition.

    members: in an order that all agree on; owned: who has what now (a partition may be missing). Under the scope
    ``topic`` one member owns everything and the others stand by; under ``partition`` all partitions of one number go
    together, so that features and labels of one key meet.

    >>> halves = [Partition("events", 0), Partition("events", 1)]
    >>> share(halves, ["a", "b"], {halves[0]: "b", halves[1]: "b"}, "topic")
    {Partition(topic='events', number=0): 'b', Partition(topic='events', number=1): 'b'}
    >>> share(halves, ["a", "b"], {halves[0]: "b", halves[1]: "b"}, "partition")
    {Partition(topic='events', number=0): 'b', Partition(topic='events', number=1): 'a'}
    """
    if not members:
        return {}
    units: dict[int, list[Partition]] = {}
    for partition in sorted(set(partitions)):
        units.setdefault(0 if scope == "topic" else partition.number, []).append(partition)
    now = {unit: _holder(held, members, owned) for unit, held in units.items()}
    owners = _share_units(now, members)
    return {partition: owners[unit] for unit, held in units.items() for partition in held}


def _holder(held: list[Partition], members: Sequence[Member], owned: Mapping[Partition, Member]) -> Member | None:
    """Who has most of a unit; of equals, the first member."""
    counts = {member: sum(owned.get(p) == member for p in held) for member in members}
    most = max(members, key=lambda m: counts[m])
    return most if counts[most] else None


def _share_units(now: Mapping[int, Member | None], members: Sequence[Member]) -> dict[int, Member]:
    """Each member keeps what it has up to its share; whoever holds most keeps the ones that are left over."""
    small, over = divmod(len(now), len(members))
    holds = {m: sum(holder == m for holder in now.values()) for m in members}
    rich = sorted(members, key=lambda m: (-holds[m], members.index(m)))
    room = {member: small + (rank < over) for rank, member in enumerate(rich)}
    owners: dict[int, Member] = {}
    for unit, holder in now.items():
        if holder is not None and room[holder]:
            owners[unit] = holder
            room[holder] -= 1
    for unit in now:
        if unit not in owners:
            taker = max(members, key=lambda m: room[m])
            owners[unit] = taker
            room[taker] -= 1
    return owners
