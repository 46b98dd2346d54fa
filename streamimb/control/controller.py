"""The Controller: the only place where sensing turns into acting."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from streamimb.config import ControlConfig
from streamimb.control.binary import cuts_of
from streamimb.control.kinds import ALERTS_AT_MOST, COST_OF_AMOUNTS, TOP_PER_DAY
from streamimb.control.losses import Losses, cost_of
from streamimb.control.many import many_at, tune_many
from streamimb.control.objectives import MANY, parse_objective, tuned_objectives, value_at
from streamimb.control.plan import Plan, smooth
from streamimb.control.scoring import PROBABILITY_MIN, calibrate
from streamimb.control.window import ScoreWindow, alerts_of
from streamimb.errors import ConfigError
from streamimb.learners.base import State
from streamimb.rebalance.weights import class_weights, rules_of
from streamimb.schema import Schema

Floats = NDArray[np.float64]
NOTHING = np.zeros(1, np.float32)
NO_LOSS = np.zeros(0)

#: Decay, a mature event, of the evidence behind the calibration.
CALIBRATION_MEMORY = 0.9999
#: With more than two classes thresholds are tuned at every so many renewals: the search is a hundred times dearer.
MANY_TUNE_EVERY = 4
#: With more than two classes a class's threshold is tuned where the window holds so many of its events.
TUNED_EVENTS_MIN = 5
#: Thresholds stay this far from 0 and 1.
THRESHOLD_MIN = 1e-6
#: Present shares are never taken for less: the logarithm of a vanished class's share must stay finite.
SHARE_MIN = 1e-6


class Controller:
    """Reads what was sensed, writes the Plan.

    ``observe`` takes mature events as they come; ``renew`` makes the next Plan from the class counts of a window.

    >>> from streamimb.schema import Feature, Label
    >>> schema = Schema(features=[Feature(name="amount")], label=Label(classes=["legit", "fraud"]))
    >>> controller = Controller(schema, ControlConfig(weights="inverse_frequency"), "f1", events_max=10_000)
    >>> rng, events = np.random.default_rng(1), np.arange(2_000)
    >>> y = (rng.random(2_000) < 0.1).astype(np.int16)
    >>> log_odds = rng.normal(2.0 * y - 1.0)
    >>> raw = np.stack([-log_odds / 2, log_odds / 2], axis=1).astype(np.float32)
    >>> controller.observe(raw, y, events, np.zeros(2_000, np.int16))
    >>> counts = np.bincount(y, minlength=2)
    >>> plan = controller.renew(counts, counts.astype(float), window_events=2_000, at_once=True)
    >>> plan.weights.round(2), plan.shares.round(2), plan.thresholds.round(2)
    (array([0.55, 3.  ]), array([0.91, 0.09]), array([0.98, 0.02]))
    """

    def __init__(
        self, schema: Schema, config: ControlConfig, objective: str, *, events_max: int, cost: str | None = None
    ) -> None:
        self._config, self._k, self._positive = config, schema.n_classes, schema.positive
        self.objectives = tuned_objectives(parse_objective(objective), self._k, has_time=schema.has_time)
        self._tuned = config.threshold == "tuned"
        n = len(self.objectives)
        self._objectives = np.array([[o.kind, o.a, o.b] for o in self.objectives], np.float64)
        self._budgets = [i for i, o in enumerate(self.objectives) if o.kind in (ALERTS_AT_MOST, TOP_PER_DAY)]
        self._room = np.zeros(2), np.zeros((n, 2)), np.zeros((n, 2), np.int64)  # used again
        self._rules = rules_of(schema.class_names, config)
        self._costs, self._has_time = _costs(schema, config, self._rules), schema.has_time
        amounts = cost_of(self.objectives[0], cost)
        key = "control.objective" if amounts == self.objectives[0] else "evaluation.cost"
        self.losses = Losses(schema, amounts, key)
        self.scores = ScoreWindow(
            self._k, self._positive, events_max, len(self.objectives), by_amount=self._k == 2 and self.losses.by_amount
        )
        self.scratch = np.zeros(self._k)
        self._fit = np.zeros((2, max(self._k + 1, 3)))
        self._fit[0, 0] = 1.0
        even = np.full(self._k, 1 / self._k)
        start = self.objectives[0].start if self._tuned else float(config.threshold)
        self.plan = Plan(
            number=0, weights=np.ones(self._k), thresholds=self._thresholds(start), shares=even, trained_shares=even,
            temperature=1.0, bias=np.zeros(self._k), cuts=np.array([o.start for o in self.objectives]),
            corrects_prior=config.prior_correction,
        )  # fmt: skip
        self._parameters = self.plan.parameters()
        #: The first position whose event was predicted under these objectives: from it on what they would have decided
        #: is counted.
        self.since = 0
        self._awaits_losses = False  # thresholds are another objective's until enough events have come with losses
        self._pin = math.nan
        self._own = self.plan.thresholds  # as they would be without the pin

    @property
    def pinned(self) -> float | None:
        """The threshold of the positive class that a person set, or None."""
        return None if math.isnan(self._pin) else self._pin

    @property
    def fixed(self) -> float | None:
        """The positive class's threshold where the objective does not say it: pinned, or of the configuration."""
        if self.pinned is not None or self._tuned or self._k > 2:
            return self.pinned
        return float(self._config.threshold)

    def pin(self, threshold: float | None) -> None:
        """Hold the positive class's threshold at a value, whatever the objective says; None lets it go at once.

        With more than two classes the others keep their proportions.
        """
        self._pin = math.nan if threshold is None else threshold
        self._put(replace(self.plan, thresholds=self._own))

    def _put(self, plan: Plan) -> None:
        self._own = plan.thresholds
        if not math.isnan(self._pin):
            thresholds = plan.thresholds * (1 - self._pin) / (1 - plan.thresholds[self._positive])
            thresholds[self._positive] = self._pin
            plan = replace(plan, thresholds=self._thresholds(self._pin) if self._k == 2 else thresholds)
        self.plan, self._parameters = plan, plan.parameters()

    @property
    def parameters(self) -> Floats:
        """The present Plan as the scoring kernel reads it."""
        return self._parameters

    def _thresholds(self, cut: float) -> Floats:
        if self._k > 2:
            return np.full(self._k, 1 / self._k)
        thresholds = np.full(2, 1 - cut)
        thresholds[self._positive] = cut
        return thresholds

    def observe(
        self, raw: NDArray[np.float32], y: NDArray[np.int16], time: NDArray[np.int64], shadows: NDArray[np.int16],
        loss: NDArray[np.float64] = NO_LOSS,
    ) -> None:  # fmt: skip
        """Take in mature events: their scores from before the prior correction, labels, and losses (``losses.of``).

        shadows: what each objective would have decided, a bit each; -1 of an event before ``since``.

        Raises ValueError where the objective is a cost of amounts and not every event has its loss.
        """
        self.scores.push(raw, y, time, shadows, loss)
        if self._config.calibration:
            calibrate(raw, y, self._parameters, self._fit, self.scratch, CALIBRATION_MEMORY)

    def renew(self, counts: NDArray[np.int64], trained: Floats, *, window_events: int, at_once: bool) -> Plan:
        """Make the next Plan.

        counts: int64 (K,), the classes of recent mature events; trained: float64 (K,), the decayed weight of what each
        class taught; window_events: how many of the latest mature events thresholds are tuned on; at_once: a drift was
        detected, so nothing of the old weights is kept.
        """
        old, total = self.plan, counts.sum()
        self.scores.keep(window_events)
        weights, fades = old.weights, not self.objectives[0].is_of_all
        if total:
            weights = class_weights(counts, self._config, self._costs, self._rules, fades=fades)
        kept = 0.0 if at_once or old.number == 0 else self._config.smoothing
        made = np.empty((4, self._k))
        smooth(old.weights, weights, kept, counts, trained, self._fit, SHARE_MIN, made)
        weights, shares, trained_shares, bias = made
        temperature = float(self._fit[0, 0])
        thresholds, cuts = self._tune(old, shares, temperature, bias, counts)
        plan = Plan(
            number=old.number + 1, weights=weights, thresholds=thresholds, shares=shares, trained_shares=trained_shares,
            temperature=temperature, bias=bias, cuts=cuts, corrects_prior=self._config.prior_correction,
        )  # fmt: skip
        self._put(plan)
        return self.plan

    def forget(self) -> None:
        """Another learner is in force: scores and calibration of the old one say nothing of it."""
        self.scores.keep(0)
        self._fit[:] = 0.0
        self._fit[0, 0] = 1.0

    def inherit(self, old: Controller) -> None:
        """Go on from a controller of fewer classes, the first of these, or of another positive class.

        Scores, calibration, weights and the pin go over. The thresholds of fewer classes say nothing of these: they are
        tuned at the next renewal. What objectives would have decided is counted anew.
        """
        k, more = old._k, self._k - old._k
        raw, y, time = old.scores.contents()
        absent = np.full((len(y), more), math.log(PROBABILITY_MIN), np.float32)
        self.scores.push(np.hstack([raw, absent]), y, time, np.full(len(y), -1, np.int16), NO_LOSS)
        self._fit[:, : k + 1] = old._fit[:, : k + 1]
        self._fit[0, k + 1 :] = old._fit[0, 1 : k + 1].min()  # rare as it is, until its own events say otherwise
        if k == 2 < self._k:  # its curvature has a term for both classes, and one of the temperature with them
            self._fit[1, 1:3] = old._fit[1, 2]
        self._pin, number, thresholds = old._pin, old.plan.number, self.plan.thresholds
        if more:
            number += MANY_TUNE_EVERY - 1 - number % MANY_TUNE_EVERY
        elif self._k > 2:
            thresholds = old._own
        weights = np.append(old.plan.weights, np.ones(more))
        self._put(replace(self.plan, number=number, weights=weights, thresholds=thresholds))

    def is_ready(self, counts: NDArray[np.int64]) -> bool:
        """Whether enough events of two classes are known to tune thresholds on; counts: int64 (K,)."""
        least = self._config.tune_rarest
        return bool(sum(n >= least for n in counts.tolist()) > 1)

    def _tune(
        self, old: Plan, shares: Floats, temperature: float, bias: Floats, counts: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Thresholds (K,) and cuts (S,) of the Plan after ``old``, under its shares and calibration."""
        ready = self.is_ready(counts)
        if self._awaits_losses:
            if self.scores.histogram.sum(axis=1).min() < self._config.tune_rarest:
                return old.thresholds, old.cuts
            self._awaits_losses = False
        if self._k == 2:
            cuts = self._cuts(shares, temperature, bias, ready=ready)
            return self._thresholds(float(cuts[0]) if self._tuned else float(self._config.threshold)), cuts
        if not self._tuned or (old.number + 1) % MANY_TUNE_EVERY:
            return self._own, old.cuts
        return self._tune_many(shares, temperature, bias, ready=ready), old.cuts

    def _cuts(self, shares: Floats, temperature: float, bias: Floats, *, ready: bool) -> Floats:
        """The best cuts on the scores that are held; while too few events of the rarest class are known, cuts between
        one half and the share of the class.
        """
        cuts, p = np.empty(len(self.objectives)), self._positive
        odds = 0.0  # the present shares' part of the score
        if self._config.prior_correction:
            odds = math.log(shares[p]) - math.log(shares[1 - p])
        tuned = ready and cuts_of(
            self.scores.histogram, self.scores.amounts, self._table(), float(shares[p]), temperature, odds,
            float(bias[p]), float(bias[1 - p]), THRESHOLD_MIN, cuts, *self._room,
        )  # fmt: skip
        if not tuned:
            guessed = [1 / (1 + math.exp(-o.prior_power * odds)) if o.prior_power else o.start for o in self.objectives]
            cuts[:] = [min(max(cut, THRESHOLD_MIN), 1 - THRESHOLD_MIN) for cut in guessed]
        return cuts

    def _table(self) -> Floats:
        """Kind and two numbers of each objective, float64 (S, 3); a day's budget is a count over the window."""
        for i in self._budgets:
            days = self.scores.days()
            self._objectives[i, 1:] = (self.objectives[i].a * days if np.isfinite(days) else 0.0), 0.0
        return self._objectives

    def _tune_many(self, shares: Floats, temperature: float, bias: Floats, *, ready: bool) -> Floats:
        chosen = self.objectives[0]
        logs = chosen.prior_power * np.log(shares)
        logs -= logs.max()
        if ready:
            raw, y, _ = self.scores.contents()
            u = temperature * (raw + self._put_in(shares)) + bias
            tune_many((u - u.max(axis=1, keepdims=True)).astype(np.float64), y, chosen.kind, TUNED_EVENTS_MIN, logs)
        thresholds = np.exp(logs - logs.max())
        return np.asarray(np.maximum(thresholds / thresholds.sum(), THRESHOLD_MIN), np.float64)

    def _put_in(self, shares: Floats) -> Floats:
        return np.log(shares) if self._config.prior_correction else np.zeros(self._k)

    def shown(self, confusion: NDArray[np.int64], alerts_per_day: float = math.nan) -> dict[str, dict[str, float]]:
        """What each objective would have decided; confusion: int64 (K, K), what was decided.

        Threshold now, value, recall and precision of the positive class, alerts on a complete day (as the queue counts
        days), and what an event would have cost. For two classes over all mature events; for more the chosen
        objective's so, with the queue's ``alerts_per_day``, and the others' over the newer half of the recent events,
        with thresholds tuned on the older half.
        """
        if self._k > 2:
            return self._shown_many(confusion, alerts_per_day)
        scores, told = self.scores, {}
        alerts = scores.alerts_per_day().tolist() if self._has_time else [math.nan] * len(self.objectives)
        for i, o in enumerate(self.objectives):
            counts, lost = scores.confusion[i], float(scores.lost[i])
            row = {"threshold": float(self.plan.cuts[i]), **value_at(o, counts, lost), "alerts_per_day": alerts[i]}
            told[o.name] = row | {"cost": self._cost(counts, lost)}
        return told

    def _shown_many(self, confusion: NDArray[np.int64], alerts_per_day: float) -> dict[str, dict[str, float]]:
        chosen, positive = self.objectives[0], self._positive
        threshold = float(self.plan.thresholds[positive])
        told = {chosen.name: many_at(chosen.kind, confusion, positive, threshold, alerts_per_day)}
        raw, y, time = self.scores.contents()
        u = (self.plan.temperature * (raw + self._put_in(self.plan.shares)) + self.plan.bias).astype(np.float64)
        half = len(y) // 2
        for objective in (parse_objective(name) for name in MANY if name != chosen.name):
            logs = objective.prior_power * np.log(self.plan.shares)
            logs -= logs.max()
            if half:
                tune_many(u[:half].copy(), y[:half].copy(), objective.kind, TUNED_EVENTS_MIN, logs)
            decided = (u[half:] - logs).argmax(axis=1)
            table = np.zeros_like(confusion)
            np.add.at(table, (y[half:], decided), 1)
            thresholds = np.exp(logs - logs.max())
            alerts = alerts_of(time[half:], decided == positive) if self._has_time else math.nan
            told[objective.name] = many_at(
                objective.kind, table, positive, float(thresholds[positive] / thresholds.sum()), alerts
            )
        return told

    def _cost(self, confusion: NDArray[np.int64], lost: float) -> float:
        if self.losses.name is None or self._k > 2 or not confusion.sum():
            return float("nan")
        if not self.losses.by_amount:
            lost = float(confusion[0, 1] * self.losses.one(NOTHING, 1 - self._positive))
            lost += float(confusion[1, 0] * self.losses.one(NOTHING, self._positive))
        return float(lost / confusion.sum())

    def state(self) -> State:
        return {
            "scores": self.scores.state(),
            "losses": self.losses.state(),
            "fit": self._fit.copy(),
            "plan": self.plan.state(),
            "objectives": [o.name for o in self.objectives],
            "threshold": self._config.threshold,
            "since": self.since,
            "awaits_losses": self._awaits_losses,
            "pin": self._pin,
            "own": self._own.copy(),
        }

    def restore(self, state: State, position: int = 0) -> bool:
        """Go on from a saved state; True where it decides by another rule from now on.

        position: of the next event. A state of another objective or cost is taken over: its thresholds stay until the
        next tuning, on the scores that it kept (for a cost of amounts, on those of events that come from now on), and
        what objectives would have decided is counted from here on. A fixed threshold holds at once. Raises StateError.
        """
        names = [o.name for o in self.objectives]
        self._fit[:] = state["fit"]
        self.plan = Plan.from_state(state["plan"])
        self.losses.restore(state["losses"])
        self.since, self._awaits_losses = int(state["since"]), bool(state["awaits_losses"])
        if state["objectives"] == names and self.losses.is_of(state["losses"]):
            self.scores.restore(state["scores"])
        else:
            self.scores.take_over(state["scores"])
            self._change_objectives(state["objectives"], position)
        own, another_threshold = state["own"].copy(), state["threshold"] != self._config.threshold
        if another_threshold and not self._tuned and self._k == 2:
            own = self._thresholds(float(self._config.threshold))
        self._pin = float(state["pin"])
        self._put(replace(self.plan, thresholds=own))
        return another_threshold or bool(state["objectives"][0] != names[0])

    def _change_objectives(self, before: list[str], position: int) -> None:
        cuts = dict(zip(before, self.plan.cuts.tolist(), strict=True))
        self.plan = replace(self.plan, cuts=np.array([cuts.get(o.name, o.start) for o in self.objectives]))
        self.since = position
        self._awaits_losses = self.objectives[0].kind == COST_OF_AMOUNTS
        if self._awaits_losses:
            self.scores.keep(0)


def _costs(schema: Schema, config: ControlConfig, rules: list[str]) -> Floats | None:
    unknown = sorted(set(config.costs) - set(schema.class_names))
    if unknown:
        raise ConfigError(f"control.costs: {unknown[0]!r} is none of the classes {', '.join(schema.class_names)}")
    if "cost" not in rules:
        return None
    if not config.costs:
        raise ConfigError("control.costs: weights = 'cost' needs the cost of missing each class")
    costs = np.array([config.costs.get(name, 1.0) for name in schema.class_names])
    if not costs.any():
        raise ConfigError("control.costs: the cost of missing any class is 0: give one that matters a cost above 0")
    return costs
