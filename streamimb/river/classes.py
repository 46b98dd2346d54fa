"""The classes of a river estimator: what counts as a label, what the model is told instead, which one is positive."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sized
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streamimb.config import COUNT_MAX
from streamimb.errors import ConfigError
from streamimb.schema import CLASSES_MAX

if TYPE_CHECKING:
    import pandas as pd

#: Labels after which the rarest class is taken for the positive one, for good.
GUESS_LABELS: Final = 1_000
#: Where a model knows no more than False and True, or an objective is for two classes.
TWO_CLASSES: Final = 2


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none: None, NaN, or pandas' NA and NaT.

    >>> is_missing(None), is_missing(np.float32("nan")), is_missing(0.0), is_missing("")
    (True, True, False, False)
    """
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    kind = type(value)  # asked by name: pandas is imported where there is a frame only
    return kind.__module__.startswith("pandas.") and kind.__name__ in ("NAType", "NaTType")


def checked_label(y: Any) -> Hashable:
    """The label as a plain bool, whole or finite real number, or text.

    Raises ValueError where it is missing or not finite, TypeError where it is of another kind.

    >>> checked_label(np.str_("fraud")), checked_label(np.bool_(True)), checked_label(3)
    ('fraud', True, 3)
    """
    label = y.item() if isinstance(y, np.generic) else y
    if is_missing(label):
        raise ValueError(f"label: {y!r}: a missing label cannot be learned: leave the event out")
    if isinstance(label, float) and math.isinf(label):
        raise ValueError(f"label: {y!r} is not finite")
    if not isinstance(label, bool | int | float | str):
        raise TypeError(f"label: {y!r} is a {type(y).__name__}: a label is a bool, a number or text")
    return label


def require_none(unknown: Mapping[str, Any]) -> None:
    """Refuse keyword arguments, which river wants its wrappers' methods to take: one misspelt would pass unseen.

    Raises TypeError.
    """
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {next(iter(unknown))!r}; a lesson's weight is w")


def checked_weight(w: Any) -> float:
    """A lesson's weight. Raises ValueError where it is negative or not finite, TypeError where it is no number."""
    if isinstance(w, str) or not isinstance(w, int | float | np.number):
        raise TypeError(f"w: {w!r} is a {type(w).__name__}: a weight is a number")
    if not 0.0 <= w < math.inf:
        raise ValueError(f"w: {w!r}: a weight is 0 or more, and finite")
    return float(w)


def checked_weights_of(X: pd.DataFrame, w: Any) -> list[float]:
    """The weights of a frame's rows: one for all, or a column of them, taken in order.

    Raises what ``checked_weight`` does of one of them, and ValueError where there are more or fewer than rows.
    """
    if is_frame(w):
        raise TypeError("w: one weight or a pandas Series is wanted, not a DataFrame")
    if isinstance(w, str | dict) or np.ndim(w) == 0 or not isinstance(w, Iterable) or not isinstance(w, Sized):
        return [checked_weight(w)] * len(X)
    if len(w) != len(X):
        raise ValueError(f"w: {len(w)} weights for {len(X)} rows of X")
    return [checked_weight(weight) for weight in w]


def checked_seed(seed: Any) -> int:
    """The seed itself. Raises ConfigError where it is no whole number from 0 to COUNT_MAX.

    There is no None as in river, which would draw one: the same seed gives the same result, and no seed is random.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= COUNT_MAX:
        raise ConfigError(f"seed: {seed!r} is not a whole number from 0 to {COUNT_MAX:,}")
    return int(seed)


def is_frame(value: Any) -> bool:
    """Whether it is a pandas frame, which as a sequence would be its columns' names."""
    kind = type(value)
    return kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame"


def checked_frame(X: Any) -> pd.DataFrame:
    """X itself. Raises TypeError where it is no pandas frame."""
    import pandas as pd

    if not isinstance(X, pd.DataFrame):
        kind = f"{type(X).__module__.partition('.')[0]}.{type(X).__name__}"
        raise TypeError(f"X: a pandas DataFrame is wanted, not a {kind}: its columns name the features")
    return X


def checked_labels_of(X: pd.DataFrame, y: Any) -> list[Any]:
    """The labels of a frame's rows. Raises TypeError where y is no column of values, ValueError for another length."""
    if isinstance(y, str | dict) or is_frame(y) or not isinstance(y, Iterable) or not isinstance(y, Sized):
        raise TypeError(f"y: a pandas Series is wanted, not a {type(y).__name__}")
    if len(y) != len(X):
        raise ValueError(f"y: {len(y)} labels for {len(X)} rows of X")
    return list(y)


