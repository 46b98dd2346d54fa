from pathlib import Path

import pytest

from streamimb.config import PAGES_A_WEEK_MAX, PAGES_A_WEEK_MIN
from streamimb.errors import ConfigError, InputError
from streamimb.settings import known_keys, load_settings


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "c.toml"
        path.write_text(text)
        return path

    return write


def origin_of(settings, key):
    return next(origin for name, _, origin in settings.items() if name == key)


def test_options_win_over_environment_over_file_over_defaults(write):
    """A key has the value of the first that gives it: option, environment, file, default."""
    path = write('[control]\nobjective = "kappa"\nevery = 10\nweights = "none"\n[label]\ndelay = "1d"\n')
    environ = {"STREAMIMB_CONTROL__OBJECTIVE": "g_mean", "STREAMIMB_CONTROL__EVERY": "20"}
    settings = load_settings(path, environ, {"control.objective": ("--objective", "f1"), "label.delay": ("--d", None)})
    control = settings.config.control
    assert (control.objective, control.every, control.weights, control.smoothing) == ("f1", 20, "none", 0.5)
    assert settings.config.label.delay == "1d", "an option that was not given changes nothing"
    kinds = [origin_of(settings, f"control.{k}").kind for k in ("objective", "every", "weights", "smoothing")]
    assert kinds == ["option", "environment", "file", "default"]
    assert origin_of(settings, "control.every").name == "STREAMIMB_CONTROL__EVERY"


@pytest.mark.parametrize(
    ("name", "text", "table", "key", "value"),
    [
        ("CONTROL__THRESHOLD", "0.3", "control", "threshold", 0.3),
        ("CONTROL__THRESHOLD", "tuned", "control", "threshold", "tuned"),
        ("CONTROL__PRIOR_CORRECTION", "false", "control", "prior_correction", False),
        ("CONTROL__COSTS", "{fraud = 50, legit = 1}", "control", "costs", {"fraud": 50.0, "legit": 1.0}),
        ("CONTROL__COSTS__FRAUD", "50", "control", "costs", {"fraud": 50.0}),
        ("LABEL__EXPIRES_AS", "1", "label", "expires_as", "1"),
        ("LABEL__WAIT", "500", "label", "wait", "500"),
        ("LEARNER__PARAMETERS", "{rate = 0.5}", "learner", "parameters", {"rate": 0.5}),
        ("LEARNER__PARAMETERS__RATE", "0.5", "learner", "parameters", {"rate": 0.5}),
        ("LEARNER__PARAMETERS__LOSS", "focal", "learner", "parameters", {"loss": "focal"}),
        ("LEARNER__PARAMETERS__BASE__DEPTH", "3", "learner", "parameters", {"base": {"depth": 3}}),
    ],
)
def test_environment_gives_every_kind_of_value(name, text, table, key, value):
    """Words, numbers, switches and tables can be given by environment variables."""
    settings = load_settings(environ={"STREAMIMB_LABEL__WAIT": "9", f"STREAMIMB_{name}": text})
    assert getattr(getattr(settings.config, table), key) == value


def test_environment_reaches_three_levels():
    """Tables within tables are reached by one more pair of underscores."""
    assert load_settings(environ={"STREAMIMB_DRIFT__SHARE__COOLDOWN": "7"}).config.drift.share.cooldown == 7


