"""Delay, missed drifts and false alarms of every drift detector, at class ratios from 1:1 to 1:1,000.

    python benchmarks/drift.py [--quick] [--only NAME ...] [--kind KIND] [--held-out | --unlabelled | --pages | --loop]

Streams are drawn, with fixed seeds: 500 minority events on average before the change, after it as many events as held
400 minority events before. A change that is not told by then is missed; the delay of the others is counted in minority
events. False alarms are counted on streams where nothing moves. Share detectors see changes of the minority's share
(sudden: doubled, halved, fivefold; ramps to triple and to a third over half the time), recall detectors those of its
recall (.8 to .5, .9 to .6, .7 to .4, a ramp from .85 to .45), monitors of both signals both at once. A detector of one
of the two sees a change of both, too, and watches its own quantity.

With ``--unlabelled`` ten features, scores and alerts are drawn, and the signals that need no labels are looked for.
With ``--pages`` detectors are tuned for a rate of false alarms, and those that come are counted.

With ``--loop`` no decision is drawn: a whole pipeline learns generated streams of two classes, and its decisions, which
hang together, are what is watched. False alarms are counted where nothing ever changes, delays where the concept does
at once. All that is not the learner or the setting is the default.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from drift_unlabelled import unlabelled_table
from numpy.typing import NDArray

from streamimb.config import Config, DetectorConfig, DriftConfig, RecallDetectorConfig
from streamimb.drift.adwin import ADWIN
from streamimb.drift.base import Detector
from streamimb.drift.ddm_oci import DDMOCI
from streamimb.drift.hddm_w import HDDMW
from streamimb.drift.lfr import LFR
from streamimb.drift.monitor import Monitor
from streamimb.drift.pace import WEEK_US
from streamimb.drift.pauc_ph import PAUCPageHinkley
from streamimb.drift.share_test import ShareTest
from streamimb.outcome import Signal
from streamimb.pipeline import Pipeline
from streamimb.streams import Spec, Stream, generate

RATIOS: Final = (1, 10, 100, 1_000)
BEFORE_MINORITY: Final = 500
AFTER_MINORITY: Final = 400
SPECIFICITY: Final = 0.95
CHUNK_EVENTS: Final = 1_000_000
#: Streams of each change, and events in which false alarms are counted, by ratio.
REPEATS: Final = {1: 20, 10: 20, 100: 20, 1_000: 5}
STILL_EVENTS: Final = {1: 2_000_000, 10: 4_000_000, 100: 10_000_000, 1_000: 10_000_000}
QUICK_REPEATS: Final = 2
QUICK_STILL_EVENTS: Final = 50_000


class Change(NamedTuple):
    """Factors of the minority's share and its recalls, before and after; over which part of the time it comes."""

    share: float = 1.0
    recall: tuple[float, float] = (0.8, 0.8)
    ramp: float = 0.0


CHANGES: Final[dict[str, tuple[Change, ...]]] = {
    "share": (Change(2.0), Change(0.5), Change(5.0), Change(3.0, ramp=0.5), Change(1 / 3, ramp=0.5)),
    "recall": (
        *(Change(recall=recall) for recall in ((0.8, 0.5), (0.9, 0.6), (0.7, 0.4))),
        Change(recall=(0.85, 0.45), ramp=0.5),
    ),
    "both": (Change(2.0, (0.8, 0.5)), Change(0.5, (0.9, 0.6)), Change(3.0, (0.7, 0.4), ramp=0.5)),
}


#: Changes that nothing was ever tuned on, looked at once the thresholds stood.
HELD_OUT: Final[dict[str, tuple[Change, ...]]] = {
    "share": (Change(1.6), Change(0.6), Change(0.4), Change(0.0), Change(1.8, ramp=0.5)),
    "recall": tuple(Change(recall=recall) for recall in ((0.95, 0.7), (0.85, 0.55), (0.75, 0.5), (0.6, 0.35))),
}
HELD_OUT_RATIO: Final = 100


@dataclass
class Events:
    """Labels int16, decisions int16 and scores float64, (n,) each."""

    y: NDArray[np.int16]
    decision: NDArray[np.int16]
    score: NDArray[np.float64]


def drawn(rng: np.random.Generator, share: NDArray[np.float64], recall: NDArray[np.float64]) -> Events:
    """Events at these shares and recalls, (n,) each; scores on the side of one half that was decided."""
    y = rng.random(len(share)) < share
    right = rng.random(len(share)) < np.where(y, recall, SPECIFICITY)
    decision = y == right
    return Events(y.astype(np.int16), decision.astype(np.int16), (rng.random(len(share)) + decision) / 2)


