"""What comes in from Kafka, what waits, what is kept, and where the time goes."""

from parts import SLOW, Row, delay, graph, m, number, process, quantile, rate

PROCESSING = 'stage="process"'

IN = [
    graph(
        "Lag by partition",
        "Records between the next one and the end.",
        "short",
        (f"sum by (topic, partition) ({m('consumer_lag_records')} >= 0)", "{{topic}}-{{partition}}"),
        low=0,
    ),
    graph(
        "Taken, taken again, refused",
        "New records, records passed over because they had been learned already, "
        "ids that had come before, times too far ahead.",
        "cps",
        (rate("events_consumed_total"), "new"),
        (rate("events_redelivered_total"), "redelivered"),
        (rate("events_duplicate_total"), "duplicate"),
        (rate("events_time_ahead_total"), "time ahead"),
        low=0,
    ),
    graph(
        "Group",
        "Changes of which partitions are owned, since the process started.",
        "short",
        (f"sum by (kind) ({m('rebalances_total')})", "{{kind}}"),
        low=0,
    ),
    graph(
        "Roles",
        "How many processes own and how many stand by.",
        "none",
        (f"sum by (role) ({m('role')})", "{{role}}"),
        low=0,
    ),
    graph(
        "Trouble",
        "Times that brokers or storage did not answer, a second.",
        "cps",
        (rate("trouble_total", "what"), "{{what}}"),
        low=0,
    ),
    graph(
        "Missing values",
        "Feature values that were missing in accepted rows, a second.",
        "cps",
        (rate("features_missing_total"), "missing"),
        low=0,
    ),
]

LOOP = [
    graph(
        "Where the loop's time goes",
        "Seconds a second in each phase.",
        "percentunit",
        (rate("loop_seconds_total", "phase"), "{{phase}}"),
        low=0,
        stacked=True,
    ),
    graph(
        "How long a stage takes",
        "The 99th percentile of a batch, for each of its records.",
        "s",
        (quantile(0.99, "event_duration_seconds", PROCESSING), "process"),
        low=0,
    ),
    delay(),
]

LABELS = [
    graph("Waiting", "Events that wait for their label.", "short", (f"sum({m('pending_labels')})", "waiting"), low=0),
    graph(
        "What became of labels",
        "Late, unknown, said twice, contrary, and events that gave up waiting; a second.",
        "cps",
        (rate("labels_late_total"), "late"),
        (rate("labels_unknown_total"), "unknown"),
        (rate("labels_twice_total"), "twice"),
        (rate("labels_corrected_total"), "corrected"),
        (rate("labels_expired_total"), "expired"),
        (rate("labels_dropped_total"), "dropped"),
        (rate("labels_evicted_total"), "evicted"),
        low=0,
    ),
    graph(
        "Labels by delay",
        "How many labels came within so long after their event (event time), a second.",
        "cps",
        (f"sum by (le) (rate({m('label_delay_seconds_bucket')}[$__rate_interval]))", "within {{le}} s"),
        low=0,
    ),
]

STATE = [
    graph(
        "Age of the last checkpoint",
        "How long ago what was learned was last saved.",
        "s",
        (f"time() - max({m('last_checkpoint_timestamp_seconds')})", "age"),
        low=0,
        width=6,
    ),
    graph(
        "Checkpoints",
        "Written, failed, and found rotten, since the process started.",
        "short",
        (f"sum by (outcome) ({m('checkpoints_total')})", "{{outcome}}"),
        low=0,
        width=6,
    ),
    graph(
        "Size of the last checkpoint",
        "Without the segments of events that wait.",
        "bytes",
        (f"max({m('checkpoint_bytes')})", "size"),
        low=0,
        width=6,
    ),
    graph(
        "Time to write a checkpoint",
        "Off the loop: learning goes on meanwhile.",
        "s",
        (quantile(0.99, "checkpoint_duration_seconds"), "99 %"),
        low=0,
        width=6,
        interval=SLOW,
    ),
]

ASKED = [
    graph(
        "Questions",
        "Requests to /predict, by how they ended, a second.",
        "cps",
        (rate("predict_requests_total", "outcome"), "{{outcome}}"),
        low=0,
        width=6,
    ),
    graph("Events asked about", "A second.", "cps", (rate("predict_events_total"), "events"), low=0, width=6),
    graph(
        "Memory",
        "What the process holds of the machine's memory.",
        "bytes",
        (process("process_resident_memory_bytes"), "{{instance}}"),
        low=0,
        width=6,
    ),
    graph(
        "Open files", "Files and connections.", "short", (process("process_open_fds"), "{{instance}}"), low=0, width=6
    ),
]

NOW = [
    number("Up", "Processes that answer Prometheus.", "none", f"sum({process('up')})", bad=("below", 1)),
    number("Consumed", "Records a second.", "cps", rate("events_consumed_total")),
    number("Lag", "Records that wait in Kafka.", "short", f"sum({m('consumer_lag_records')} >= 0)"),
    number(
        "Last event",
        "How long ago the last record was learned.",
        "s",
        f"time() - max({m('last_event_timestamp_seconds')})",
    ),
    number(
        "Last checkpoint",
        "How long ago what was learned was last saved.",
        "s",
        f"time() - max({m('last_checkpoint_timestamp_seconds')})",
        bad=("above", 600),
    ),
    number(
        "Version", "Of the program.", "none", f"max by (version) ({m('build_info')})", legend="{{version}}", names=True
    ),
]

UID, TITLE = "streamimb-kafka", "streamimb: Kafka and state"
ABOUT = (
    "What comes in, where the time goes, what waits for labels, what is saved, who asks; in the order of the data path."
)
ROWS: list[Row] = [
    ("Now", NOW),
    ("In", IN),
    ("Loop", LOOP),
    ("Labels", LABELS),
    ("State", STATE),
    ("Asked, and the process", ASKED),
]
