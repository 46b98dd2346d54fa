"""Names of classes, runs and files are shown as they are, whatever characters they have."""

import ast
import io
import subprocess
import sys
import tomllib

import pytest
from rich.console import Console

from streamimb_services.checkpoints import show_list, show_one, show_verified
from streamimb_services.progress import ReplayProgress
from streamimb_services.screen import grid
from tests.system.harness import ENV, ROOT

LINEAR = '[learner]\nmodel = "linear"\n'
#: Closes what nothing opened, opens what exists, is swallowed whole, becomes a picture.
MARKUP = ["[/red]", "card [bold]", "[fraud]", ":warning:"]
#: Colours what follows, rings, goes back to the line's begin, turns the writing round, begins a sequence in one byte.
CONTROL = "\x1b[31mred\x07\r\u202e\x9b"
SHOWN = r"\x1b[31mred\x07\r\u202e\u009b"
PRETTY = r"""
from streamimb.service_config import LogConfig
from streamimb_services.logs import configure
import logging
configure(LogConfig(format="pretty")).warning("field ignored", field="\x1b[31mred")
logging.getLogger("kafka").error("of \x1b[31mred")
"""


@pytest.fixture
def events(tmp_path):
    """Writes a CSV of n events of two columns, every 16th of the class ``name``."""

    def write(name, n=600, file="br.csv"):
        path = tmp_path / file
        rows = (f'{i % 97 / 97},"{name}"' if i % 16 == 0 else f"{i % 89 / 890},ok" for i in range(n))
        path.write_text("\n".join(["x,label", *rows]) + "\n")
        return path

    return write


@pytest.fixture
def linear(tmp_path):
    path = tmp_path / "linear.toml"
    path.write_text(LINEAR)
    return path


@pytest.mark.parametrize("name", MARKUP)
def test_a_summary_shows_classes_by_their_names(streamimb, events, linear, name):
    """A class's name is no markup of the screen, in sentences as in tables."""
    result = streamimb("replay", events(name), "-c", linear, "--objective", "g_mean", "--positive", name)
    assert result.exit_code == 0, result.stderr
    assert f" {name} is the positive class of 2" in result.stdout
    assert any(line.startswith(f"  {name} ") for line in result.stdout.splitlines())
    assert f"recall of {name} " in result.stdout


@pytest.mark.parametrize("name", MARKUP)
def test_a_table_reads_no_markup_on_any_console(name):
    """Titles and cells of a grid are text before a console sees them."""
    table = grid("", f">{name}")
    table.add_row(name, name)
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert console.file.getvalue().count(name) == 3


def test_a_comparison_shows_runs_and_classes_by_their_names(streamimb, events, linear, tmp_path):
    """Runs are called after their files, which may have any name."""
    other = tmp_path / "[bold].toml"
    other.write_text(LINEAR + "parameters = { rate = 0.01 }\n")
    path = events("[/red]")
    result = streamimb("compare", path, "--with", linear, "--with", other, "--positive", "[/red]", "--replicates", 50)
    assert result.exit_code == 0, result.stderr
    for said in ("linear and [bold] on br.csv", "recall of [/red]", "\n  [bold] "):
        assert said in result.stdout


def test_tables_of_checkpoints_show_names_as_they_are(capsys):
    """Units and owners come from topics, groups and hosts."""
    row = {"unit": "[/red]", "name": "[bold]-1", "bytes": 5, "modified": "now", "error": "[/]"}
    show_list([{"unit": "[/red]", "holder": "[bold]", "checkpoints": [row]}])
    show_verified([row])
    show_one({"owner": "[/red]", "offsets": {"[bold]:0": 1}, "setup": {}})
    told = capsys.readouterr().out
    assert (told.count("[/red]"), told.count("[bold]"), told.count("[/] ")) == (3, 4, 1)


