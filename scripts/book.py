#!/usr/bin/env python3
"""What mdBook does not do for the book in docs/.

As its preprocessor (`book.py`, the book as JSON on stdin and stdout): links to files of the repository outside docs/ are
pointed at copies in the book, and equations (```math blocks and $`…`$, as GitHub writes them) are passed on to MathJax.

`book.py finish BOOK MATHJAX`: puts those files and MathJax into the built book, and checks every link of every page.
"""

import html
import html.parser
import json
import pathlib
import posixpath
import re
import shutil
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Folder of the book with the files of the repository that pages link to.
SOURCE = "source"
LINK = re.compile(r"\]\((\.\./[^)\s#]+)(#[^)\s]*)?\)")
BLOCK = re.compile(r"^```math\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"\$`([^`]+)`\$")
# `\(…\)` is typeset, dollar signs are not: they stand for shells' variables.
MATHJAX = """
<script>window.MathJax = {tex: {inlineMath: [["\\\\(", "\\\\)"]]}, options: {skipHtmlTags: ["script", "style", "pre", "code"]}};</script>
<script defer src="mathjax/tex-svg.js"></script>
"""


def entities(text):
    """The text such that Markdown changes nothing in it."""
    return "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)


def equations(text):
    text, blocks = BLOCK.subn(lambda m: '<div class="equation">\\[\n' + html.escape(m[1]) + "\n\\]</div>", text)
    text, inline = INLINE.subn(lambda m: entities("\\(" + m[1] + "\\)"), text)
    return text + MATHJAX if blocks + inline else text


def inside(text):
    return LINK.sub(lambda m: f"]({SOURCE}/{shown_as(m[1].removeprefix('../'))})", text)


def shown_as(name):
    """Name of a file in the book. mdBook takes a link to a .md file as one to a page, which these files are not."""
    return name.removesuffix(".md") + ".txt" if name.endswith(".md") else name


def chapters(items):
    for item in items:
        if "Chapter" in item:
            yield item["Chapter"]
            yield from chapters(item["Chapter"]["sub_items"])


def preprocess():
    _, book = json.load(sys.stdin)
    for chapter in chapters(book.get("items", book.get("sections"))):
        chapter["content"] = equations(inside(chapter["content"]))
    json.dump(book, sys.stdout)


class Page(html.parser.HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)


def copy_sources(book, pages):
    """Copies the linked files of the repository; a linked folder becomes a page that lists its files."""
    for page in pages.values():
        for link in page.links:
            path = urllib.parse.unquote(urllib.parse.urlsplit(link).path)
            if not path.startswith(SOURCE + "/"):
                continue
            name = path.removeprefix(SOURCE + "/")
            source, target = ROOT / name, book / path
            if not source.exists():
                source = source.with_suffix(".md")
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
                rows = "".join(f'<li><a href="{p.name}">{p.name}</a></li>' for p in sorted(source.iterdir()) if p.is_file())
                (target / "index.html").write_text(f"<!doctype html><title>{name}</title><h1>{name}</h1><ul>{rows}</ul>")
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)


def dead_links(book, pages):
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                target = book / posixpath.normpath(posixpath.join(path.parent.relative_to(book), urllib.parse.unquote(parts.path)))
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{path.name}: {link}: no such file"
            elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path.name}: {link}: no such heading"


def finish(book, mathjax):
    # The page of all pages, for printing, repeats their links; those of the page for missing files are absolute.
    others = ("print.html", "toc.html", "404.html")
    pages = {path: Page(path) for path in sorted(book.glob("*.html")) if path.name not in others}
    copy_sources(book, pages)
    (book / "mathjax").mkdir(exist_ok=True)
    for name in ("es5/tex-svg.js", "LICENSE"):
        shutil.copy(mathjax / name, book / "mathjax")
    for name in ("book.toml", "SUMMARY.md"):
        (book / name).unlink(missing_ok=True)
    dead = sorted(set(dead_links(book, pages)))
    for line in dead:
        print(line, file=sys.stderr)
    if dead:
        sys.exit(f"{len(dead)} dead links in the book")
    remote = sorted({link for page in pages.values() for link in page.links if link.endswith((".js", ".css")) and "://" in link})
    if remote:
        sys.exit(f"the book would load {remote}: it must work without a network")
    print(f"{len(pages)} pages, no dead link: {book}/index.html")


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2:] == ["html"] else 1)
    if sys.argv[1:2] == ["finish"]:
        finish(pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]))
    else:
        preprocess()
