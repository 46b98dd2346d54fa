"""The configuration: every key with its default and its bounds, in one place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from streamimb.schema import Schema, Strict

Duration = str | int
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class LimitsConfig(Strict):
    """What an event may be at most; beyond it, the event is refused."""

    event_bytes_max: Positive = 1_048_576
    fields_max: Positive = 1_000
    number_abs_max: Annotated[float, Field(gt=0, le=3.4e38)] = 3.4e38


class TimeConfig(Strict):
    """What happens to an event whose time is absurdly far ahead of the stream.

    It is treated as if at the watermark (``clamp``) or refused, until ``ahead_confirm`` events in a row agree that the
    stream has really moved on. Only for streams with event times.
    """

    ahead_max: str = "30d"
    ahead: Literal["clamp", "refuse"] = "clamp"
    ahead_confirm: Positive = 10


class LabelConfig(Strict):
    """When labels come, and what becomes of events without one.

    ``delay``: every label is known only so long after its event (a replay of labelled history). ``wait``: so long an
    event waits for its label; then it expires to ``expires_as``, or drops out where that is not given. ``remember``: so
    long after its time an event can still be corrected (default: twice as long as it waits), and at least the last
    ``remember_events`` ids are known again. Without ``wait`` an event that comes without a label drops out at once.
    ``corrections``: whether a correction replaces what evaluation counted. Counts of events where the stream has no
    times.
    """

    delay: Duration | None = None
    wait: Duration | None = None
    expires_as: str | None = None
    remember: Duration | None = None
    remember_events: Annotated[int, Field(ge=0)] = 10_000
    corrections: Literal["replace", "ignore"] = "replace"
    waiting_events_max: Positive = 1_000_000
    waiting_bytes_max: Positive = 1 << 30


class WindowConfig(Strict):
    """The sliding windows that class shares and quality are read from.

    The ``rarest`` window is as long as it must be to hold ``rarest`` events of the rarest class, within ``events_min``
    and ``events_max``; ``events`` and ``time`` are plain windows beside it; ``decay`` is the factor of decayed sizes.
    """

    rarest: Positive = 200
    events_min: Positive = 1_000
    events_max: Positive = 50_000
    events: Positive = 500
    time: str | None = None
    decay: Share = 0.999


class ControlConfig(Strict):
    """How sensing becomes acting.

    ``every``: accepted events between two Plans. ``weights``: the rule of the class weights; ``weight_max`` clamps
    them, ``smoothing`` is the share of the old weights that each renewal keeps. ``costs``: cost of missing each class,
    for ``weights = "cost"``. ``threshold``: ``"tuned"`` for the objective, or a fixed one of the positive class.
    Thresholds are tuned on the scores of the ``rarest`` window once it holds ``tune_rarest`` events of each class.
    """

    every: Positive = 250
    weights: Literal["inverse_frequency", "effective_number", "cost", "none"] = "inverse_frequency"
    weight_max: Annotated[float, Field(ge=1)] = 10.0
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.5
    effective_beta: Share = 0.99
    costs: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    objective: str | None = None
    threshold: Literal["tuned"] | Share = "tuned"
    tune_rarest: Positive = 20
    prior_correction: bool = True
    calibration: bool = True


class DetectorConfig(Strict):
    """A drift detector and what its alarm does: ``reweight`` renews the weights at once, ``tell`` only tells.

    detector: ``scan``, this library's own, is tuned from false alarms as they are lived: so many ``pages_a_week`` over
    all classes at the stream's own rate (for streams with event times), or the events between two that ``setting``
    stands for: 200,000 when ``sensitive``, 5,000,000 when ``calm``. ``adwin`` and ``hddm_w`` take a significance,
    ``delta``; ``ddm_oci`` (recall) and ``share_test`` (share) are as published. For ``cooldown`` mature events after a drift of
    a class no other is told of it.
    """

    detector: Literal["scan", "adwin", "hddm_w", "ddm_oci", "share_test", "none"] = "scan"
    setting: Literal["sensitive", "calm"] = "sensitive"
    pages_a_week: Annotated[float, Field(gt=0)] | None = None
    delta: Share = 0.002
    action: Literal["reweight", "tell"] = "reweight"
    cooldown: Annotated[int, Field(ge=0)] = 5_000


class DriftConfig(Strict):
    """One detector for each of the two kinds of signal."""

    share: DetectorConfig = DetectorConfig()
    recall: DetectorConfig = DetectorConfig()


class LearnerConfig(Strict):
    """The model: ``linear``, or a river classifier by its dotted path, with its parameters."""

    model: str = "linear"
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] = 1


class EvaluationConfig(Strict):
    """How often quality is measured, and how its intervals are made."""

    every: Positive = 5_000
    confidence: Share = 0.95
    bootstrap_replicates: Annotated[int, Field(ge=20, le=10_000)] = 200
    calibration_bins: Annotated[int, Field(ge=2, le=1_000)] = 10


class Config(Strict):
    """The whole configuration of a pipeline."""

    schema_: Annotated[Schema | None, Field(alias="schema")] = None
    limits: LimitsConfig = LimitsConfig()
    time: TimeConfig = TimeConfig()
    label: LabelConfig = LabelConfig()
    window: WindowConfig = WindowConfig()
    control: ControlConfig = ControlConfig()
    drift: DriftConfig = DriftConfig()
    learner: LearnerConfig = LearnerConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
