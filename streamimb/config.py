"""The configuration: every key with its default and its bounds, in one place."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from streamimb.durations import is_longer
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
#: No count of anything is larger: it fits 64 bits with room for sums.
COUNT_MAX: Final = 10**15
#: Events that a sliding window holds at most: some tens of bytes each, two classes' scores among them.
WINDOW_EVENTS_MAX: Final = 10_000_000
#: A missed event of one class may cost so much more than one of another.
COST_MAX: Final = 1e9

Duration = str | int
#: ``label.wait`` of an event that brings a label known later, where it is not set: the frontier always moves on.
WAIT_DEFAULT: Final = "30d"
WAIT_DEFAULT_EVENTS: Final = 100_000
Positive = Annotated[int, Field(gt=0, le=COUNT_MAX)]
NotNegative = Annotated[int, Field(ge=0, le=COUNT_MAX)]
WindowEvents = Annotated[int, Field(gt=0, le=WINDOW_EVENTS_MAX)]
Share = Annotated[float, Field(gt=0, lt=1)]
#: The keys by which each detector is tuned, beside those that any takes.
DETECTOR_KEYS: Final = {"scan": ("setting", "pages_a_week"), "adwin": ("delta",), "hddm_w": ("delta",)}
Rule = Literal["inverse_frequency", "effective_number", "cost", "oob", "uob", "hybrid", "none"]


class LimitsConfig(Strict):
    """What an event may be at most; beyond it, the event is refused."""

    event_bytes_max: Annotated[Positive, LIVE] = 1_048_576
    fields_max: Annotated[Positive, LIVE] = 1_000
    number_abs_max: Annotated[float, Field(gt=0, le=3.4e38), LIVE] = 3.4e38


class TimeConfig(Strict):
    """What happens to an event whose time is absurdly far ahead of the stream.

    It is treated as if at the watermark (``clamp``) or refused, until ``ahead_confirm`` events in a row agree, each
    within ``ahead_max`` of the one before, that the stream has really moved on. A first event has nothing to be judged
    by: it is put right when as many agree that the stream lies far behind it. Only for streams with event times.
    """

    ahead_max: Annotated[str, LIVE] = "30d"
    ahead: Annotated[Literal["clamp", "refuse"], LIVE] = "clamp"
    ahead_confirm: Annotated[Positive, LIVE] = 10


class LabelConfig(Strict):
    """When labels come, and what becomes of events without one.

    ``delay``: every label is known only so long after its event (a replay of labelled history). ``wait``: so long an
    event waits for its label; then it expires to ``expires_as``, or drops out where that is not given. ``remember``: so
    long after its time an event can still be corrected (default: twice as long as it waits), and at least the last
    ``remember_events`` ids are known again. Without ``wait`` an event that comes without a label drops out at once, and
    one that comes with a label known later waits for it 30 days (100,000 events) at most.
    ``corrections``: whether a correction replaces what evaluation counted. Counts of events where the stream has no
    times.
    """

    delay: Duration | None = None
    wait: Duration | None = None
    expires_as: str | None = None
    remember: Duration | None = None
    remember_events: NotNegative = 10_000
    corrections: Annotated[Literal["replace", "ignore"], LIVE] = "replace"
    waiting_events_max: Annotated[Positive, LIVE] = 1_000_000
    waiting_bytes_max: Annotated[Positive, LIVE] = 1 << 30

    @model_validator(mode="after")
    def _something_waits(self) -> Self:
        if self.expires_as is not None and self.wait is None and self.delay is None:
            raise ValueError(
                f"label.expires_as = {self.expires_as!r} needs label.wait: how long an event waits for a label before "
                "it counts as that class"
            )
        if self.delay is not None and self.wait is not None and is_longer(self.delay, self.wait):
            raise ValueError(
                f"label.delay = {self.delay!r} is longer than label.wait = {self.wait!r}, so that every event would "
                f"expire before its label comes: set label.wait to {self.delay!r} or more"
            )
        return self


class WindowConfig(Strict):
    """The sliding windows that class shares and quality are read from.

    The ``rarest`` window is as long as it must be to hold ``rarest`` events of the rarest class, within ``events_min``
    and ``events_max``; ``events`` and ``time`` are plain windows beside it; ``decay`` is the factor of decayed sizes.
    """

    rarest: WindowEvents = 200
    events_min: WindowEvents = 1_000
    events_max: WindowEvents = 50_000
    events: WindowEvents = 500
    time: str | None = None
    decay: Share = 0.999


class ControlConfig(Strict):
    """How sensing becomes acting.

    ``every``: accepted events between two Plans. ``weights``: the rule by which lessons are weighted; ``class_rules``
    gives a class a rule of its own; ``weight_max`` clamps weights, ``smoothing`` is the share of the old ones that each
    renewal keeps. ``oob``, ``uob`` and ``hybrid`` follow every event, by class sizes decayed by ``size_decay``;
    ``hybrid_target`` is the ratio to the largest class that it raises every class to. ``costs``: cost of missing each
    class, for ``cost``. ``threshold``: ``"tuned"`` for the objective, or a fixed one of the positive class.
    Thresholds are tuned on the scores of the ``rarest`` window once it holds ``tune_rarest`` events of each class.
    """

    every: Positive = 250
    weights: Annotated[Rule, LIVE] = "inverse_frequency"
    class_rules: Annotated[dict[str, Rule], LIVE] = Field(default_factory=dict)
    weight_max: Annotated[float, Field(ge=1, le=1e6), LIVE] = 3.0
    smoothing: Annotated[float, Field(ge=0, lt=1), LIVE] = 0.5
    effective_beta: Annotated[Share, LIVE] = 0.99
    size_decay: Share = 0.999
    hybrid_target: Annotated[float, Field(gt=0, le=1), LIVE] = 0.5
    costs: Annotated[dict[str, Annotated[float, Field(ge=0, le=COST_MAX)]], LIVE] = Field(default_factory=dict)
    objective: Annotated[str | None, LIVE] = None
    threshold: Annotated[Literal["tuned"] | Share, LIVE] = "tuned"
    tune_rarest: Annotated[Positive, LIVE] = 20
    prior_correction: bool = True
    calibration: bool = True


class DetectorConfig(Strict):
    """A drift detector and what its alarm does.

    action: ``tell`` only tells; ``adjust`` shortens the windows and renews the weights at once; ``replace`` also lets
    a learner trained since the warning take over if it is better on the same events; ``reset`` lets the learner forget.

    detector: ``scan``, this library's own, is tuned from false alarms as they are lived: so many ``pages_a_week`` over
    all classes at the stream's own rate (for streams with event times), or the events between two that ``setting``
    stands for: 200,000 when ``sensitive``, 5,000,000 when ``calm``. ``adwin`` and ``hddm_w`` take a significance,
    ``delta``; ``ddm_oci`` (recall) and ``share_test`` (share) are as published. A key of another detector is refused.
    For ``cooldown`` mature events after a drift of a class no other is told of it; what that kept silent and still
    stands is told at its end. ``LFR`` and ``PAUCPageHinkley`` of streamimb.drift are not to be had here: they watch
    confusion and scores, where a pipeline's detectors are told shares and hits of one class at a time.
    """

    _table: ClassVar[str] = "drift.share"

    detector: Literal["scan", "adwin", "hddm_w", "ddm_oci", "share_test", "none"] = "scan"
    setting: Literal["sensitive", "calm"] = "sensitive"
    pages_a_week: Annotated[float, Field(gt=0)] | None = None
    delta: Share = 0.002
    action: Annotated[Literal["tell", "adjust", "replace", "reset"], LIVE] = "adjust"
    cooldown: Annotated[NotNegative, LIVE] = 5_000

    @model_validator(mode="after")
    def _no_key_of_another_detector(self) -> Self:
        taken = DETECTOR_KEYS.get(self.detector, ())
        for key in ("setting", "pages_a_week", "delta") if self.detector != "none" else ():
            value = getattr(self, key)
            if key not in taken and value != type(self).model_fields[key].default:
                takes = " and ".join(taken) or "none of the keys that tune others"
                raise ValueError(f"{self._table}.{key} = {value!r}: the detector {self.detector} takes {takes}")
        return self


class RecallDetectorConfig(DetectorConfig):
    """The detector of recall, with the keys of any: a fall of it is answered by a new learner unless told otherwise."""

    _table: ClassVar[str] = "drift.recall"

    action: Annotated[Literal["tell", "adjust", "replace", "reset"], LIVE] = "replace"


class UnlabelledConfig(Strict):
    """Signals that need no labels: alerts, scores, each feature's missing values and distribution; they only tell.

    ``setting`` and ``pages_a_week`` as of the detectors, over all features together; ``cooldown``: events after which
    what moved may be told again.
    """

    detector: Literal["blocks", "none"] = "blocks"
    setting: Literal["sensitive", "calm"] = "sensitive"
    pages_a_week: Annotated[float, Field(gt=0)] | None = None
    cooldown: Annotated[int, Field(ge=0), LIVE] = 20_000


class DriftConfig(Strict):
    """One detector for each of the two kinds of signal that labels give, and one for those that need none."""

    share: DetectorConfig = DetectorConfig()
    recall: RecallDetectorConfig = RecallDetectorConfig()
    unlabelled: UnlabelledConfig = UnlabelledConfig()


class ReactionConfig(Strict):
    """How much may be done about signals.

    ``resets_per_hour_max``: resets and replacements in an hour of event time (in 10,000 events where there is none);
    what is beyond is only adjusted. ``trial_lessons_max``: a background learner that was not better by then is dropped.
    """

    resets_per_hour_max: Annotated[int, Field(ge=0, le=1_000), LIVE] = 4
    trial_lessons_max: Annotated[Positive, LIVE] = 20_000


class UndersampleConfig(Strict):
    """How a majority is thinned out.

    ``target``: the smallest class's weight as a share of the majority's, once thinned; ``keep_min``: the least share of
    a class that is kept; ``clusters``: sub-groups told apart in each class; ``boundary``: how much events near the
    minority are preferred, from 0 to below 1; ``weigh``: whether kept events weigh what the whole class did
    (``unbiased``) or what the target leaves of it (``target``).
    """

    target: Annotated[float, Field(gt=0, le=1)] = 0.2
    keep_min: Share = 0.02
    clusters: Annotated[int, Field(ge=1, le=64)] = 8
    boundary: Annotated[float, Field(ge=0, lt=1)] = 0.5
    weigh: Literal["target", "unbiased"] = "target"


class SmoteConfig(Strict):
    """How a minority is filled up with synthetic events.

    ``target``: the weight that a class should come to, as a share of the largest class's; ``neighbours``: buffered
    events of its class that an event is mixed with; ``max_per_event``: synthetic ones for each real one, at most;
    ``categorical``: taken from the event itself (``base``) or from most of its neighbours (``vote``).
    """

    target: Annotated[float, Field(gt=0, le=1)] = 0.5
    neighbours: Annotated[int, Field(ge=1, le=50)] = 5
    max_per_event: Annotated[int, Field(ge=1, le=100)] = 10
    categorical: Literal["vote", "base"] = "vote"


class CleanConfig(Strict):
    """When the label of a minority event is suspicious, and what it then weighs.

    ``neighbours``: buffered events that are asked; ``disagree``: share of them in other classes from which on a label
    is suspicious; ``weight``: factor of a suspicious event's weight; ``suspects_max``: share of a class's events from
    which on no more are suspected, since then the class is not what it was.
    """

    neighbours: Annotated[int, Field(ge=1, le=50)] = 15
    disagree: Annotated[float, Field(gt=0.5, le=1)] = 0.7
    weight: Annotated[float, Field(ge=0, lt=1)] = 0.0
    suspects_max: Share = 0.6


class ClassSamplesConfig(Strict):
    """A class's own choices; what is not given is as for every class."""

    minority: Literal["none", "smote", "borderline_smote"] | None = None
    majority: Literal["none", "undersample"] | None = None
    clean: bool | None = None