def test_progress_shows_names_as_they_are(capsys, monkeypatch):
    """So does the bar of a replay, with the positive class and the run that it belongs to."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with ReplayProgress("[/red]", title="[bold] (1/2)") as progress:
        progress.update(1, 2, events=10, positives=1, seconds=1.0)
    told = capsys.readouterr().err
    assert "1 [/red]" in told
    assert "[bold] (1/2)" in told


def test_a_run_folder_may_have_brackets_in_its_name(streamimb, events, linear, tmp_path):
    """A path is one path: nothing in it is a pattern."""
    path, runs = events("rare"), [tmp_path / name for name in ("x [1]", "x*?")]
    for run in runs:
        assert streamimb("replay", path, "-c", linear, "--run", run).exit_code == 0
    result = streamimb("compare", *runs, "--replicates", 50)
    assert result.exit_code == 0, result.stderr
    assert "x [1] and x*? on br.csv" in result.stdout


def test_control_characters_of_a_class_are_shown(streamimb, events, linear, tmp_path):
    """A name from a file cannot paint the terminal: neither in the summary nor in what is told on standard error."""
    path = events(CONTROL)
    result = streamimb("replay", path, "-c", linear, "--positive", CONTROL, "--run", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert f" {SHOWN} is the positive class of 2" in result.stdout
    result = streamimb("schema", "infer", path)
    assert SHOWN in result.stderr
    for text in (result.stdout, result.stderr):
        assert not set(text) & set(CONTROL) - set("[31mred")
    assert tomllib.loads(result.stdout)["schema"]["label"]["positive"] == CONTROL


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["replay", f"{CONTROL}.csv"], 66, f"error: {SHOWN}.csv: "),
        (["replay", "a.csv", "--schema", f"{CONTROL}.toml"], 66, f"{SHOWN}.toml"),
        (["generate", "flip", "-o", f"{CONTROL}.txt"], 2, SHOWN),
    ],
)
def test_control_characters_of_a_path_are_shown(streamimb, args, code, said):
    """In errors and in what is wrong with the words of a command."""
    result = streamimb(*args, env={"COLUMNS": "200"})
    assert (result.exit_code, "\x1b" in result.stderr) == (code, False)
    assert said in result.stderr


def test_control_characters_in_tables_and_bars_are_shown(capsys, monkeypatch):
    """What is laid out by its width counts what is shown."""
    show_one({"owner": CONTROL, "setup": {}})
    out = capsys.readouterr().out
    assert SHOWN in out
    assert len({len(line) for line in out.splitlines()}) == 1
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with ReplayProgress(CONTROL, title=CONTROL) as progress:
        progress.update(1, 2, events=10, positives=1, seconds=1.0)
    assert capsys.readouterr().err.count(SHOWN) >= 2


def test_a_configuration_is_shown_with_any_path(streamimb, tmp_path):
    """Its origin is a comment of one line."""
    path = tmp_path / "a\x1b\nb.toml"
    path.write_text(LINEAR)
    result = streamimb("config", "show", "-c", path)
    assert r"a\x1b\nb.toml" in result.stdout
    assert tomllib.loads(result.stdout)["learner"]["model"] == "linear"


def test_a_log_for_people_shows_control_characters():
    """Names of fields come from whoever sends events."""
    done = subprocess.run([sys.executable, "-c", PRETTY], capture_output=True, text=True, check=True, cwd=ROOT, env=ENV)
    assert done.stderr.count(r"\x1b[31mred") == 2


def test_text_of_others_has_one_way_to_the_screen():
    """Only the screen makes rich's own texts, which hide nothing."""
    importing = []
    for path in sorted((ROOT / "services").rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text()))
        if any(isinstance(node, ast.ImportFrom) and node.module == "rich.text" for node in nodes):
            importing.append(path.name)
    assert importing == ["screen.py"]


def test_what_is_missing_is_named_before_what_is_mixed(streamimb, events, tmp_path):
    """A path that leads nowhere is no file among folders; of a true mixture the odd ones are named."""
    path, more, folder = events("rare"), events("rare", file="more.csv"), tmp_path / "run"
    folder.mkdir()

    def told(*paths):
        result = streamimb("compare", *paths, env={"COLUMNS": "800"})
        return result.exit_code, " ".join(result.stderr.split())

    assert told(folder, tmp_path / "nothere") == (66, f"error: {tmp_path / 'nothere'}: no such file or folder")
    for paths, said in (
        ((path, folder), f"{folder} is a folder and {path} is a file: compare either"),
        ((path, folder, more), f"{folder} is a folder and the others are files: compare either"),
        ((folder, path, folder), f"{path} is a file and the others are folders: compare either"),
    ):
        code, text = told(*paths)
        assert (code, said in text) == (2, True), text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[learner]\nmodel = "lineer"', "learner.model: unknown model 'lineer'"),
        ('[learner]\nmodel = "linear"\nparameters = { rte = 1 }', "learner.parameters.rte: unknown"),
        ("[control]\ncosts = { frod = 2 }", "control.costs: 'frod' is none of the classes"),
        ('[control]\nobjective = "cost:FN=amnt,FP=1"', "control.objective: the amount 'amnt'"),
        ('[samples]\nfixed = ["y"]', "samples.fixed: no feature is called 'y'"),
        ("[samples]\nbounds = { y = [0, 1] }", "samples.bounds: no feature is called 'y'"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_file(streamimb, schema, linear, tmp_path, text, said):
    """Of several configurations, the one that holds it; in a replay and a check as well."""
    bad = tmp_path / "bad.toml"
    bad.write_text(text + "\n")
    path = tmp_path / "s.csv"
    path.write_text("id,time,x,z,label\n" + "".join(f"e{i},{i},1,2,good\n" for i in range(9)))
    asked = [path, "--schema", schema]
    for args in (
        ["compare", *asked, "--with", linear, "--with", bad],
        ["replay", *asked, "-c", bad],
        ["check-config", bad, "--schema", schema],
    ):
        result = streamimb(*args)
        assert result.exit_code == 78
        assert f"error: {bad}: {said}" in result.stderr


def test_a_value_that_cannot_be_used_is_named_with_its_variable(streamimb, schema, linear):
    """The origin is that of the value that holds, not of the file around it."""
    env = {"STREAMIMB_LEARNER__MODEL": "lineer"}
    result = streamimb("check-config", linear, "--schema", schema, env=env)
    assert "error: STREAMIMB_LEARNER__MODEL: learner.model: unknown model 'lineer'" in result.stderr
