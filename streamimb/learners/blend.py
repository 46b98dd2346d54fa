"""Several learners as one: the product of their probabilities, each to a power that is learned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from streamimb.config import LearnerConfig
from streamimb.errors import ConfigError, StateError
from streamimb.learners.base import NOBODYS, PREDICT, Learner, State, Tape
from streamimb.learners.blend_kernels import run_blend
from streamimb.learners.parameters import explain
from streamimb.learners.threads import Job, carry_out
from streamimb.learners.trees import TreeEnsemble
from streamimb.schema import Schema, Strict

#: Parts into which a blend divides its trees for each thread: what is left at the end is small.
PARTS_A_THREAD = 2
#: Members of a blend.
MEMBERS_MAX = 8
#: The default blend's forest is faster than one alone, and better in a blend on real streams (docs/trees.md).
FOREST_IN_BLEND: dict[str, Any] = {"surety": 6.0, "features": 0.7, "subspace": "leaf"}


class MemberParameters(Strict):
    """One member: its model and that model's parameters."""

    #: Any but ``blend``.
    model: str
    #: That model's own parameters, by name.
    parameters: dict[str, Any] = Field(default_factory=dict)


class BlendParameters(Strict):
    """Parameters of :class:`BlendClassifier`."""

    #: What is blended.
    members: Annotated[tuple[MemberParameters, ...], Field(min_length=1, max_length=MEMBERS_MAX)] = (
        MemberParameters(model="linear"),
        MemberParameters(model="forest", parameters=FOREST_IN_BLEND),
    )
    #: Lessons after which the powers have forgotten most.
    horizon: Annotated[float, Field(ge=10, le=1e9)] = 1_000.0


class BlendClassifier:
    """A logarithmic opinion pool (Genest and Zidek, Statistical Science 1986) with powers learned online.

    The blend's probability of class k is proportional to the product over members m of p_mk^a_m. The powers a_m, which
    begin at 1 / M, follow the blend's weighted log-loss in decayed Newton steps: a member that is wrong loses its say,
    and where members err apart the powers may add up to more than one. Members learn the same lessons.

    Raises ConfigError for a parameter that is unknown or out of bounds, and what the members raise.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> from streamimb.learners.registry import make_learner
    >>> blend = make_learner(schema, LearnerConfig(model="blend"))
    >>> blend.powers.tolist()
    [0.5, 0.5]
    """

    def __init__(
        self,
        schema: Schema,
        make: Callable[[Schema, LearnerConfig], Learner],
        *,
        seed: int = 1,
        threads: int = 1,
        **parameters: Any,
    ) -> None:
        try:
            self.parameters = BlendParameters(**parameters)
        except ValidationError as error:
            raise ConfigError(explain(error, BlendParameters, "learner.parameters")) from None
        nested = [m.model for m in self.parameters.members if m.model == "blend"]
        if nested:
            raise ConfigError("learner.parameters.members: a blend cannot be a member of a blend")
        self._schema, self._make, self._seed = schema, make, seed
        self._k, self.threads = schema.n_classes, threads
        self.members = self._made()
        self._begin()

    def _made(self) -> list[Learner]:
        """Members that have learned nothing."""
        return [
            self._make(
                self._schema,
                LearnerConfig(model=m.model, parameters=m.parameters, seed=self._seed, threads=self.threads),
            )
            for m in self.parameters.members
        ]

    @property
    def notes(self) -> list[str]:
        """What the members found out at their start."""
        return [note for member in self.members for note in getattr(member, "notes", [])]

    def _begin(self) -> None:
        m = len(self.members)
        self.powers = np.full(m, 1.0 / m)
        self._curvature = np.zeros(m)
        self._last, self._last_event = np.zeros((m, self._k)), np.full(1, -1, np.int64)

    def reset(self, cause: str) -> None:
        """Forget all that was learned."""
        for member in self.members:
            member.reset(cause)
        self._begin()

    def run(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        told = np.stack(self._ask(X, y, tape, weights), axis=1)
        out = np.empty((int(np.count_nonzero(tape.kinds == PREDICT)), self._k))
        last, last_event = self._last, self._last_event
        if (tape.events == NOBODYS).all():  # no lesson follows these: the event that one may follow stays remembered
            last, last_event = last.copy(), last_event.copy()
        run_blend(
            tape.kinds, tape.events, tape.rows, y, tape.lesson_weights(y, weights), told,
            1.0 - 1.0 / self.parameters.horizon, self.powers, self._curvature, last, last_event,
            np.empty(self._k), out,
        )  # fmt: skip
        return out

    def _ask(
        self, X: NDArray[np.float32], y: NDArray[np.int16], tape: Tape, weights: NDArray[np.float64]
    ) -> list[NDArray[np.float64]]:
        """What each member predicts: where there are threads, whole members first, then parts of the trees."""
        if self.threads == 1:
            return [member.run(X, y, tape, weights) for member in self.members]
        found: dict[int, NDArray[np.float64]] = {}
        whole: list[Job] = []
        parts: list[Job] = []
        finish = {}
        for i, member in enumerate(self.members):
            if isinstance(member, TreeEnsemble):
                jobs, finish[i] = member.divide(X, y, tape, weights, PARTS_A_THREAD * self.threads)
                parts += jobs
            else:
                whole.append(partial(_note, found, i, member, X, y, tape, weights))
        carry_out(whole + parts, self.threads)
        return [finish[i]() if i in finish else found[i] for i in range(len(self.members))]

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "powers": self.powers,
            "curvature": self._curvature,
            "last": self._last,
            "last_event": self._last_event,
        }

    def state(self) -> State:
        return {
            **{f"{i}.{key}": v for i, member in enumerate(self.members) for key, v in member.state().items()},
            **{name: array.copy() for name, array in self._arrays().items()},
        }

    def restore(self, state: State) -> None:
        for name, array in self._arrays().items():
            saved = state.get(name)
            if not isinstance(saved, np.ndarray) or saved.shape != array.shape or saved.dtype != array.dtype:
                raise StateError(f"blend: the saved {name} does not fit a blend of these members and classes")
            if not np.isfinite(saved).all():
                raise StateError(f"blend: the saved {name} holds values that are not finite")
            if saved.min() < (NOBODYS if name == "last_event" else 0):
                raise StateError(f"blend: the saved {name} holds values below the least that is possible")
        members = self._made()  # others, so that where the state of one does not fit this blend stays as it is
        for i, member in enumerate(members):
            member.restore({key.partition(".")[2]: v for key, v in state.items() if key.startswith(f"{i}.")})
        self.members = members
        for name, array in self._arrays().items():
            array[:] = state[name]


def _note(found: dict[int, NDArray[np.float64]], i: int, member: Learner, *tape: Any) -> None:
    """Let a member carry out a tape, and note what it predicts."""
    found[i] = member.run(*tape)