def changing(rng: np.random.Generator, ratio: int, change: Change) -> tuple[Events, int]:
    """A stream with one change, and the first event after it began."""
    share = 1 / (1 + ratio)
    before, after = round(BEFORE_MINORITY / share), round(AFTER_MINORITY / share)
    ramp = max(round(change.ramp * after), 1)
    part = np.concatenate([np.zeros(before), np.minimum(np.arange(1, after + 1) / ramp, 1.0)])
    first, last = change.recall
    moved = np.minimum(share * change.share, 0.9) if change.share > 1 else share * change.share
    return drawn(rng, share + (moved - share) * part, first + (last - first) * part), before


#: Takes events in and tells at which of them a drift was told.
Watch = Callable[[Events], NDArray[np.int64]]


def monitored(share: dict[str, Any], recall: dict[str, Any]) -> Watch:
    """The pipeline's monitor, without a cool-down."""
    config = DriftConfig(share=DetectorConfig(cooldown=0, **share), recall=RecallDetectorConfig(cooldown=0, **recall))
    monitor = Monitor(2, 1, config, ("majority", "minority"))

    def watch(events: Events) -> NDArray[np.int64]:
        at = np.arange(len(events.y))
        told = monitor.update(at, at, events.y, events.decision)
        return np.array([s.position for s in told if s.kind == "drift"], np.int64)

    return watch


def on_share(detector: Detector) -> Watch:
    """Any detector on the minority's share."""
    return lambda events: detector.update_many(events.y).drifts.index


def on_recall(detector: Detector) -> Watch:
    """Any detector on the minority's recall; a rise is no drift."""

    def watch(events: Events) -> NDArray[np.int64]:
        places = np.flatnonzero(events.y == 1)
        drifts = detector.update_many(events.decision[places] == 1).drifts
        return places[drifts.index[drifts.after < drifts.before]]

    return watch


def on_cells(detector: LFR) -> Watch:
    """Linear four rates, on labels and decisions."""
    return lambda events: detector.update_decided(events.y, events.decision).drifts.index


def on_scores(detector: PAUCPageHinkley) -> Watch:
    """PAUC-Page-Hinkley, on scores and labels."""
    return lambda events: detector.update_scored(events.score, events.y).drifts.index


OFF: Final = {"detector": "none"}
CALM: Final = {"setting": "calm"}
WATCHES: Final[dict[str, dict[str, Callable[[], Watch]]]] = {
    "share": {
        "scan, sensitive": lambda: monitored({}, OFF),
        "scan, calm": lambda: monitored(CALM, OFF),
        "ADWIN": lambda: on_share(ADWIN(keep=True)),
        "HDDM_W": lambda: on_share(HDDMW(two_sided_test=True)),
        "ShareTest": lambda: on_share(ShareTest()),
    },
    "recall": {
        "scan, sensitive": lambda: monitored(OFF, {}),
        "scan, calm": lambda: monitored(OFF, CALM),
        "ADWIN": lambda: on_recall(ADWIN(keep=True, clock=4)),
        "HDDM_W": lambda: on_recall(HDDMW(two_sided_test=True)),
        "DDM-OCI": lambda: on_recall(DDMOCI()),
        "LFR": lambda: on_cells(LFR()),
        "PAUC-PH": lambda: on_scores(PAUCPageHinkley()),
    },
    "both": {
        "scan, sensitive": lambda: monitored({}, {}),
        "scan, calm": lambda: monitored(CALM, CALM),
        "ADWIN": lambda: monitored({"detector": "adwin"}, {"detector": "adwin"}),
        "HDDM_W": lambda: monitored({"detector": "hddm_w"}, {"detector": "hddm_w"}),
        "ShareTest": lambda: on_share(ShareTest()),
        "DDM-OCI": lambda: on_recall(DDMOCI()),
        "LFR": lambda: on_cells(LFR()),
        "PAUC-PH": lambda: on_scores(PAUCPageHinkley()),
    },
}


def delays(make: Callable[[], Watch], changes: Sequence[Change], ratio: int, repeats: int) -> tuple[list[int], int]:
    """Minority events until each change was told, and how many were missed."""
    found, missed = [], 0
    for number, change in enumerate(changes):
        for repeat in range(repeats):
            events, first = changing(np.random.default_rng([1, ratio, number, repeat]), ratio, change)
            told = make()(events)
            told = told[told >= first]
            if len(told):
                found.append(int(events.y[first : told[0] + 1].sum()))
            else:
                missed += 1
    return found, missed