class SamplesConfig(Strict):
    """Which rows are learned in place of the stream's own.

    ``minority``: what is done to a class while it is small; ``majority``: while it is large; ``clean``: whether
    suspicious labels of a small class are weighed down; ``classes``: the same for single classes by name. ``fixed``:
    features that synthetic events take over as they are; ``bounds``: lowest and highest value of a feature in them.
    ``buffer``: events of each class that are kept to compare with; ``decay``: factor of the decayed class sizes.
    """

    minority: Literal["none", "smote", "borderline_smote"] = "none"
    majority: Literal["none", "undersample"] = "none"
    clean: bool = False
    classes: dict[str, ClassSamplesConfig] = Field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    buffer: Annotated[int, Field(ge=10, le=100_000)] = 300
    decay: Share = 0.999
    undersample: UndersampleConfig = UndersampleConfig()
    smote: SmoteConfig = SmoteConfig()
    cleaning: CleanConfig = CleanConfig()


class LearnerConfig(Strict):
    """The model: ``blend``, ``linear``, ``tree``, ``forest``, or a river classifier by its dotted path."""

    model: str = "blend"
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: NotNegative = 1


class EvaluationConfig(Strict):
    """How often quality is measured, and how its intervals are made.

    ``beta``: how many times as much as precision recall counts in ``f_beta``.
    ``queue_k``: of how many alerts a day a person can look at (default: as the objective says, else 100), over the last
    ``queue_days`` days. ``cost``: what wrong decisions are told to cost (``FN=amount,FP=1``; default: the objective's).
    """

    every: Annotated[Positive, LIVE] = 5_000
    confidence: Annotated[Share, LIVE] = 0.95
    bootstrap_replicates: Annotated[int, Field(ge=20, le=10_000), LIVE] = 200
    calibration_bins: Annotated[int, Field(ge=2, le=1_000)] = 10
    beta: Annotated[float, Field(gt=0, le=100), LIVE] = 2.0
    queue_k: Annotated[Annotated[int, Field(gt=0, le=100_000)] | None, LIVE] = None
    queue_days: Annotated[int, Field(gt=0, le=1_000), LIVE] = 30
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
