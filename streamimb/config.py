"""The configuration: every key with its default and its bounds, in one place."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from streamimb.event_config import COUNT_MAX as COUNT_MAX
from streamimb.event_config import LabelConfig as LabelConfig
from streamimb.event_config import NotNegative as NotNegative
from streamimb.event_config import Positive as Positive
from streamimb.event_config import TimeConfig as TimeConfig
from streamimb.schema import LIVE, Schema, Strict
from streamimb.service_config import (
    BudgetConfig,
    ClientSettings,
    HttpConfig,
    LogConfig,
    OutputConfig,
    SourceConfig,
    StateConfig,
)

#: Tables that only a service reads: they shape no state, and what is secret of them is written nowhere.
SERVICE_TABLES: Final = ("kafka", "source", "state", "output", "http", "budget", "log")
#: Events that a sliding window holds at most: some tens of bytes each, two classes' scores among them.
WINDOW_EVENTS_MAX: Final = 10_000_000
#: Threads of a learner at most.
THREADS_MAX: Final = 64
#: False alarms a week that may be asked for: one in nineteen years, ...
PAGES_A_WEEK_MIN: Final = 1e-3
#: ... and one a minute.
PAGES_A_WEEK_MAX: Final = 10_080
#: A missed event of one class may cost so much more than one of another.
COST_MAX: Final = 1e9

WindowEvents = Annotated[int, Field(gt=0, le=WINDOW_EVENTS_MAX)]
Share = Annotated[float, Field(gt=0, lt=1)]
PagesAWeek = Annotated[float, Field(ge=PAGES_A_WEEK_MIN, le=PAGES_A_WEEK_MAX)]
#: The keys by which each detector is tuned, beside those that any takes.
DETECTOR_KEYS: Final = {
    "scan": ("setting", "pages_a_week"),
    "blocks": ("setting", "pages_a_week"),
    "adwin": ("delta", "pages_a_week"),
    "hddm_w": ("delta", "pages_a_week"),
    "share_test": ("pages_a_week",),
}
#: Detectors of streamimb.drift that no pipeline can be told to use: of each, its names and why.
LIBRARY_ONLY: Final = {
    "linear four rates": (("lfr", "linear_four_rates"), "labels beside decisions of both classes", "20,000"),
    "PAUC-Page-Hinkley": (("pauc_ph", "pauc_page_hinkley", "pauc"), "scores beside labels", "3,000"),
}
#: What is done about a signal: nothing; shorten windows and re-weight; also try a new learner; or forget.
Answer = Literal["tell", "adjust", "replace", "reset"]
Rule = Literal["adaptive", "inverse_frequency", "effective_number", "cost", "oob", "uob", "hybrid", "none"]


class LimitsConfig(Strict):
    """What an event may be at most; beyond it, the event is refused."""

    #: Bytes of an event as it was sent.
    event_bytes_max: Annotated[Positive, LIVE] = 1_048_576
    #: Fields of an event, those that the contract does not name included.
    fields_max: Annotated[Positive, LIVE] = 1_000
    #: A number's absolute value; features are float32.
    number_abs_max: Annotated[float, Field(gt=0, le=3.4e38), LIVE] = 3.4e38


class WindowConfig(Strict):
    """The sliding windows that class shares and quality are read from."""

    #: The ``rarest`` window is as long as it must be to hold so many events of the rarest class.
    rarest: WindowEvents = 200
    #: The least length of the ``rarest`` window.
    events_min: WindowEvents = 1_000
    #: The greatest length of the ``rarest`` window.
    events_max: WindowEvents = 50_000
    #: Length of the plain window beside it.
    events: WindowEvents = 500
    #: Length of a window of event time, if one is wanted, as ``1d``.
    time: str | None = None
    #: Factor by which the decayed class sizes shrink an event.
    decay: Share = 0.999


class ControlConfig(Strict):
    """How sensing becomes acting: class weights, corrections, thresholds.

    ``adaptive``: inverse frequency; of two classes, if the objective is about one (F1, costs, bounds, alerts), fading
    below a share of 0.05. ``oob``, ``uob``, ``hybrid`` follow every event, by class sizes decayed by ``size_decay``.
    """

    #: Accepted events between two Plans.
    every: Positive = 250
    #: The rule by which lessons are weighted.
    weights: Annotated[Rule, LIVE] = "adaptive"
    #: A rule of its own for a class, by name.
    class_rules: Annotated[dict[str, Rule], LIVE] = Field(default_factory=dict)
    #: No class weighs more, none less than one over it; not set: 100 for cost, oob, uob and hybrid, 3 for the others.
    weight_max: Annotated[float | None, Field(ge=1, le=1e6), LIVE] = None
    #: Share of the old weights that each renewal keeps.
    smoothing: Annotated[float, Field(ge=0, lt=1), LIVE] = 0.5
    #: The beta of ``effective_number``: the nearer to 1, the nearer to inverse frequency.
    effective_beta: Annotated[Share, LIVE] = 0.99
    #: Factor by which the class sizes of ``oob``, ``uob`` and ``hybrid`` shrink an event.
    size_decay: Share = 0.999
    #: Ratio to the largest class that ``hybrid`` raises every class to.
    hybrid_target: Annotated[float, Field(gt=0, le=1), LIVE] = 0.5
    #: What missing each class costs, for ``weights = "cost"``.
    costs: Annotated[dict[str, Annotated[float, Field(ge=0, le=COST_MAX)]], LIVE] = Field(default_factory=dict)
    #: What thresholds are tuned for, as ``f1`` or ``cost:FN=50,FP=1``; a service demands one.
    objective: Annotated[str | None, LIVE] = None
    #: ``tuned`` for the objective, or a fixed one of the positive class.
    threshold: Annotated[Literal["tuned"] | Share, LIVE] = "tuned"
    #: Tune once the ``rarest`` window holds so many events of each class.
    tune_rarest: Annotated[Positive, LIVE] = 20
    #: Take the shares trained on out of the scores, and put the present ones in.
    prior_correction: bool = True
    #: Fit scores to what became of recent mature events.
    calibration: bool = True


def _refuse_others_keys(given: DetectorConfig | UnlabelledConfig, table: str) -> None:
    taken = DETECTOR_KEYS.get(given.detector, ())
    for key in ("setting", "pages_a_week", "delta"):
        field = type(given).model_fields.get(key)
        if field is not None and key not in taken and (value := getattr(given, key)) != field.default:
            takes = " and ".join(taken) or "none of the keys that tune others"
            raise ValueError(f"{table}.{key} = {value!r}: the detector {given.detector} takes {takes}")


class DetectorConfig(Strict):
    """A drift detector and what its alarm does.

    ``scan``, this library's own, is tuned from false alarms as they are lived: ``pages_a_week`` or ``setting``. The
    first also tunes ``adwin``, ``hddm_w`` (else: ``delta``) and ``share_test`` (of shares), as a bound: false alarms
    come more rarely. ``ddm_oci`` (recall) is as published. ``LFR`` and ``PAUCPageHinkley`` of streamimb.drift are not
    to be had here: they watch confusion and scores, where a pipeline's detectors are told shares and hits of one class
    at a time; at 1:100 they give a false alarm every 20,000 and every 3,000 events (docs/drift.md).
    """

    _table: ClassVar[str] = "drift.share"
    #: The detector that watches something else, and what.
    _unfit: ClassVar[tuple[str, str]] = ("ddm_oci", "a recall, not a share")

    #: Which detector watches.
    detector: Literal["scan", "adwin", "hddm_w", "ddm_oci", "share_test", "none"] = "scan"
    #: 200,000 events between two false alarms (``sensitive``) or 5,000,000 (``calm``); for ``scan``.
    setting: Literal["sensitive", "calm"] = "sensitive"
    #: So many false alarms a week over all classes at the stream's own rate, with event times; not for ``ddm_oci``.
    pages_a_week: PagesAWeek | None = None
    #: Significance; for ``adwin`` and ``hddm_w``.
    delta: Share = 0.002
    #: Only tell; shorten the windows and re-weight; also try a new learner; or let the learner forget.
    action: Annotated[Answer, LIVE] = "adjust"
    #: Mature events after a drift of a class in which no other is told; what still stands is told at its end.
    cooldown: Annotated[NotNegative, LIVE] = 5_000

    @field_validator("detector", mode="before")
    @classmethod
    def _none_of_the_library_alone(cls, value: object) -> object:
        for name, (spelled, watches, between) in LIBRARY_ONLY.items():
            if isinstance(value, str) and value.lower().replace("-", "_") in spelled:
                why = f"watches {watches}, and at 1:100 gives a false alarm every {between} events (docs/drift.md)"
                raise ValueError(
                    f"{cls._table}.detector = {value!r}: {name} is for the library alone: it {why}; nearest is scan"
                )
        return value

    @model_validator(mode="after")
    def _no_key_of_another_detector(self) -> Self:
        unfit, watches = self._unfit
        if self.detector == unfit:
            raise ValueError(f"{self._table}.detector = {unfit!r}: it watches {watches}")
        _refuse_others_keys(self, self._table)
        return self


class RecallDetectorConfig(DetectorConfig):
    """The detector of recall, with the keys of any: a fall of it is answered by a new learner unless told otherwise."""

    _table: ClassVar[str] = "drift.recall"
    _unfit: ClassVar[tuple[str, str]] = ("share_test", "a share, not a recall")

    #: As of ``drift.share``; here a fall is answered by a trial of a new learner unless told otherwise.
    action: Annotated[Answer, LIVE] = "replace"


class UnlabelledActions(Strict):
    """What is done about each signal that needs no labels, once the events that showed it have matured."""

    #: The share of alerts among decisions moved.
    alert_rate: Annotated[Answer, LIVE] = "tell"
    #: The distribution of scores moved.
    score: Annotated[Answer, LIVE] = "tell"
    #: A feature's share of missing values moved.
    missing: Annotated[Answer, LIVE] = "tell"
    #: A feature's distribution moved.
    feature: Annotated[Answer, LIVE] = "tell"


class UnlabelledConfig(Strict):
    """Signals that need no labels: alerts, scores, each feature's missing values and distribution."""

    #: Whether they are watched.
    detector: Literal["blocks", "none"] = "blocks"
    #: As of the detectors, over all features together.
    setting: Literal["sensitive", "calm"] = "sensitive"
    #: As of the detectors, over all features together.
    pages_a_week: PagesAWeek | None = None
    #: Events after which what moved may be told again.
    cooldown: Annotated[int, Field(ge=0), LIVE] = 20_000
    action: UnlabelledActions = UnlabelledActions()

    @model_validator(mode="after")
    def _no_key_without_a_detector(self) -> Self:
        _refuse_others_keys(self, "drift.unlabelled")
        return self


