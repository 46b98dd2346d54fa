"""The site of the documentation: its links hold, it fetches nothing from elsewhere, and its pages are plain."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = DOCS / "mkdocs" / "mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, from a build in which any broken link, anchor or page that no menu names is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = build(CONFIG, folder)
    assert done.returncode == 0, done.stderr
    return folder


def build(config, folder):
    # Not quiet: what is not said does not count as a warning, and strict has nothing to refuse.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        ("faq.md", "[x](nowhere.md)", "nowhere.md"),
        ("faq.md", "[x](tuning.md#no-such-place)", "no-such-place"),
        ("left-out.md", "# A page that no menu names", "left-out.md"),
    ],
)
def test_what_is_broken_is_refused(tmp_path, page, text, said):
    copied = tmp_path / "docs"
    shutil.copytree(DOCS, copied)
    with (copied / page).open("a") as file:
        file.write(f"\n{text}\n")
    done = build(copied / "mkdocs" / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0 and said in done.stderr


class Fetched(HTMLParser):
    """What a browser fetches for a page without being asked: not what a reader may follow."""

    def __init__(self):
        super().__init__()
        self.urls = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.urls.append(given.get("src"))
        if tag == "link" and given.get("rel") != "canonical":
            self.urls.append(given.get("href"))


def test_every_page_is_built(site):
    assert {p.stem for p in DOCS.glob("*.md")} <= {p.stem for p in site.glob("*.html")}


def test_nothing_is_fetched_from_elsewhere(site):
    """No fonts, no scripts, no pictures: the site works where the network ends."""
    for page in site.glob("*.html"):
        parser = Fetched()
        parser.feed(page.read_text())
        assert parser.urls
        assert [url for url in parser.urls if url and re.match(r"(?:https?:)?//", url)] == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", sheet.read_text()), sheet.name


def test_the_configuration_is_not_published(site):
    assert not list(site.rglob("mkdocs.yml"))
    assert (site / "mkdocs" / "extra.css").exists()


def test_pages_are_plain_markdown():
    """A code host shows them as they are: no marks that only this theme's extensions know."""
    for page in DOCS.glob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
        assert not re.search(r"^(?:!!!|\?\?\?|===) |\{[:.#][^}`]*\}$|^\[TOC\]", text, re.M), page.name
