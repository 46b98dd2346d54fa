"""Who owns what: laws that hold for any group."""

from hypothesis import given
from hypothesis import strategies as st

from streamimb.sources.log import Partition
from streamimb.sources.sharing import share

MEMBERS = [f"m{i}" for i in range(5)]
groups = st.integers(1, 5).map(lambda n: MEMBERS[:n])
topics = st.dictionaries(st.sampled_from(["events", "labels"]), st.integers(1, 9), min_size=1)


def partitions_of(topics):
    return [Partition(topic, number) for topic, n in topics.items() for number in range(n)]


@st.composite
def cases(draw):
    every = partitions_of(draw(topics))
    return every, draw(groups), {p: draw(st.sampled_from(MEMBERS)) for p in every if draw(st.booleans())}


@given(cases(), st.sampled_from(["topic", "partition"]))
def test_all_is_owned_by_members_and_what_is_settled_stays(case, scope):
    """Every partition has an owner of the group, and sharing out what was shared out changes nothing."""
    every, members, owned = case
    owners = share(every, members, owned, scope)
    assert set(owners) == set(every) and set(owners.values()) <= set(members)
    assert share(every, members, owners, scope) == owners


@given(cases())
def test_under_the_topic_scope_there_is_one_owner(case):
    """One member has everything, and one who had something goes before one who had nothing."""
    every, members, owned = case
    [owner] = set(share(every, members, owned, "topic").values())
    present = [m for m in owned.values() if m in members]
    assert not present or owner in present


@given(cases())
def test_under_the_partition_scope_shares_are_even_and_pairs_stay_together(case):
    """No member has two numbers more than another; partitions of one number have one owner."""
    every, members, owned = case
    owners = share(every, members, owned, "partition")
    by_number = {}
    for partition, member in owners.items():
        by_number.setdefault(partition.number, set()).add(member)
    assert all(len(who) == 1 for who in by_number.values())
    counts = [sum(who == {m} for who in by_number.values()) for m in members]
    assert max(counts) - min(counts) <= 1


@given(st.integers(1, 12), st.integers(1, 4))
def test_a_member_that_joins_moves_no_more_than_its_share(n, m):
    """Only what the new one gets changes hands."""
    every = [Partition("events", number) for number in range(n)]
    before = share(every, MEMBERS[:m], {}, "partition")
    after = share(every, MEMBERS[: m + 1], before, "partition")
    moved = [p for p in every if before[p] != after[p]]
    assert {after[p] for p in moved} <= {MEMBERS[m]} and len(moved) == n // (m + 1)
