"""What a pipeline does about signals: asked for as they come, carried out where the next Plan is made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from streamimb.drift.bank import RECALL, SHARE
from streamimb.drift.unlabelled import BLOCK_EVENTS
from streamimb.gather import Gathered
from streamimb.outcome import Signal

if TYPE_CHECKING:
    from streamimb.pipeline import Pipeline


def wanted(pipeline: Pipeline, signal: Signal) -> str:
    """What the configuration says is done about a signal; of a frozen learner nothing but the windows is touched."""
    drift = pipeline.config.drift
    labelled = {SHARE: drift.share.action, RECALL: drift.recall.action}
    asked: str = labelled.get(signal.signal) or getattr(drift.unlabelled.action, signal.signal)
    return "adjust" if pipeline.book.frozen and asked != "tell" else asked


def react(pipeline: Pipeline, out: Gathered) -> bool:
    """Carry out what signals ask for, and judge what was done before; True where the next Plan starts anew."""
    reactor, succession = pipeline.reactor, pipeline.succession
    causes = reactor.take()
    for cause in causes:
        if cause.action != "trial":
            _adjust(pipeline, cause)
        if cause.action in ("trial", "replace"):
            succession.begin()
        elif cause.action == "reset":
            pipeline.start_afresh(cause.signal)
        _did(pipeline, cause.action, cause, out)
    contested = reactor.contested
    outcome = "" if pipeline.book.frozen else succession.settle(contested=contested is not None)
    if outcome and contested is not None:
        if outcome == "replaced":
            pipeline.another_decides()
        _did(pipeline, outcome, contested, out)
    out.actions += reactor.measure(pipeline.store.next_position, pipeline.mature, pipeline.evaluation.confusion())
    return any(cause.action != "trial" for cause in causes)


def _did(pipeline: Pipeline, action: str, cause: Signal, out: Gathered) -> None:
    now = pipeline.store.next_position, pipeline.store.watermark
    out.actions.append(pipeline.reactor.did(action, cause, *now, pipeline.evaluation.confusion("rarest")))


def _adjust(pipeline: Pipeline, cause: Signal) -> None:
    """Let buffers and windows forget what came before the change, as the detector dates it.

    Windows keep ``window.events_min`` events, since shares and thresholds are to be read from them; buffers may be
    left nearly empty: then nothing is made until they fill again. The window of shares keeps what came before a recall
    fell: the shares did not move.
    """
    window, since = pipeline.config.window, _since(pipeline, cause)
    pipeline.rebalancer.forget(pipeline.mature + 1 - math.ceil(since))
    if cause.signal != RECALL:
        pipeline.windows.shorten("rarest", max(int(min(since, window.events_max)), window.events_min))


def _since(pipeline: Pipeline, cause: Signal) -> float:
    """Mature events since a change: as many as the detector holds, or all from the block on that showed it."""
    if cause.signal not in (SHARE, RECALL):
        return float(pipeline.mature + BLOCK_EVENTS - cause.position)
    assert cause.class_ is not None, "shares and recalls are of a class"
    k = pipeline.schema.class_names.index(cause.class_)
    since = float(pipeline.monitor.width(cause.signal, k))
    if cause.signal == RECALL:
        share = float(pipeline.windows.shares("rarest")[k])
        return since / share if share > 0 else 0.0
    return since