def still(ratio: int, n: int) -> Iterator[Events]:
    """Events where nothing moves, in chunks."""
    rng = np.random.default_rng([2, ratio])
    for a in range(0, n, CHUNK_EVENTS):
        m = min(CHUNK_EVENTS, n - a)
        yield drawn(rng, np.full(m, 1 / (1 + ratio)), np.full(m, 0.8))


def alarms(make: dict[str, Callable[[], Watch]], ratio: int, n: int) -> dict[str, int]:
    """False alarms of each, on the same events."""
    watches = {name: one() for name, one in make.items()}
    told = dict.fromkeys(make, 0)
    for events in still(ratio, n):
        for name, watch in watches.items():
            told[name] += len(watch(events))
    return told


def cell(found: Sequence[int], missed: int, false: int, n: int) -> str:
    """Delay, share missed, events between false alarms."""
    delay = f"{np.mean(found):,.0f}" if found else "-"
    between = f"{n / false:,.0f}" if false else f"> {n:,}"
    return f"{delay}, {missed / (len(found) + missed):.0%}, {between}"


def table(kind: str, names: Sequence[str], *, quick: bool) -> Iterator[str]:
    """The lines of a table, a row a detector."""
    watches = {name: make for name, make in WATCHES[kind].items() if not names or name in names}
    rows: dict[str, list[str]] = {name: [] for name in watches}
    for ratio in RATIOS:
        n = QUICK_STILL_EVENTS if quick else STILL_EVENTS[ratio]
        false = alarms(watches, ratio, n)
        for name, make in watches.items():
            found, missed = delays(make, CHANGES[kind], ratio, QUICK_REPEATS if quick else REPEATS[ratio])
            rows[name].append(cell(found, missed, false[name], n))
    yield "| " + " | ".join([kind, *(f"1:{ratio:,}" for ratio in RATIOS)]) + " |"
    yield "|---" * (len(RATIOS) + 1) + "|"
    for name, cells in rows.items():
        yield "| " + " | ".join([name, *cells]) + " |"


def held_out_table(*, quick: bool) -> Iterator[str]:
    """The lines of a table, a row a change: mean and largest delay and how many of how many were missed."""
    settings, repeats = ("scan, sensitive", "scan, calm"), QUICK_REPEATS if quick else REPEATS[HELD_OUT_RATIO]
    yield "| " + " | ".join(["held out", *settings]) + " |"
    yield "|---" * (len(settings) + 1) + "|"
    for kind, changes in HELD_OUT.items():
        for change in changes:
            cells = []
            for setting in settings:
                found, missed = delays(WATCHES[kind][setting], [change], HELD_OUT_RATIO, repeats)
                mean, most = (f"{np.mean(found):,.0f}", f"{max(found):,}") if found else ("-", "-")
                cells.append(f"{mean}, {most}, {missed} of {repeats}")
            told = f"recall {change.recall[0]} to {change.recall[1]}" if kind == "recall" else f"share x {change.share}"
            yield "| " + " | ".join([told + (", a ramp" if change.ramp else ""), *cells]) + " |"


PAGES_RATIO: Final = 100
SECOND_US: Final = 1_000_000
PAGES_BETWEEN: Final = (20_000, 200_000, 2_000_000)
PAGES_STILL_EVENTS: Final = 10_000_000
PAGES_DETECTORS: Final = {"share": ("scan", "adwin", "hddm_w", "share_test"), "recall": ("scan", "adwin", "hddm_w")}


def paged(signal: str, detector: str, between: int, n: int) -> int:
    """Drifts of a pipeline's monitor where nothing moves, tuned for a page every so many events."""
    on = {"detector": detector, "pages_a_week": WEEK_US / SECOND_US / between, "cooldown": 0}  # an event a second
    share, recall = (on, OFF) if signal == "share" else (OFF, on)
    config = DriftConfig(share=DetectorConfig(**share), recall=RecallDetectorConfig(**recall))
    monitor, first, told = Monitor(2, 1, config, ("majority", "minority")), 0, 0
    for events in still(PAGES_RATIO, n):
        at = np.arange(first, first + len(events.y))
        decided = np.where(events.y == 1, events.decision, -1).astype(np.int16)  # of the minority, as in a pipeline
        told += sum(s.kind == "drift" for s in monitor.update(at, at * SECOND_US, events.y, decided))
        first += len(at)
    return told