def test_variables_of_other_uses_are_left_alone():
    """Without two underscores a variable is no key; an empty one is not set."""
    environ = {"STREAMIMB_DEBUG": "1", "STREAMIMB_REPLAY_LIMIT": "3", "STREAMIMB_CONTROL__EVERY": "", "HOME": "/"}
    assert load_settings(environ=environ) == load_settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[control]\nevry = 3", "control.evry is no known key (did you mean 'control.every'?)"),
        ("[contrl]\nevery = 3", "contrl is no known key (did you mean 'control'?)"),
        ("every = 3", "every is no known key (did you mean 'control.every'?)"),
        ("[drift.shares]\ndelta = 0.1", "drift.shares is no known key (did you mean 'drift.share'?)"),
        ("[label]\nqqq = 1", "label.qqq is no known key; label has delay, wait, expires_as"),
        ("[control]\nevery = 0", "control.every = 0: must be greater than 0"),
        ("[control]\nevery = true", "control.every = true: must be a number"),
        ("[control]\nweights = 'x'", "control.weights = 'x': must be '"),
        ("[control]\nthreshold = 2", "control.threshold = 2: must be 'tuned' or less than 1"),
        ("[control.costs]\nfraud = -1", "control.costs.fraud = -1: must be greater than or equal to 0"),
        ("[control.costs]\nfraud = inf", "control.costs.fraud = inf: must be less than or equal to 1000000000"),
        ("[window]\nevents_max = 2000000000000", "window.events_max = 2000000000000: must be less than or equal to 10"),
        ("[label]\nwaiting_events_max = 1000000000000000000", "label.waiting_events_max = 1000000000000000000: must"),
        ("control = 4", "control = 4: must be a table"),
        ("[window]\ntime = 'soon'", "window.time: 'soon' is no duration"),
        ("[label]\nwait = 'soon'", "label.wait: 'soon' is no duration"),
        ("[label]\nwait = '99999999999d'", "label.wait: '99999999999d' is longer than any stream"),
        ("[label]\nremember = 1000000000000000000000", "label.remember: '1000000000000000000000' is longer than"),
        (f"[label]\nwait = '{'9' * 400}d'", "label.wait: '9999999999"),
        ("[label]\nwait = -3", "label.wait: -3 is a duration, but"),
        ("[time]\nahead_max = '999999999d'", "time.ahead_max: '999999999d' is longer than any stream"),
        ("[label]\nexpires_as = 'ok'", "label.expires_as = 'ok' needs label.wait: how long"),
        ("[label]\ndelay = '2d'\nwait = '36h'", "label.delay = '2d' is longer than label.wait = '36h', so"),
        ("[label]\ndelay = 20\nwait = 19", "label.delay = 20 is longer than label.wait = 19, so"),
        ("[schema]\nfeatures = [{name = 'a', typ = 'numeric'}]\n[schema.label]\nclasses = ['a', 'b']",
         "schema.features.0.typ is no known key (did you mean 'schema.features.0.type'?)"),
        ("[schema]\nfeatures = [{name = 'a'}]\n[schema.label]\nclasses = ['a']",
         "schema.label.classes = ['a']: must have 2 or more"),
        ("[schema]\nfeatures = [{name = 'a'}]", "schema.label is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_key_and_remedy(write, text, message):
    """An unknown key is told with the nearest known one, a wrong value with what is allowed."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert f"{path}: {message}" in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("table", ["wait = '2d'\ndelay = '2d'", "delay = '2d'", "delay = '2d'\nexpires_as = 'ok'"])
def test_labels_that_come_in_time_are_waited_for(write, table):
    """A label may be due at the very end of the wait; with a delay alone, events wait as long as that."""
    assert load_settings(write(f"[label]\n{table}")).config.label.delay == "2d"


def test_every_wrong_key_is_told_at_once(write):
    """Two mistakes take one try, not two."""
    with pytest.raises(ConfigError, match=r"(?s)label\.wayt.*\n.*control\.evry"):
        load_settings(write("[control]\nevry = 1\n[label]\nwayt = 1"))


def test_a_wrong_variable_is_named():
    """A mistake in the environment is told with the variable's name."""
    with pytest.raises(ConfigError, match=r"^STREAMIMB_CONTROL__EVRY: control\.evry is no .* 'control\.every'\?"):
        load_settings(environ={"STREAMIMB_CONTROL__EVRY": "3"})
    with pytest.raises(ConfigError, match=r"^STREAMIMB_CONTROL__EVERY: control\.every = '-3'"):
        load_settings(environ={"STREAMIMB_CONTROL__EVERY": "-3"})


def test_a_variable_cannot_reach_into_a_value(write):
    """A table is not made out of a number."""
    with pytest.raises(ConfigError, match="every holds the value 3 already"):
        load_settings(write("[control]\nevery = 3"), {"STREAMIMB_CONTROL__EVERY__X": "1"})


def test_broken_toml_is_told_with_line_and_column(write):
    """A syntax error says file, line and column."""
    path = write("[control]\nevery = = 3\n")
    with pytest.raises(ConfigError, match=r"c\.toml: line 2, column 9: "):
        load_settings(path)


def test_files_that_cannot_be_read(tmp_path):
    """A missing file is an input error, one in another encoding a configuration error."""
    with pytest.raises(InputError, match="No such file"):
        load_settings(tmp_path / "none.toml")
    with pytest.raises(InputError, match="Is a directory"):
        load_settings(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# \xfc".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8 at byte 2"):
        load_settings(latin)


def test_long_values_are_shortened(write):
    """A wrong value of a thousand characters does not fill the screen."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(f"[control]\nevery = '{'x' * 1000}'"))
    assert len(str(caught.value).removeprefix(str(Path(write("")))) ) < 250  # fmt: skip


def test_items_name_every_key_once():
    """What is shown is every key that can be given."""
    names = [name for name, _, _ in load_settings().items()]
    assert sorted(names) == sorted(set(known_keys()) - {"kafka"})  # which names what its client knows
    assert len(names) == len(set(names)) > 40


def test_the_clients_settings_keep_their_dotted_names(tmp_path):
    """[kafka] takes the client's own names, from the file, the environment and options; a secret is never shown."""
    path = tmp_path / "s.toml"
    path.write_text('[kafka]\nbootstrap.servers = "a:1"\nsasl.password = "hush"\n"linger.ms" = 5\n')
    options = {"kafka.bootstrap.servers": ("--bootstrap-servers", "b:2")}
    settings = load_settings(path, {"STREAMIMB_KAFKA__SECURITY_PROTOCOL": "SSL"}, options)
    assert settings.config.kafka == {
        "bootstrap.servers": "b:2", "sasl.password": "hush", "linger.ms": 5, "security.protocol": "SSL"
    }  # fmt: skip
    shown = {key: (value, origin.kind) for key, value, origin in settings.items() if key.startswith("kafka.")}
    assert shown["kafka.sasl.password"] == ("(secret)", "file")
    assert shown["kafka.security.protocol"] == ("SSL", "environment")


@pytest.mark.parametrize(("table", "action"), [("share", "adjust"), ("recall", "replace")])
def test_a_key_of_a_detector_leaves_the_default_of_the_others(write, table, action):
    """Given one key in the file or in the environment, the action is still the table's own default."""
    by_file = load_settings(write(f"[drift.{table}]\ncooldown = 7"))
    by_variable = load_settings(environ={f"STREAMIMB_DRIFT__{table.upper()}__COOLDOWN": "7"})
    for settings in (load_settings(), by_file, by_variable):
        assert getattr(settings.config.drift, table).action == action
        assert origin_of(settings, f"drift.{table}.action").kind == "default"


@pytest.mark.parametrize("table", ["share", "recall"])
@pytest.mark.parametrize(("name", "why"), [("lfr", "labels beside decisions"), ("PAUC-PH", "scores beside labels")])
def test_a_detector_of_the_library_alone_is_refused_with_the_reason(write, table, name, why):
    """Whoever names one is told what it watches, what it would cost, and what to take."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(f"[drift.{table}]\ndetector = '{name}'"))
    told = str(caught.value)
    assert f"drift.{table}.detector = '{name}'" in told and why in told and told.endswith("nearest is scan")


@pytest.mark.parametrize(
    ("table", "detector", "why"),
    [("share", "ddm_oci", "a recall, not a share"), ("recall", "share_test", "a share, not a recall")],
)
def test_a_detector_that_cannot_watch_a_signal_is_refused(write, table, detector, why):
    """Each published detector watches what it was made for."""
    with pytest.raises(ConfigError, match=rf"drift\.{table}\.detector = '{detector}': it watches {why}"):
        load_settings(write(f"[drift.{table}]\ndetector = '{detector}'"))


@pytest.mark.parametrize("table", ["share", "recall", "unlabelled"])
@pytest.mark.parametrize(("pages", "bound"), [("1e300", "10080"), ("1e-300", "0.001"), ("0", "0.001"), ("nan", "")])
def test_false_alarms_a_week_are_asked_for_in_bounds(write, table, pages, bound):
    """One a minute, one in nineteen years: beyond, it is told what is possible."""
    with pytest.raises(ConfigError, match=rf"drift\.{table}\.pages_a_week = .*equal to {bound}"):
        load_settings(write(f"[drift.{table}]\npages_a_week = {pages}"))
    for edge in (PAGES_A_WEEK_MIN, PAGES_A_WEEK_MAX):
        load_settings(write(f"[drift.{table}]\npages_a_week = {edge}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[learner]\nthreads = "2"', "learner.threads = '2': must be a number, without quotes"),
        ('[samples]\nclean = "yes"', "samples.clean = 'yes': must be true or false, without quotes"),
        ("[samples]\nclean = 1", "samples.clean = 1: must be true or false"),
        ("[learner]\nthreads = true", "learner.threads = true: must be a number"),
        ('[control]\nthreshold = "0.5"', "control.threshold = '0.5': must be a number, without quotes"),
        ('[control.costs]\nfraud = "50"', "control.costs.fraud = '50': must be a number, without quotes"),
        ('[samples.bounds]\namount = [0, "9"]', "samples.bounds.amount.1 = '9': must be a number, without quotes"),
        ('[samples.classes.fraud]\nclean = "no"', "samples.classes.fraud.clean = 'no': must be true or false"),
    ],
)
def test_a_text_in_a_file_is_no_number_and_no_boolean(write, text, message):
    """Nor is either the other: what TOML tells apart stays apart, and the key is named."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_whole_numbers_may_be_written_as_fractions_and_texts_in_the_environment(write):
    """A variable holds text alone; TOML's 1e3 is a number, and a class may be called 1."""
    path = write('[control]\nevery = 1e3\nthreshold = "tuned"\n[label]\nwait = 7\n[kafka]\nretries = "3"')
    environ = {"STREAMIMB_LEARNER__THREADS": "2", "STREAMIMB_SAMPLES__CLEAN": "yes"}
    config = load_settings(path, environ).config
    assert (config.control.every, config.label.wait, config.kafka["retries"]) == (1000, 7, "3")
    assert (config.learner.threads, config.samples.clean) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[drift.share]\ndelta = 0.01", "drift.share.delta = 0.01: the detector scan takes setting and pages_a_week"),
        ("[drift.recall]\ndetector = 'adwin'\nsetting = 'calm'",
         "drift.recall.setting = 'calm': the detector adwin takes delta and pages_a_week"),
        ("[drift.recall]\ndetector = 'ddm_oci'\npages_a_week = 1",
         "drift.recall.pages_a_week = 1.0: the detector ddm_oci takes none of the keys that tune others"),
        ("[drift.recall]\ndetector = 'ddm_oci'\ndelta = 0.1",
         "drift.recall.delta = 0.1: the detector ddm_oci takes none of the keys that tune others"),
        ("[drift.share]\ndetector = 'share_test'\nsetting = 'calm'",
         "drift.share.setting = 'calm': the detector share_test takes pages_a_week"),
        ("[drift.recall]\ndetector = 'none'\npages_a_week = 1",
         "drift.recall.pages_a_week = 1.0: the detector none takes none of the keys that tune others"),
        ("[drift.unlabelled]\ndetector = 'none'\npages_a_week = 1",
         "drift.unlabelled.pages_a_week = 1.0: the detector none takes none of the keys that tune others"),
    ],
)  # fmt: skip
def test_a_key_that_a_detector_would_ignore_is_refused(write, text, message):
    """It is told which key, and what the chosen detector is tuned by."""
    with pytest.raises(ConfigError) as caught:
        load_settings(write(text))
    assert message in str(caught.value)


def test_a_misspelt_word_is_told_with_the_nearest(write):
    """Of a closed set, after what is in it; of none that is like it, the set alone."""
    for text, end in (
        ('[control]\nweights = "oobb"', "or 'none' (did you mean 'oob'?)"),
        ('[samples]\nminority = "smot"', "or 'borderline_smote' (did you mean 'smote'?)"),
        ('[control]\nweights = "#"', "or 'none'"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_settings(write(text))
        assert str(caught.value).endswith(end)