class DriftConfig(Strict):
    """One detector for each of the two kinds of signal that labels give, and one for those that need none."""

    share: DetectorConfig = DetectorConfig()
    recall: RecallDetectorConfig = RecallDetectorConfig()
    unlabelled: UnlabelledConfig = UnlabelledConfig()


class ReactionConfig(Strict):
    """How much may be done about signals."""

    #: Resets and replacements in an hour of event time (10,000 events); beyond it, only adjusted to.
    resets_per_hour_max: Annotated[int, Field(ge=0, le=1_000), LIVE] = 4
    #: A background learner that was not better after so many lessons is dropped; after ten times as many where the rare
    #: class had fewer than 100 of them.
    trial_lessons_max: Annotated[Positive, LIVE] = 20_000


class UndersampleConfig(Strict):
    """How a majority is thinned out."""

    #: The smallest class's weight as a share of the majority's, once thinned.
    target: Annotated[float, Field(gt=0, le=1)] = 0.2
    #: The least share of a class that is kept.
    keep_min: Share = 0.02
    #: Sub-groups told apart in each class.
    clusters: Annotated[int, Field(ge=1, le=64)] = 8
    #: How much events near the minority are preferred.
    boundary: Annotated[float, Field(ge=0, lt=1)] = 0.5
    #: Kept events weigh what the whole class did (``unbiased``), or what the target leaves of it.
    weigh: Literal["target", "unbiased"] = "target"