class Classes:
    """Labels by their codes, in order of appearance.

    The positive class is the declared one. Without a declaration it is True where the first label is a boolean; else
    it is the rarest of the classes so far (of equally rare ones the last to appear), guessed anew with each class that
    appears until GUESS_LABELS labels of two classes were seen, and from then on fixed, even where the shares flip.

    two: why there are no more than two classes, if not because of the model; a declared class is one of them.
    binary: the model inside knows False and True only. The positive class is its True as far as that is known when the
    class appears: the declared one, or else the second. Until a label says otherwise its classes are False and True.

    Raises what ``checked_label`` does of a declared class that can be no label.

    >>> classes = Classes(binary=True)
    >>> [classes.take(y) for y in classes.check(["legit", "legit", "fraud"])]
    [0, 0, 1]
    >>> classes.labels, classes.inner, classes.labels[classes.positive]
    (['legit', 'fraud'], [False, True], 'fraud')
    """

    def __init__(self, *, binary: bool, positive: Any = None, two: str = "") -> None:
        self._binary = binary
        self._why_two = "the model tells two classes apart" if binary else two
        self._declared = None if positive is None else checked_label(positive)
        #: The user's names, by code.
        self.labels: list[Hashable] = []
        #: The model's names, by code: the same list unless it is binary.
        self.inner: list[Hashable] = [] if binary else self.labels
        self._codes: dict[Hashable, int] = {}
        self._counts: list[int] = []
        self._seen, self._boolean = 0, False
        self._guess, self._fixed = 0, False
        if binary and (positive is None or isinstance(self._declared, bool)):
            for label in (False, True):
                self._add(label)
            self._boolean = True

    def __contains__(self, label: Hashable) -> bool:
        return label in self._codes

    def check(self, labels: Iterable[Any]) -> list[Hashable]:
        """The labels as they are to be taken, in order; nothing changes.

        Raises ValueError or TypeError where one of them cannot be learned, or there would be too many classes.
        """
        found = [checked_label(y) for y in labels]
        new = dict.fromkeys(y for y in found if y not in self._codes)
        if new:
            self._find_room(found, list(new))
        return found

    def _find_room(self, found: list[Hashable], new: list[Hashable]) -> None:
        presumed = self._seen == 0 and not isinstance(found[0], bool)
        known = dict.fromkeys([] if presumed else self.labels)
        if self._why_two and self._declared is not None:
            known[self._declared] = None
        most = TWO_CLASSES if self._why_two else CLASSES_MAX
        for y in found if presumed else new:
            known[y] = None
            if len(known) > most:
                told = ", ".join(repr(k) for k in list(known)[:-1][:3])
                why = self._why_two or f"at most {most:,} classes are learned"
                raise ValueError(f"label: {y!r} is one class too many beside {told}: {why}")

    def complete_with(self, found: Iterable[Hashable]) -> list[Hashable]:
        """All classes, once labels that were checked are taken, where no other can come any more; else none."""
        if not self._why_two:
            return []
        found = list(found)
        presumed = bool(found) and self._seen == 0 and not isinstance(found[0], bool)
        known = dict.fromkeys([*([] if presumed else self.labels), *found])
        if self._declared is not None:
            known[self._declared] = None
        return list(known) if len(known) == TWO_CLASSES else []

    @property
    def seen(self) -> int:
        """Labels taken so far."""
        return self._seen

    def take(self, label: Hashable) -> int:
        """Count a label that was checked; its code."""
        if self._seen == 0:
            self._begin(label)
        new = label not in self._codes
        if new:
            self._add(label)
        code = self._codes[label]
        self._counts[code] += 1
        self._seen += 1
        if not self._fixed and (new or self._seen == GUESS_LABELS):
            self._guess = min(range(len(self._counts)), key=lambda k: (self._counts[k], -k))
            self._fixed = self._seen >= GUESS_LABELS and len(self._counts) > 1
        return code

    def reversal(self, label: Hashable) -> Callable[[], None]:
        """What, called after the next ``take``, of this label, takes that back: its lesson failed.

        ``labels`` and ``inner`` stay the lists that others hold.
        """
        standing = self._seen, self._boolean, self._guess, self._fixed
        if self._seen and label in self._codes:
            code = self._codes[label]
            count = self._counts[code]

            def take_back() -> None:
                self._counts[code] = count
                self._seen, self._boolean, self._guess, self._fixed = standing

            return take_back
        labels, inner, codes, counts = list(self.labels), list(self.inner), dict(self._codes), list(self._counts)

        def forget() -> None:
            self.labels[:], self.inner[:], self._codes, self._counts = labels, inner, codes, counts
            self._seen, self._boolean, self._guess, self._fixed = standing

        return forget

    def _begin(self, first: Hashable) -> None:
        self._boolean = isinstance(first, bool)
        if not self._boolean:
            for known in (self.labels, self.inner, self._codes, self._counts):
                known.clear()

    def _add(self, label: Hashable) -> None:
        if self._binary:
            declared = label if self._declared is None or isinstance(label, bool) else label == self._declared
            self.inner.append(not self.inner[0] if self.inner else declared is True)
        self._codes[label] = len(self.labels)
        self.labels.append(label)
        self._counts.append(0)

    @property
    def positive(self) -> int:
        """Code of the positive class."""
        sure = True if self._declared is None and self._boolean else self._declared
        return self._codes.get(sure, self._guess)
