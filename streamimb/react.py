"""What is done about signals: asked for as they come, carried out where the next Plan is made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamimb.config import Config
from streamimb.drift.bank import RECALL, SHARE
from streamimb.drift.unlabelled import BLOCK_EVENTS
from streamimb.outcome import Action, Signal

if TYPE_CHECKING:
    from streamimb.control import Reactor, Succession
    from streamimb.drift.monitor import Monitor
    from streamimb.rebalance import Rebalancer
    from streamimb.windows import ClassWindows


class Decided(Protocol):
    """Counts what was decided."""

    def confusion(self, window: str = ...) -> NDArray[Any]:
        """Int64 (K, K), rows the truth, of the whole run or of the window ``rarest``."""

    def latest(self, events: int) -> NDArray[np.int64]:
        """The same of so many mature events at the end of that window."""


class Steered(Protocol):
    """A learner with its windows, detectors and controller, as what is done about its signals sees them."""

    config: Config
    reactor: Reactor
    succession: Succession
    rebalancer: Rebalancer
    windows: ClassWindows
    monitor: Monitor

    @property
    def evaluation(self) -> Decided:
        """What was decided of mature events."""

    @property
    def mature(self) -> int:
        """Position of the last mature event, -1 before one."""

    @property
    def present(self) -> tuple[int, int]:
        """The next event's position, and the time."""

    @property
    def frozen(self) -> bool:
        """Whether the learner is not to be touched."""

    def start_afresh(self, cause: str) -> None:
        """Let the learner forget all that it learned."""

    def another_decides(self) -> None:
        """Scores, and recall as it was, are those of a learner that is in force no more."""


def wanted(steered: Steered, signal: Signal) -> str:
    """What the configuration says is done about a signal; of a frozen learner nothing but the windows is touched."""
    drift = steered.config.drift
    labelled = {SHARE: drift.share.action, RECALL: drift.recall.action}
    asked: str = labelled.get(signal.signal) or getattr(drift.unlabelled.action, signal.signal)
    return "adjust" if steered.frozen and asked != "tell" else asked


def react(steered: Steered, told: list[Action]) -> bool:
    """Carry out what signals ask for, and judge what was done before; True where the next Plan starts anew.

    told: takes what was done, and what was judged.
    """
    reactor, succession = steered.reactor, steered.succession
    causes = reactor.take()
    for cause in causes:
        before = _lately(steered, cause)
        if cause.action != "trial":
            _adjust(steered, cause)
        if cause.action == "trial":
            succession.begin()
        elif cause.action == "replace":
            succession.begin(_since(steered, cause))
        elif cause.action == "reset":
            steered.start_afresh(cause.signal)
        told.append(reactor.did(cause.action, cause, *steered.present, before))
    contested = reactor.contested
    cause_of_trial = contested or (None if succession.challenger is None else reactor.warned)
    outcome = "" if steered.frozen else succession.settle(contested=contested is not None)
    if outcome and cause_of_trial is not None:
        before = _lately(steered, cause_of_trial)
        if outcome == "replaced":
            steered.another_decides()
        told.append(reactor.did(outcome, cause_of_trial, *steered.present, before))
    told += reactor.measure(steered.present[0], steered.mature, steered.evaluation.confusion())
    return any(cause.action != "trial" for cause in causes)


def _lately(steered: Steered, cause: Signal) -> NDArray[np.int64]:
    """What was decided since a change, int64 (K, K), rows the truth; to be asked before anything is forgotten."""
    return steered.evaluation.latest(math.ceil(_since(steered, cause)))


def _adjust(steered: Steered, cause: Signal) -> None:
    """Let buffers and windows forget what came before the change, as the detector dates it.

    Windows keep ``window.events_min`` events, since shares and thresholds are to be read from them; buffers may be
    left nearly empty: then nothing is made until they fill again. The window of shares keeps what came before a recall
    fell: the shares did not move.
    """
    window, since = steered.config.window, _since(steered, cause)
    steered.rebalancer.forget(steered.mature + 1 - math.ceil(since / _matured(steered)))
    if cause.signal != RECALL:
        steered.windows.shorten("rarest", max(int(min(since, window.events_max)), window.events_min))


def _matured(steered: Steered) -> float:
    """Which share of all events up to the last mature one have matured: others will never have a label."""
    return steered.windows.seen / (steered.mature + 1)


def _since(steered: Steered, cause: Signal) -> float:
    """Mature events since a change: as many as the detector holds, or all from the block on that showed it."""
    if cause.signal not in (SHARE, RECALL):
        return (steered.mature + BLOCK_EVENTS - cause.position) * _matured(steered)
    assert cause.class_ is not None, "shares and recalls are of a class"
    k = steered.monitor.class_names.index(cause.class_)
    since = float(steered.monitor.width(cause.signal, k))
    if cause.signal == RECALL:
        share = float(steered.windows.shares("rarest")[k])
        return since / share if share > 0 else 0.0
    return since