class SmoteConfig(Strict):
    """How a minority is filled up with synthetic events."""

    #: The weight that a class should come to, as a share of the largest class's.
    target: Annotated[float, Field(gt=0, le=1)] = 0.5
    #: Buffered events of its class that an event is mixed with.
    neighbours: Annotated[int, Field(ge=1, le=50)] = 5
    #: Synthetic events for each real one, at most.
    max_per_event: Annotated[int, Field(ge=1, le=100)] = 10
    #: Taken from the event itself (``base``) or from most of its neighbours (``vote``).
    categorical: Literal["vote", "base"] = "vote"


class CleanConfig(Strict):
    """When the label of a minority event is suspicious, and what it then weighs."""

    #: Buffered events that are asked.
    neighbours: Annotated[int, Field(ge=1, le=50)] = 15
    #: Share of them in other classes from which on a label is suspicious.
    disagree: Annotated[float, Field(gt=0.5, le=1)] = 0.7
    #: Factor of a suspicious event's weight.
    weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    #: Share of a class's events from which on no more are suspected: the class is not what it was.
    suspects_max: Share = 0.6


class ClassSamplesConfig(Strict):
    """A class's own choices; what is not given is as for every class."""

    #: As ``samples.minority``, for this class.
    minority: Literal["none", "smote", "borderline_smote"] | None = None
    #: As ``samples.majority``, for this class.
    majority: Literal["none", "undersample"] | None = None
    #: As ``samples.clean``, for this class.
    clean: bool | None = None


