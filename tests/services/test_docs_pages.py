"""Pages that are made from the code say what the code says, and are what stands in docs/."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streamimb.checkpoint.setup import keys
from streamimb.config import SERVICE_TABLES, Config, LearnerConfig
from streamimb.learners.registry import COMPILED, make_learner
from streamimb.metrics import METRICS, PREFIX
from streamimb.schema import Feature, Identity, Label, Schema, Time
from streamimb.settings import load_settings
from streamimb_services.cli import app
from streamimb_services.docs import PAGES
from streamimb_services.show import toml_value

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = Schema(features=[Feature(name="x")], label=Label(classes=["a", "b"]), time=Time(), id=Identity())


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_what_the_code_makes(page):
    """Whoever changes a key, an option or a metric makes the page anew."""
    made = PAGES[page]()
    assert (DOCS / f"{page}.md").read_text() == made, f"python -m streamimb_services.docs {page} > docs/{page}.md"


def rows(page):
    """Every row of a page's tables: the section's heading, and the cells."""
    section = ""
    for line in (DOCS / page).read_text().splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ").strip("`[]")
        elif line.startswith("| ") and not line.startswith(("| key", "| |")):
            yield section, [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_key_is_told_with_its_default():
    """What ``config show`` lists, the page lists, and nothing else."""
    told = {f"{section}.{cells[0].strip('`')}": cells for section, cells in rows("configuration.md")}
    told = {k: c for k, c in told.items() if k.split(".")[0] in Config.model_fields}
    told = {k: c for k, c in told.items() if not k.startswith("samples.classes.")}
    shown = {key: value for key, value, _ in load_settings().items()}
    extra = {"samples.classes"}  # a table of many, which has a section of its own
    assert set(told) | extra == set(shown)
    for key in told:
        assert told[key][2] == ("not set" if shown[key] is None else f"`{toml_value(shown[key])}`"), key
        assert told[key][4], key


def test_every_parameter_of_a_learner_is_told():
    """Those that an unknown one is told beside, with the default that the learner has."""
    schema = Schema(features=[Feature(name="x")], label=Label(classes=["a", "b"]))
    for model in (*COMPILED, "blend"):
        told = {cells[0].strip("`"): cells for section, cells in rows("configuration.md") if section == model}
        learner = make_learner(schema, LearnerConfig(model=model))
        assert list(told) == list(type(learner.parameters).model_fields)
        for name, cells in told.items():
            default = getattr(learner.parameters, name)
            assert cells[3]
            if name != "members":
                assert cells[2] == f"`{toml_value(default)}`", (model, name)


def test_what_may_change_between_starts_is_what_a_checkpoint_allows():
    """``live`` and ``fixed`` are those of the rule by which a checkpoint is refused; a service's tables are neither."""
    told = {f"{section}.{cells[0].strip('`')}": cells[3] for section, cells in rows("configuration.md")}
    judged = {key.replace("schema.features.x.", "schema.features."): live for key, (_, live) in keys(Config(), SCHEMA)}
    both = told.keys() & judged.keys()
    assert len(both) > 70
    assert {k: told[k] for k in both} == {k: "live" if judged[k] else "fixed" for k in both}
    service = {key for key in told if key.split(".")[0] in SERVICE_TABLES}
    assert service
    assert {told[key] for key in service} == {"start"}
    assert {key for key in told if told[key] == "start"} == service


def commands(*words):
    """The words of every command, found by asking for help."""
    told = CliRunner().invoke(app, [*words, "--help"], terminal_width=200, env={"COLUMNS": "200"}).output
    listed = told.partition("Commands")[2]
    found = re.findall(r"^\W*([a-z][a-z-]+)\s{2,}", listed, re.M)
    if not found:
        yield " ".join(words), told
    for word in found:
        yield from commands(*words, word)


def test_every_command_and_option_is_told():
    """What ``--help`` offers stands in the section of its command, the variable of the environment with it."""
    told = {}
    for section, cells in rows("cli.md"):
        told.setdefault(section, []).append(" ".join(cells))
    sections = {line[4:-1] for line in (DOCS / "cli.md").read_text().splitlines() if line.startswith("## `")}
    helped = {f"streamimb {words}": text for words, text in commands()}
    assert set(helped) == sections
    for command, text in helped.items():
        options = set(re.findall(r"^[│ *]*(--[a-z][a-z-]*)", text, re.M)) - {"--help"}
        variables = set(re.findall(r"STREAMIMB_[A-Z_]+", text))
        named = " ".join(told.get(command, []))
        assert {each for each in options | variables if f"`{each}`" not in named} == set(), command


READ = [*sorted(DOCS.glob("*.md")), DOCS.parent / "README.md", DOCS.parent / "deploy" / "runbook.md"]


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page):
    """Metrics, alerts, keys: no page sends its reader to one that is no more."""
    text = page.read_text()
    suffixes = r"(?:_(?:bucket|sum|count))?"
    metrics = {re.sub(suffixes + "$", "", name) for name in re.findall(r"\bstreamimb_[a-z0-9_]*[a-z0-9]\b", text)}
    known = {PREFIX + spec.name for spec in METRICS} | {"streamimb_services"}
    assert {m for m in metrics if m not in known and not re.search(rf"{m}[*{{:]", text)} == set()
    rules = (DOCS.parent / "deploy" / "prometheus" / "rules" / "alerts.yml").read_text()
    assert set(re.findall(r"\bStreamimb[A-Z]\w+", text)) <= set(re.findall(r"alert: (\w+)", rules)) | {"StreamimbError"}
    keyed = {key for key, _, _ in load_settings().items()} | {"label.time", "label.unknown", "schema.label.time"}
    tables = {key.rpartition(".")[0] for key in keyed}
    named = re.findall(rf"`((?:{'|'.join(Config.model_fields)})\.[a-z_.]*[a-z_])(?: = [^`]*)?`", text)
    assert {key for key in named if key not in keyed | tables and not key.startswith("kafka.")} == set()


def written():
    """Every command of ours that a page shows behind a prompt."""
    for page in READ:
        for line in re.findall(r"^ *\$ (?:[A-Z_]+=\S+ )?(?:\S*/)?streamimb (.*)", page.read_text(), re.M):
            yield page.name, re.split(r" \| | > | && |  +#| # ", line)[0].strip()


def test_commands_as_written_can_be_called():
    """A command that a page shows is one that there is, with options that it has."""
    helped = dict(commands())
    lines = list(written())
    assert len(lines) > 40
    for page, line in lines:
        words = [c for c in helped if line == c or line.startswith(f"{c} ")]
        assert words or line.startswith("--version"), (page, line)
        for option in re.findall(r"(?:^|\s)(-{1,2}[a-z][a-z-]*)", line) if words else ():
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", helped[max(words, key=len)]), (page, line, option)
