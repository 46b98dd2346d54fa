"""A detector whose whole memory is two arrays that one kernel walks over."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streamimb.drift.base import Detector, Firings
from streamimb.errors import StateError

#: Saved arrays of a detector, and what it was made with.
ARRAYS = ("reals", "wholes", "parameters")


class FlatDetector(Detector, abc.ABC):
    """Keeps ``reals`` float64 and ``wholes`` int64, of one or two dimensions, and ``parameters`` float64 (p,).

    A subclass allocates them and says what a run of values does. WIDTH names the place in ``wholes`` where values since
    the last drift are counted. Where values are CODED, booleans are refused with TypeError.

    >>> class Run(FlatDetector):
    ...     '''Fires at every fifth one in a row.'''
    ...
    ...     def __init__(self):
    ...         super().__init__(np.zeros(1), np.zeros(1, np.int64))
    ...
    ...     estimation = property(lambda self: float(self._reals[0]))
    ...
    ...     def _run(self, values):
    ...         fired = []
    ...         for i, x in enumerate(values):
    ...             self._wholes[0] = self._wholes[0] % 5 + 1 if x == 1 else 0
    ...             fired += [i] if self._wholes[0] == 5 else []
    ...         return np.array(fired, np.int64), np.tile([0.0, 1.0, 5.0, 2.0], (len(fired), 1)), -1
    >>> run = Run()
    >>> run.update_many([0, 1, 1, 1]).index, run.width
    (array([], dtype=int64), 3)
    >>> again = Run()
    >>> again.restore(run.state())
    >>> again.update_many([1, 1]).index
    array([1])
    """

    WIDTH: ClassVar[int] = 0
    #: Whether a value stands for two of an event's, so that a boolean, which is one of them, was put in its place.
    CODED: ClassVar[bool] = False

    def __init__(self, reals: NDArray[np.float64], wholes: NDArray[np.int64], *parameters: float) -> None:
        super().__init__()
        self._reals, self._wholes = reals, wholes
        self._parameters = np.array(parameters, np.float64)
        self._made_with = self._parameters.copy()  # those in force may be tuned

    @property
    def width(self) -> int:
        return int(self._wholes.flat[self.WIDTH])

    def update(self, x: float) -> None:
        self._refuse_booleans(x)
        super().update(x)

    def update_many(self, values: ArrayLike) -> Firings:
        self._refuse_booleans(values)
        return super().update_many(values)

    def _refuse_booleans(self, values: ArrayLike) -> None:
        if self.CODED and (found := np.asarray(values)).dtype == np.bool_ and found.size:
            raise TypeError(f"{type(self).__name__} cannot watch {found.flat[0].item()!r} alone: {self._wanted()}")

    def _take(self, values: NDArray[np.float64]) -> Firings:
        index, report, bad = self._run(values)
        if bad >= 0:
            raise ValueError(
                f"value {bad}: {type(self).__name__} cannot watch {float(values[bad])!r}: {self._wanted()}"
            )
        return Firings.of(index, report)

    @abc.abstractmethod
    def _run(self, values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
        """Which values fired, (f,); their before, after, kept and level, (f, 4); -1 or the first that is refused."""

    def _wanted(self) -> str:
        """Which values are watched."""
        return "values lie between 0 and 1"

    def _possible(self, reals: NDArray[np.float64], wholes: NDArray[np.int64]) -> bool:  # noqa: ARG002  # a hook
        """Whether saved arrays of the right shape could be this detector's, so that no kernel leaves its arrays."""
        return True

    def state(self) -> dict[str, Any]:
        arrays = {name: getattr(self, f"_{name}").copy() for name in ARRAYS}
        arrays["made_with"] = self._made_with.copy()
        return {**arrays, "drift_detected": self._drift_detected, "warning_detected": self._warning_detected}

    def restore(self, state: dict[str, Any]) -> None:
        for name in ARRAYS:
            mine, saved = getattr(self, f"_{name}"), state.get(name)
            if saved is None or saved.shape != mine.shape or saved.dtype != mine.dtype or not _is_finite(saved):
                raise StateError(f"{type(self).__name__}: {name} does not fit")
        if not np.array_equal(state.get("made_with", state["parameters"]), self._made_with):
            raise StateError(f"{type(self).__name__}: the state was saved under other parameters")
        if state["wholes"].min(initial=0) < 0 or not self._possible(state["reals"], state["wholes"]):
            raise StateError(f"{type(self).__name__}: the saved counts are not possible")
        self._reals[:], self._wholes[:], self._parameters[:] = state["reals"], state["wholes"], state["parameters"]
        self._drift_detected, self._warning_detected = bool(state["drift_detected"]), bool(state["warning_detected"])


def _is_finite(array: NDArray[Any]) -> bool:
    return bool(np.isfinite(array).all())