class SamplesConfig(Strict):
    """Which rows are learned in place of the stream's own."""

    #: What is done to a class while it is small.
    minority: Literal["none", "smote", "borderline_smote"] = "none"
    #: What is done to a class while it is large.
    majority: Literal["none", "undersample"] = "none"
    #: Whether suspicious labels of a small class are weighed down.
    clean: bool = False
    #: The same three for single classes, by name.
    classes: dict[str, ClassSamplesConfig] = Field(default_factory=dict)
    #: Features that synthetic events take over as they are.
    fixed: tuple[str, ...] = ()
    #: Lowest and highest value of a feature in synthetic events.
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    #: Events of each class that are kept to compare with.
    buffer: Annotated[int, Field(ge=10, le=100_000)] = 300
    #: Factor by which the decayed class sizes shrink an event.
    decay: Share = 0.999
    undersample: UndersampleConfig = UndersampleConfig()
    smote: SmoteConfig = SmoteConfig()
    cleaning: CleanConfig = CleanConfig()


class LearnerConfig(Strict):
    """The model."""

    #: ``blend``, ``linear``, ``tree``, ``forest``, or a river classifier by its dotted path.
    model: str = "blend"
    #: The model's own parameters, by name.
    parameters: dict[str, Any] = Field(default_factory=dict)
    #: Every random choice of the pipeline is drawn from this.
    seed: NotNegative = 1
    #: Cores that share a batch's work on a blend or a forest; it changes no result.
    threads: Annotated[int, Field(ge=1, le=THREADS_MAX), LIVE] = 1


class EvaluationConfig(Strict):
    """How often quality is measured, and how its intervals are made."""

    #: Accepted events between two measurements.
    every: Annotated[Positive, LIVE] = 5_000
    #: Intervals hold the truth so often.
    confidence: Annotated[Share, LIVE] = 0.95
    #: Replicates of intervals that need a bootstrap.
    bootstrap_replicates: Annotated[int, Field(ge=20, le=10_000), LIVE] = 200
    #: Bins of the reliability diagram.
    calibration_bins: Annotated[int, Field(ge=2, le=1_000)] = 10
    #: How many times as much as precision recall counts in ``f_beta``.
    beta: Annotated[float, Field(gt=0, le=100), LIVE] = 2.0
    #: Alerts that a person can look at in a day; unless set, as the objective says, else 100.
    queue_k: Annotated[Annotated[int, Field(gt=0, le=100_000)] | None, LIVE] = None
    #: Over the last so many days.
    queue_days: Annotated[int, Field(gt=0, le=1_000), LIVE] = 30
    #: What wrong decisions are told to cost, as ``FN=amount,FP=1``; unless set, the objective's.
    cost: Annotated[str | None, LIVE] = None


class Config(Strict):
    """The whole configuration: of a pipeline, and of the service around it, which a replay does not read.

    ``kafka`` holds the client's own settings under their usual names, as ``bootstrap.servers``.
    """

    schema_: Annotated[Schema | None, Field(alias="schema")] = None
    limits: LimitsConfig = LimitsConfig()
    time: TimeConfig = TimeConfig()
    label: LabelConfig = LabelConfig()
    window: WindowConfig = WindowConfig()
    control: ControlConfig = ControlConfig()
    samples: SamplesConfig = SamplesConfig()
    drift: DriftConfig = DriftConfig()
    reaction: ReactionConfig = ReactionConfig()
    learner: LearnerConfig = LearnerConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    kafka: ClientSettings = Field(default_factory=dict)
    source: SourceConfig = SourceConfig()
    state: StateConfig = StateConfig()
    output: OutputConfig = OutputConfig()
    http: HttpConfig = HttpConfig()
    budget: BudgetConfig = BudgetConfig()
    log: LogConfig = LogConfig()
