"""How rare the rare class is, what moved, and what the controller does about it."""

from parts import Row, graph, interval, known, m, number, rate

RAREST = 'window="rarest"'
DECAYED = 'window="decayed"'

NOW = [
    number(
        "Minority share",
        "Share of the smallest class among mature events of the window of the rarest class.",
        "percentunit",
        f"min({m('class_ratio', RAREST)})",
    ),
    number(
        "Positives in the window",
        "How many positives quality is read from: few of them make wide intervals.",
        "short",
        f"sum({m('window_positives')})",
        bad=("below", 30),
    ),
    number("Drifts", "Told since the process started.", "short", f"sum({m('drift_detected_total')})"),
    number("Warnings", "Told since the process started.", "short", f"sum({m('drift_warnings_total')})"),
    number(
        "Learners begun anew",
        "Resets, replacements and roll-backs since the process started.",
        "short",
        f"sum({m('model_resets_total')})",
    ),
    number(
        "Threshold",
        "Whether a person has pinned it: streamimb control unpin gives it back to the objective.",
        "none",
        f"max({m('threshold_pinned')})",
        bad=("above", 1),
        words={"0": "tuned", "1": "pinned"},
    ),
]

SHARES = [
    graph(
        "Shares by window",
        "The window of the rarest class is as long as it must be; the decayed one is quickest.",
        "percentunit",
        (known("class_ratio", "class, window"), "{{class}}, {{window}}"),
        low=0,
        width=12,
    ),
    graph(
        "Shares against their reference",
        "What drift of shares is measured from.",
        "percentunit",
        (known("class_ratio", "class", RAREST), "{{class}} now"),
        (known("class_ratio_reference", "class"), "{{class}} reference"),
        low=0,
        width=12,
    ),
]

DRIFT = [
    graph(
        "Drifts",
        "Told by the detectors, by signal, since the process started.",
        "short",
        (f"sum by (signal, detector) ({m('drift_detected_total')})", "{{signal}} ({{detector}})"),
        low=0,
    ),
    graph(
        "Warnings",
        "A warning may start a learner in the background.",
        "short",
        (f"sum by (signal, detector) ({m('drift_warnings_total')})", "{{signal}} ({{detector}})"),
        low=0,
    ),
    graph(
        "What was done",
        "Learners begun anew, by cause, and levers that people pulled.",
        "short",
        (f"sum by (cause) ({m('model_resets_total')})", "{{cause}}"),
        (f"sum by (kind) ({m('levers_total')})", "lever: {{kind}}"),
        low=0,
    ),
]

CONTROL = [
    graph(
        "Class weights",
        "What a lesson of a class weighs; clamped at control.weight_max.",
        "none",
        (known("class_weight", "class"), "{{class}}"),
        low=0,
        width=6,
    ),
    graph(
        "Trained shares",
        "What the learner was taught, weighted, against what there was.",
        "percentunit",
        (known("trained_class_ratio", "class"), "{{class}} trained"),
        (known("class_ratio", "class", DECAYED), "{{class}} true"),
        low=0,
        high=1,
        width=6,
    ),
    graph(
        "Lessons after resampling",
        "A second, those that were made included.",
        "cps",
        (rate("training_samples_total", "class"), "{{class}}"),
        low=0,
        width=6,
    ),
    graph(
        "Thresholds",
        "Score above which a class is decided; the objective tunes them.",
        "percentunit",
        (known("decision_threshold", "class"), "{{class}}"),
        low=0,
        high=1,
        width=6,
    ),
]

QUALITY = [
    interval(
        "Recall with its interval",
        "Over the window of the rarest class; undefined without its events.",
        "recall",
    ),
    interval(
        "Precision with its interval",
        "Undefined without decisions for the class.",
        "precision",
    ),
    interval(
        "F1 with its interval",
        "The harmonic mean of recall and precision.",
        "f1",
    ),
    graph(
        "Ranking",
        "How well scores tell the classes apart, whatever the threshold.",
        "none",
        (f"max({m('pr_auc')})", "PR-AUC"),
        (f"max({m('roc_auc')})", "ROC-AUC"),
        low=0,
        high=1,
    ),
    graph(
        "Balance",
        "Geometric mean of the recalls, and Cohen's kappa.",
        "none",
        (f"max({m('g_mean')})", "G-mean"),
        (f"max({m('kappa')})", "kappa"),
        high=1,
    ),
    graph(
        "Brier score",
        "Mean squared error of the scores as probabilities: lower is better.",
        "none",
        (f"max({m('brier')})", "Brier"),
        low=0,
    ),
]

UID, TITLE = "streamimb-imbalance", "streamimb: imbalance and drift"
ABOUT = "Class shares, what moved, what the controller does about it and how well that serves."
ROWS: list[Row] = [("Now", NOW), ("Shares", SHARES), ("Drift", DRIFT), ("Control", CONTROL), ("Quality", QUALITY)]
