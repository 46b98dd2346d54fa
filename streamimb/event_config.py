"""The configuration of what is made of an event's time, and of its label."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from streamimb.durations import is_longer
from streamimb.schema import LIVE, Strict

#: No count of anything is larger: it fits 64 bits with room for sums.
COUNT_MAX: Final = 10**15
#: Labels that may be held for events that have not come, some hundred bytes each.
EARLY_MAX: Final = 1 << 20
Duration = str | int
Positive = Annotated[int, Field(gt=0, le=COUNT_MAX)]
NotNegative = Annotated[int, Field(ge=0, le=COUNT_MAX)]


class TimeConfig(Strict):
    """What happens to an event whose time is absurdly far ahead of the stream.

    A first event has nothing to be judged by: it is put right when ``ahead_confirm`` events agree that the stream lies
    far behind it. Only for streams with event times.
    """

    #: How far ahead of the watermark an event's time may lie before it is thought a slip.
    ahead_max: Annotated[str, LIVE] = "30d"
    #: Treat such an event as if at the watermark (``clamp``), or refuse it.
    ahead: Annotated[Literal["clamp", "refuse"], LIVE] = "clamp"
    #: So many such events in a row, each within ``ahead_max`` of the one before: the stream has moved on.
    ahead_confirm: Annotated[Positive, LIVE] = 10


class LabelConfig(Strict):
    """When labels come, and what becomes of events without one.

    Without ``wait`` an event that comes without a label drops out at once, and one that comes with a label known later
    waits for it 30 days (100,000 events) at most. Counts of events where the stream has no times.
    """

    #: Every label is known only so long after its event: for a replay of labelled history.
    delay: Duration | None = None
    #: So long an event waits for its label; then it expires or drops out.
    wait: Duration | None = None
    #: The class that an event counts as when its wait is over; without it, it drops out.
    expires_as: str | None = None
    #: So long after its time an event can still be corrected; unless set, twice as long as it waits.
    remember: Duration | None = None
    #: At least the last so many ids are known again, however old.
    remember_events: NotNegative = 10_000
    #: So long a label whose event has not come is held for it, from when it came or, where that is later, became known;
    #: unless set, it is of an event that nobody knows.
    early: Duration | None = None
    #: Labels that are held so at once; beyond it the oldest is let go.
    early_max: Annotated[int, Field(gt=0, le=EARLY_MAX)] = 10_000
    #: Whether a contrary label replaces what evaluation counted.
    corrections: Annotated[Literal["replace", "ignore"], LIVE] = "replace"
    #: Events that wait at once; beyond it the oldest gives up waiting.
    waiting_events_max: Annotated[Positive, LIVE] = 1_000_000
    #: Bytes that waiting events take at once; beyond it the oldest gives up waiting.
    waiting_bytes_max: Annotated[Positive, LIVE] = 1 << 30

    @model_validator(mode="after")
    def _something_waits(self) -> Self:
        if self.expires_as is not None and self.wait is None and self.delay is None:
            raise ValueError(
                f"label.expires_as = {self.expires_as!r} needs label.wait: how long an event waits for a label before "
                "it counts as that class"
            )
        if self.delay is not None and self.wait is not None and is_longer(self.delay, self.wait):
            raise ValueError(
                f"label.delay = {self.delay!r} is longer than label.wait = {self.wait!r}, so that every event would "
                f"expire before its label comes: set label.wait to {self.delay!r} or more"
            )
        return self
