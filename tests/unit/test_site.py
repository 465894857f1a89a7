"""The check of the built documentation: what it must find, and what it must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.site import WORKFLOW, arguments, problems, unknown_to_search

GOOD = '<h1 id="top">A</h1><a href="b.html#c">b</a><a href="#top">up</a><a href="https://example.com/">out</a>'


def site(folder: Path, **pages: str) -> Path:
    for name, text in {"index": GOOD, "b": '<p id="c">', **pages}.items():
        (folder / f"{name}.html").write_text(text)
    return folder


def test_a_site_whose_links_lead_somewhere_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("a { background: url(data:image/png;base64,AA) }")
    linked = '<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.com/">'
    assert list(problems(site(tmp_path, c=linked))) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('<a href="gone.html">', "c.html links to gone.html, which is no page or file of the site"),
        ('<a href="../secret.html">', "c.html links to ../secret.html, which is no page or file of the site"),
        ('<a href="b.html#d">', "c.html links to b.html#d, which has no such anchor"),
        ('<a href="#d">', "c.html links to #d, which has no such anchor"),
        ('<img src="gone.png">', "c.html links to gone.png, which is no page or file of the site"),
        ('<script src="https://cdn/x.js"></script>', "c.html loads https://cdn/x.js"),
        ('<link rel="stylesheet" href="//fonts/x.css">', "c.html loads //fonts/x.css"),
        ('<link href="https://fonts/" rel="preconnect">', "c.html loads https://fonts/"),
    ],
)
def test_what_is_broken_or_loaded_from_the_network_is_listed(tmp_path: Path, text: str, problem: str) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (tmp_path / "secret.html").write_text("")
    assert list(problems(site(folder, c=text))) == [problem]


def test_fonts_of_stylesheets_and_a_missing_site_are_listed(tmp_path: Path) -> None:
    assert [text.split()[1:4] for text in problems(tmp_path)] == [["has", "no", "pages;"]]
    (tmp_path / "x.css").write_text('@import "https://fonts/a.css"; b { src: url(//fonts/b.woff) }')
    assert list(problems(site(tmp_path))) == [
        'x.css loads @import "https://fonts/a.css',
        "x.css loads url(//fonts/b.woff",
    ]


def test_an_argument_that_the_search_does_not_describe_is_listed(tmp_path: Path) -> None:
    items = [
        {"location": f"reference.html#{WORKFLOW}(tags)", "text": "tags of each job"},
        {"location": f"reference.html#{WORKFLOW}(vpc)", "text": ""},
    ]
    (tmp_path / "search.json").write_text(json.dumps({"items": items}))
    unknown = [text.split()[-1] for text in unknown_to_search(tmp_path, ["tags", "vpc", "limits"])]
    assert unknown == ["vpc", "limits"]


def test_the_arguments_are_the_workflows() -> None:
    found = arguments()
    assert found[:3] == ["scope", "construct_id", "language_code"]
    assert found[-1] == "narrow_permissions"
