"""How soon ``benchmarks/drift.py --unlabelled`` finds the signals that need no labels to tell what moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from streamimb.drift.bank import BETWEEN
from streamimb.drift.unlabelled import ALERT_RATE, FEATURE, MISSING, SCORE, UnlabelledMonitor
from streamimb.outcome import Signal

CHUNK_EVENTS: Final = 1_000_000
QUICK_STILL_EVENTS: Final = 50_000
UNLABELLED_FEATURES: Final = 10
UNLABELLED_REPEATS: Final = 20
#: Events before and after each change, and where nothing moves.
UNLABELLED_EVENTS: Final = 40_960
UNLABELLED_STILL_EVENTS: Final = 20_000_000


class Shift(NamedTuple):
    """What moves: a feature's mean and the scores' (standard deviations), shares of missing values and of alerts."""

    told: str
    signal: str
    mean: float = 0.0
    missing: float = 0.02
    score: float = 0.0
    alerts: float = 0.01


SHIFTS: Final = (
    Shift("feature + 0.5 sd", FEATURE, mean=0.5),
    Shift("feature + 1 sd", FEATURE, mean=1.0),
    Shift("missing 2 % to 4 %", MISSING, missing=0.04),
    Shift("scores + 0.5 sd", SCORE, score=0.5),
    Shift("alerts 1 % to 2 %", ALERT_RATE, alerts=0.02),
)
STILL: Final = Shift("", "")


def seen(
    monitor: UnlabelledMonitor, rng: np.random.Generator, n: int, first: int, shift: Shift = STILL
) -> list[Signal]:
    """What is told of n events whose first feature, scores and alerts have moved so; each is drawn for itself."""
    X = rng.standard_normal((n, UNLABELLED_FEATURES), np.float32)
    X[:, 0] += shift.mean
    share = np.full(UNLABELLED_FEATURES, STILL.missing, np.float32)
    share[0] = shift.missing
    X[rng.random(X.shape, np.float32) < share] = np.nan
    scores = (1 / (1 + np.exp(4 - rng.standard_normal(n, np.float32) - shift.score))).astype(np.float32)
    at = np.arange(first, first + n)
    return monitor.update(at, at, X, scores, (rng.random(n) < shift.alerts).astype(np.int16))


def unlabelled(setting: str) -> UnlabelledMonitor:
    """The pipeline's, without a cool-down."""
    names = [f"x{j}" for j in range(UNLABELLED_FEATURES)]
    return UnlabelledMonitor(UNLABELLED_FEATURES, names, between=BETWEEN[setting], cooldown=0)


def unlabelled_table(*, quick: bool) -> Iterator[str]:
    """The lines of a table, a row a setting: events until each change is told, missed; events between false alarms."""
    repeats, still = (1, QUICK_STILL_EVENTS) if quick else (UNLABELLED_REPEATS, UNLABELLED_STILL_EVENTS)
    yield "| " + " | ".join(["without labels", *(shift.told for shift in SHIFTS), "events between false alarms"]) + " |"
    yield "|---" * (len(SHIFTS) + 2) + "|"
    for setting in BETWEEN:
        cells = []
        for number, shift in enumerate(SHIFTS):
            found = []
            for repeat in range(repeats):
                monitor, rng = unlabelled(setting), np.random.default_rng([3, number, repeat])
                seen(monitor, rng, UNLABELLED_EVENTS, 0)
                told = seen(monitor, rng, UNLABELLED_EVENTS, UNLABELLED_EVENTS, shift)
                found += [s.position + 1 - UNLABELLED_EVENTS for s in told if s.signal == shift.signal][:1]
            delay = f"{np.mean(found):,.0f}" if found else "-"
            cells.append(f"{delay}, {1 - len(found) / repeats:.0%}")
        monitor, rng = unlabelled(setting), np.random.default_rng(4)
        chunks = range(0, still, CHUNK_EVENTS)
        false = sum(len(seen(monitor, rng, min(CHUNK_EVENTS, still - a), a)) for a in chunks)
        yield "| " + " | ".join([setting, *cells, f"{still / false:,.0f}" if false else f"> {still:,}"]) + " |"
