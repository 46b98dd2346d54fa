"""Members of one group that take steps, and what happens to them in mid-batch."""

from streamimb.delivery import worker as worker_module
from streamimb.errors import FencedError

#: What may happen between two pieces of a batch.
ACTIONS = ("nothing", "join", "leave", "expire", "die", "move")


class Crew:
    """Up to three members of a world; one that is fenced, or dies, is gone, and another comes in its place."""

    def __init__(self, world, monkeypatch, history, members_max=3):
        monkeypatch.setattr(worker_module, "PIECE_RECORDS", 8)
        self.world, self.history, self._members_max = world, history, members_max
        self.members, self._due, self.fenced = [], None, 0
        self.join()

    def join(self):
        if len(self.members) < self._members_max:
            ticks = iter(range(10**9))
            self.members.append(
                self.world.join(observer=self.history, between=self._between, clock=lambda: next(ticks) * 0.4)
            )

    def _between(self, _):
        if self._due is None:
            return
        pieces, action, other = self._due
        self._due = None if pieces == 0 else (pieces - 1, action, other)
        if pieces == 0:
            self.act(action, other)

    def step(self, which, pieces=0, action="nothing", other=0):
        """A member takes a step; after so many pieces of it something happens to another, or to itself."""
        member = self.members[which % len(self.members)]
        self._due = None if action == "nothing" else (pieces, action, self.members[other % len(self.members)])
        self._stepping = member
        try:
            member.step()
        except FencedError:
            self.fenced += 1
            self._gone(member)
        self._stepping = None
        self._settle_down()

    def act(self, action, other):
        log = self.world.log
        if action == "join":
            self.join()
        elif action == "leave" and other is not self._stepping:
            other.leave()
            self._gone(other)
        elif action == "expire":
            log.expire(other.source.member)
        elif action == "die" and other is not self._stepping:
            self._gone(other)
        elif action == "move" and self.world.config.state.scope == "partition":
            held = sorted(other.worker.owned.partitions)
            if held:
                log.move(held[0], self.members[0].source.member)

    def _gone(self, member):
        self.world.bury(member.source)
        if member in self.members:
            self.members.remove(member)

    def _settle_down(self):
        if not self.members:
            self.join()

    def finish(self):
        """All go on until everything is learned, then leave one by one."""
        for _ in range(400):
            for which in range(len(self.members)):
                self.step(which)
            owned = [m for m in self.members if m.worker.owned.partitions]
            held = sum(len(m.worker.owned.partitions) for m in owned)
            if held == len(self.world.log.lanes("events")) and not any(any(m.source.lag().values()) for m in owned):
                break
        else:
            raise AssertionError("what was left was never learned")
        while self.members:
            self.members[-1].leave()
            self.members.pop()
