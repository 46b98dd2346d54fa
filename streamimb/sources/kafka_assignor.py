"""How the members of a group share out partitions, told to kafka-python: cooperative, and as ``sharing`` says."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor, RebalanceProtocol
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription
from kafka.structs import TopicPartition

from streamimb.sources.log import Partition
from streamimb.sources.sharing import Scope, share

#: The subscription's version that carries what a member owns, since which generation.
SUBSCRIPTION_VERSION = 2
ASSIGNMENT_VERSION = 1


class SharingAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # kafka-python ships no types
    """Moves as little as can be, and a partition only once its owner has given it up (KIP-429).

    owned: what this member has now; seen: how many partitions its topics have as it knows. The latter goes along in the
    user data, so that a member that joins again because a topic grew makes the broker share out anew.
    """

    def __init__(self, scope: Scope, owned: Callable[[], Iterable[TopicPartition]], seen: Callable[[], int]) -> None:
        self._scope, self._owned, self._seen = scope, owned, seen
        self._generation = -1

    @property
    def name(self) -> str:
        """Members of two scopes have no name in common, so that the broker refuses to mix them."""
        return f"streamimb-{self._scope}"

    def supported_protocols(self) -> list[RebalanceProtocol]:
        """Cooperative only."""
        return [RebalanceProtocol.COOPERATIVE]

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolSubscription:
        """What this member tells the one that shares out."""
        owned: dict[str, list[int]] = {}
        for tp in self._owned():
            owned.setdefault(tp.topic, []).append(tp.partition)
        holder = ConsumerProtocolSubscription.TopicPartition
        return ConsumerProtocolSubscription(
            version=SUBSCRIPTION_VERSION,
            topics=sorted(topics),
            user_data=struct.pack(">i", self._seen()),
            owned_partitions=[holder(topic=t, partitions=sorted(numbers)) for t, numbers in sorted(owned.items())],
            generation_id=self._generation,
        )

    def on_assignment(self, assignment: ConsumerProtocolAssignment, generation: int) -> None:
        """Remember the generation: of two members that claim a partition, the later one has it."""
        del assignment
        self._generation = generation

    def assign(self, cluster: Any, members: Iterable[Any]) -> dict[str, ConsumerProtocolAssignment]:
        """Who gets what; what moves is given to nobody in this round, so that its owner gives it up first."""
        told = {m.member_id: m.metadata for m in members}
        topics = {topic for metadata in told.values() for topic in metadata.topics}
        whole = [m for m in sorted(told) if topics <= set(told[m].topics)]
        now = _owners(told)
        every = [Partition(t, number) for t in topics for number in cluster.partitions_for_topic(t) or ()]
        then = share(every, whole, {p: m for p, m in now.items() if m in whole}, self._scope)
        given: dict[str, dict[str, list[int]]] = {member: {} for member in told}
        for partition, member in sorted(then.items()):
            if now.get(partition, member) == member:
                given[member].setdefault(partition.topic, []).append(partition.number)
        return {m: ConsumerProtocolAssignment(ASSIGNMENT_VERSION, sorted(g.items()), b"") for m, g in given.items()}


def _owners(told: dict[str, ConsumerProtocolSubscription]) -> dict[Partition, str]:
    """Who has what now; a claim of an older generation counts for nothing beside a newer one."""
    owners: dict[Partition, str] = {}
    since: dict[Partition, int] = {}
    for member, metadata in sorted(told.items()):
        generation = -1 if metadata.generation_id is None else metadata.generation_id
        for held in metadata.owned_partitions or ():
            for number in held.partitions:
                partition = Partition(held.topic, number)
                if generation >= since.get(partition, -1):
                    owners[partition], since[partition] = member, generation
    return owners
