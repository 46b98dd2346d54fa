"""What a person on call wants first: is it alive, does it keep up, is it any good, and what did it decide."""

from parts import Row, delay, graph, interval, known, m, number, process, rate

RAREST = 'window="rarest"'
OWNER = 'role="owner"'

STATE = [
    number(
        "Ready",
        "Processes that would be sent traffic: configured, restored, assigned or standing by, not draining.",
        "none",
        f"sum({m('ready')})",
        bad=("below", 1),
    ),
    number(
        "Owners",
        "Processes that learn. One where one learner sees the whole topic; the others stand by.",
        "none",
        f"sum({m('role', OWNER)})",
        bad=("below", 1),
    ),
    number("Lag", "Records that wait in Kafka.", "short", f"sum({m('consumer_lag_records')} >= 0)"),
    number(
        "Last checkpoint",
        "How long ago what was learned was last saved.",
        "s",
        f"time() - max({m('last_checkpoint_timestamp_seconds')})",
        bad=("above", 600),
    ),
    number(
        "Learning",
        "Whether a person has frozen learning: streamimb control resume lets it go on.",
        "none",
        f"max({m('learning_frozen')})",
        bad=("above", 1),
        words={"0": "on", "1": "frozen"},
    ),
    number(
        "Model",
        "What learns, and what decisions are for.",
        "none",
        f"max by (model, objective) ({m('model_info')})",
        legend="{{model}}: {{objective}}",
        names=True,
    ),
]

IN = [
    graph(
        "Events consumed",
        "Records taken from Kafka that were new, a second.",
        "cps",
        (rate("events_consumed_total", "instance"), "{{instance}}"),
        low=0,
    ),
    graph(
        "Events refused",
        "Records that did not fit the contract, by reason; they go to the dead letters.",
        "cps",
        (rate("events_rejected_total", "reason"), "{{reason}}"),
        low=0,
        stacked=True,
    ),
    delay(),
]

LABELS = [
    graph(
        "Labels learned",
        "Lessons by class, corrections among them.",
        "cps",
        (rate("events_learned_total", "class"), "{{class}}"),
        low=0,
        width=12,
    ),
    graph(
        "Events that wait for a label",
        "They are scored and learned once their label comes, or they expire.",
        "short",
        (f"sum({m('pending_labels')})", "waiting"),
        low=0,
        width=12,
    ),
]

QUALITY = [
    interval(
        "Recall",
        "Share of a class's events that were found, with its interval. Undefined without events of the class.",
        "recall",
    ),
    interval(
        "Precision",
        "Share of decisions for a class that were right, with its interval. Undefined without decisions.",
        "precision",
    ),
    graph(
        "Over all classes",
        "Geometric mean of the recalls, Cohen's kappa, average precision.",
        "none",
        (f"max({m('g_mean')})", "G-mean"),
        (f"max({m('kappa')})", "kappa"),
        (f"max({m('pr_auc')})", "PR-AUC"),
        high=1,
    ),
]

OUT = [
    graph(
        "Class shares",
        "What classes make up among mature events of the window of the rarest class.",
        "percentunit",
        (known("class_ratio", "class", RAREST), "{{class}}"),
        low=0,
        high=1,
    ),
    graph(
        "Decisions",
        "Predictions by class, a second: the positive class's rate is the alert rate.",
        "cps",
        (rate("predictions_total", "class"), "{{class}}"),
        low=0,
    ),
    graph(
        "Drifts and resets",
        "Drifts told by signal, and learners begun anew by cause, since the process started.",
        "short",
        (f"sum by (signal) ({m('drift_detected_total')})", "{{signal}}"),
        (f"sum by (cause) ({m('model_resets_total')})", "reset: {{cause}}"),
        low=0,
    ),
]

PROCESS = [
    graph(
        "Memory",
        "What the process holds of the machine's memory.",
        "bytes",
        (process("process_resident_memory_bytes"), "{{instance}}"),
        low=0,
        width=12,
    ),
    graph(
        "Processor",
        "Cores that the process keeps busy.",
        "none",
        (f"rate({process('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}"),
        low=0,
        width=12,
    ),
]

UID, TITLE = "streamimb-overview", "streamimb: overview"
ABOUT = "Is it alive, does it keep up, is it any good, what did it decide; in the order of the data path."
ROWS: list[Row] = [
    ("State", STATE),
    ("In", IN),
    ("Labels", LABELS),
    ("Quality", QUALITY),
    ("Decisions and drift", OUT),
    ("Process", PROCESS),
]