def pages_table(*, quick: bool) -> Iterator[str]:
    """The lines of a table, a row a detector: events between false alarms, by those asked for."""
    n = QUICK_STILL_EVENTS if quick else PAGES_STILL_EVENTS
    yield "| " + " | ".join(["asked for", *(f"{between:,}" for between in PAGES_BETWEEN)]) + " |"
    yield "|---" * (len(PAGES_BETWEEN) + 1) + "|"
    for signal, detectors in PAGES_DETECTORS.items():
        for detector in detectors:
            found = [paged(signal, detector, between, n) for between in PAGES_BETWEEN]
            cells = [f"{n / false:,.0f}" if false else f"> {n:,}" for false in found]
            yield "| " + " | ".join([f"{signal}, {detector}", *cells]) + " |"


LOOP_RATIOS: Final = (20, 100)
LOOP_LEARNERS: Final = ("linear", "blend")
#: Streams of each, and events of a still one.
LOOP_REPEATS: Final = 3
LOOP_STILL_EVENTS: Final = 200_000
#: Minority events before the concept changes, on average: a learner is worth watching once it has learned.
LOOP_BEFORE_MINORITY: Final = 1_000


def looped(stream: Stream, learner: str, setting: str) -> list[Signal]:
    """The drifts of shares and recalls that a whole pipeline tells on a stream."""
    drift = {signal: {"setting": setting} for signal in ("share", "recall")}
    pipeline = Pipeline(stream.schema, Config.model_validate({"learner": {"model": learner}, "drift": drift}))
    told = [signal for batch in stream.batches() for signal in pipeline.process(batch).signals]
    return [s for s in told if s.kind == "drift" and s.signal in drift]


def loop_cell(ratio: int, learner: str, setting: str, *, repeats: int, n: int) -> str:
    """Delay and misses of the minority's recall where the concept changes; events a drift, drifts where none does."""
    found, missed, false = [], 0, 0
    before, after = LOOP_BEFORE_MINORITY * (1 + ratio), AFTER_MINORITY * (1 + ratio)
    still, changing = {"ratio": str(1 / (1 + ratio))}, {"concept": f"sudden:{before}"}
    for seed in range(1, repeats + 1):
        false += len(looped(generate(Spec().with_texts(**still), n=n, seed=seed), learner, setting))
        stream = generate(Spec().with_texts(**still, **changing), n=before + after, seed=seed)
        told = [s.position for s in looped(stream, learner, setting) if s.signal == "recall" and s.position >= before]
        if told:
            found.append(int((stream.y[before : told[0] + 1] == stream.schema.positive).sum()))
        else:
            missed += 1
    return cell(found, missed, false, n * repeats)


def loop_table(*, quick: bool) -> Iterator[str]:
    """The lines of the loop's table, a row a learner and setting."""
    repeats, n = (1, QUICK_STILL_EVENTS) if quick else (LOOP_REPEATS, LOOP_STILL_EVENTS)
    yield "| " + " | ".join(["loop", *(f"1:{ratio:,}" for ratio in LOOP_RATIOS)]) + " |"
    yield "|---" * (len(LOOP_RATIOS) + 1) + "|"
    for learner in LOOP_LEARNERS:
        for setting in ("sensitive", "calm"):
            cells = [loop_cell(ratio, learner, setting, repeats=repeats, n=n) for ratio in LOOP_RATIOS]
            yield "| " + " | ".join([f"{learner}, {setting}", *cells]) + " |"


def main(arguments: list[str] | None = None) -> None:
    """Print a table for each kind of change: delay in minority events, missed, events between false alarms."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--quick", action="store_true", help="a few short streams: that it runs, not what it shows")
    cli.add_argument("--only", nargs="*", default=[], help="detectors by the names of the table")
    cli.add_argument("--kind", choices=tuple(CHANGES), help="the table of one kind of change alone")
    cli.add_argument("--unlabelled", action="store_true", help="the signals that need no labels")
    cli.add_argument("--pages", action="store_true", help="detectors tuned by pages a week: asked for and measured")
    cli.add_argument("--loop", action="store_true", help="through the whole pipeline, on generated streams")
    cli.add_argument("--held-out", action="store_true", help="changes that nothing was tuned on, at 1:100")
    args = cli.parse_args(arguments)
    others = {"loop": loop_table, "held_out": held_out_table, "unlabelled": unlabelled_table, "pages": pages_table}
    for name, lines in others.items():
        if getattr(args, name):
            for line in lines(quick=args.quick):
                print(line, flush=True)
            return
    for kind in [args.kind] if args.kind else CHANGES:
        for line in table(kind, args.only, quick=args.quick):
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
