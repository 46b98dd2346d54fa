"""Detectors side by side: what watches each class, and which detectors can be asked for by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamimb.config import DetectorConfig
from streamimb.drift.adwin import AdwinBank
from streamimb.drift.base import Detector, Firings
from streamimb.drift.ddm_oci import DDMOCI
from streamimb.drift.hddm_w import HDDMW
from streamimb.drift.scan import ScanBank
from streamimb.drift.scan_kernels import SINCE, WANTED
from streamimb.drift.share_scan import CALM, SENSITIVE
from streamimb.drift.share_test import ShareTest
from streamimb.errors import StateError

SHARE: Final = "share"
RECALL: Final = "recall"

#: Values between two checks, at least: of a share, and of a recall, since a rare class has few events.
LENGTH_MIN: Final = {SHARE: 8, RECALL: 4}
CLOCK: Final = {SHARE: 32, RECALL: 4}
#: Warnings are at so many times the significance of drifts; HDDM_W's are so by its authors.
ADWIN_WARNING: Final = 10.0
HDDM_W_WARNING: Final = 5.0
#: Events between false alarms of one signal, over all classes.
BETWEEN: Final = {"sensitive": SENSITIVE, "calm": CALM}


class Bank(Protocol):
    """n detectors that are fed together."""

    def update(
        self, which: NDArray[np.int64], value: NDArray[np.float64], at: NDArray[np.int64] | None = None
    ) -> Firings:
        """Give value[i] to detector which[i], in order; at[i]: events of the stream so far, with this value's."""

    def tune(self, between: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Let there be so many events of the stream between two false alarms of each detector, float64 (n,).

        values: float64 (n,), how many each is given an event. Raises TypeError where no parameter says that.
        """

    @property
    def width(self) -> NDArray[np.int64]:
        """Values since the last change that each saw, int64 (n,)."""

    @property
    def estimation(self) -> NDArray[np.float64]:
        """What each sees now, float64 (n,); NaN where it has seen nothing."""

    def state(self) -> dict[str, Any]:
        """Everything that the next value's treatment depends on, copied."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a bank that was made with the same arguments. Raises StateError."""


class SingleBank:
    """Any detectors as a bank, each fed its own values at once.

    >>> bank = SingleBank([DDMOCI(), DDMOCI()])
    >>> hits = np.r_[np.tile([1.0, 1.0, 1.0, 0.0], 50), np.zeros(3)]
    >>> bank.update(np.ones(203, np.int64), hits).drifts.index, bank.width  # all for the second
    (array([202]), array([  0, 203]))
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = list(detectors)

    def update(
        self,
        which: NDArray[np.int64],
        value: NDArray[np.float64],
        at: NDArray[np.int64] | None = None,  # noqa: ARG002  # as every bank
    ) -> Firings:
        found = []
        for d, detector in enumerate(self.detectors):
            places = np.flatnonzero(which == d)
            firings = detector.update_many(value[places])
            found.append(firings._replace(index=places[firings.index]))
        joined = Firings(*(np.concatenate(column) for column in zip(*found, strict=True)))
        return joined.at(np.argsort(joined.index))

    def tune(self, between: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        for detector, wanted in zip(self.detectors, (between * values).tolist(), strict=True):
            detector.tune(wanted)

    @property
    def width(self) -> NDArray[np.int64]:
        return np.array([detector.width for detector in self.detectors], np.int64)

    @property
    def estimation(self) -> NDArray[np.float64]:
        return np.array([d.estimation if d.width else np.nan for d in self.detectors], np.float64)

    def state(self) -> dict[str, Any]:
        return {str(d): detector.state() for d, detector in enumerate(self.detectors)}

    def restore(self, state: dict[str, Any]) -> None:
        if state.keys() != {str(d) for d in range(len(self.detectors))}:
            raise StateError(f"drift: the state is not of {len(self.detectors)} detectors")
        for d, detector in enumerate(self.detectors):
            detector.restore(state[str(d)])


def _scan(n: int, signal: str, config: DetectorConfig) -> Bank:
    return ScanBank(n, between(n, config), length_min=LENGTH_MIN[signal])


def _adwin(n: int, signal: str, config: DetectorConfig) -> Bank:
    warning = min(ADWIN_WARNING * config.delta, (1 + config.delta) / 2)
    return AdwinBank(n, config.delta, clock=CLOCK[signal], warning_delta=warning)


def _hddm_w(n: int, _signal: str, config: DetectorConfig) -> Bank:
    delta = config.delta
    warning = min(HDDM_W_WARNING * delta, (1 + delta) / 2)
    return SingleBank([HDDMW(delta, warning, two_sided_test=True) for _ in range(n)])


def _ddm_oci(n: int, _signal: str, _config: DetectorConfig) -> Bank:
    return SingleBank([DDMOCI() for _ in range(n)])


def _share_test(n: int, _signal: str, _config: DetectorConfig) -> Bank:
    return SingleBank([ShareTest() for _ in range(n)])


MAKERS: Final[dict[str, Callable[[int, str, DetectorConfig], Bank]]] = {
    "scan": _scan,
    "adwin": _adwin,
    "hddm_w": _hddm_w,
    "ddm_oci": _ddm_oci,
    "share_test": _share_test,
}


def between(n: int, config: DetectorConfig) -> float:
    """Events of the stream between two false alarms of each of a signal's n detectors, as its setting has it."""
    return BETWEEN[config.setting] * n


def make_bank(n: int, signal: str, config: DetectorConfig) -> Bank | None:
    """N detectors of a signal; None where it is not watched."""
    return None if config.detector == "none" else MAKERS[config.detector](n, signal, config)


def begin_anew(bank: Bank, fresh: Bank, which: Sequence[int], now: int) -> None:
    """Let detectors of a bank be as those of one just made with the same arguments; now: events of the stream."""
    go_on(bank, fresh, which, which)
    begin_at(bank, which, now)


def begin_at(bank: Bank, which: Sequence[int], now: int) -> None:
    """Let detectors of a bank that have seen nothing begin after ``now`` events of the stream."""
    if isinstance(bank, ScanBank):
        bank.wholes[list(which), SINCE] = now


def go_on(bank: Bank, other: Bank, which: Sequence[int], theirs: Sequence[int]) -> None:
    """Let each detector of ``which`` be as the other bank's in ``theirs``, place by place; the other is of its kind.

    False alarms stay those of their own. All at once: each time, the whole bank is written and looked through.
    """
    if not which:
        return
    state, given = bank.state(), other.state()
    mine, others = list(which), list(theirs)
    if isinstance(bank, SingleBank):
        state |= {str(d): given[str(their)] for d, their in zip(mine, others, strict=True)}
    else:
        for name in given.keys() - {"made_with"}:
            state[name][mine] = given[name][others]
    if isinstance(bank, ScanBank):
        state["reals"][mine, WANTED] = bank.between[mine]
    bank.restore(state)
