"""Checks the built documentation site: every link leads somewhere, no page loads anything from the network, and the
search knows every argument of the workflow.

``python -m bench.site [folder]`` prints what is wrong, and exits with 1 if anything is. It needs no package.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"

WORKFLOW = "cdk_comprehend_entities.EntitiesDetectionWorkflow"

_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
"""Elements that a browser loads as it shows the page, beside stylesheets and the like."""

_LOADING_RELATIONS = {"stylesheet", "preconnect", "preload", "modulepreload", "prefetch", "dns-prefetch", "icon"}
_LOADS_IN_STYLES = re.compile(r"(?:url\(|@import\s)\s*[\"']?(?:https?:)?//[^)\"']+")


@dataclass
class Page(HTMLParser):
    """A page's anchors, its links, and what a browser loads with it."""

    text: str
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element names, refers to or loads."""
        known = {name: value or "" for name, value in attrs}
        self.anchors.update(known[name] for name in ("id", "name") if known.get(name))
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if tag == "link" and _LOADING_RELATIONS & set(known.get("rel", "").split()):
            self.loaded.append(known.get("href", ""))
        if known.get(_LOADS.get(tag, "")):
            self.loaded.append(known[_LOADS[tag]])


def problems(site: Path) -> Iterator[str]:
    """Yield one text for each broken link and for each thing that is loaded from the network."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site} has no pages; make docs builds it"
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    yield f"{name} loads {link}"
                continue
            # 404.html is served at any depth, so that its links begin at the root.
            base = site.resolve() if parts.path.startswith("/") else path.parent
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or not target.is_relative_to(site.resolve()):
                yield f"{name} links to {link}, which is no page or file of the site"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{name} links to {link}, which has no such anchor"
    for path in sorted(site.rglob("*.css")):
        for found in _LOADS_IN_STYLES.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(site)} loads {found}"


def arguments() -> list[str]:
    """Return the names of the workflow's arguments, read from its source."""
    source = (ROOT / "constructs" / "cdk_comprehend_entities" / "_workflow.py").read_text("utf-8")
    [found] = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    return [each.arg for each in (*found.args.args[1:], *found.args.kwonlyargs)]


def unknown_to_search(site: Path, names: list[str]) -> Iterator[str]:
    """Yield one text for each argument of the workflow whose description is no entry of the search's index."""
    index = json.loads((site / "search.json").read_text("utf-8"))
    described = {item["location"] for item in index["items"] if item["text"]}
    for name in names:
        if f"reference.html#{WORKFLOW}({name})" not in described:
            yield f"the search does not know the workflow's argument {name}"


def main(site: Path) -> int:
    """Print the problems; return 1 if there are any."""
    found = list(problems(site)) or list(unknown_to_search(site, arguments()))
    print("\n".join(found) or "Every link leads somewhere, nothing is loaded from the network, the search knows all.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SITE))
