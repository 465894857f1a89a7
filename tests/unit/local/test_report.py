"""The report: what it shows, and that nothing in a document can break it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from local.report import SHOWN_CHARACTERS, SHOWN_DOCUMENTS, History, Run, write_report

SOURCE = "s3://in/input/a.txt"
HOSTILE = "<script>alert('1')</script>"


class _Page(HTMLParser):
    """What a browser makes of the report: tags with their attributes, texts, and the marked passages."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.marks: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self._type = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "mark":
            self._type = str(dict(attrs)["data-type"])

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["mark"]:
            self.marks.append((data, self._type))
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def entity(text: str, begin: int, kind: str = "PERSON") -> dict[str, Any]:
    return {"BeginOffset": begin, "EndOffset": begin + len(text), "Text": text, "Type": kind, "Score": 0.99}


def record(*entities: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Source": SOURCE, "File": "a.txt", "Entities": list(entities)} | fields


def run(*records: dict[str, Any], text: str = "", title: str = "English", **outcome: Any) -> Run:
    history = History([("SUBMITTED", 0.0), ("IN_PROGRESS", 12.0), ("COMPLETED", 366.0)], [20.0, 370.0])
    return Run(title, {"Status": "COMPLETED", **outcome}, list(records), {SOURCE: text}, history)


def page(folder: Path, *runs: Run) -> _Page:
    path = folder / "report.html"
    write_report(path, runs)
    return _Page(path.read_text("utf-8"))


def test_entities_are_marked_at_their_code_points(tmp_path: Path) -> None:
    shown = page(tmp_path, run(record(entity("Ada", 2), entity("Zürich", 9, "LOCATION")), text="😀 Ada in Zürich."))

    assert shown.marks == [("Ada", "PERSON"), ("Zürich", "LOCATION")]
    assert "😀 Ada (PERSON) in Zürich (LOCATION)." in shown.text


@pytest.mark.parametrize("separator", ["\n", "\r", "\r\n"])
def test_a_line_is_a_document_of_its_own(tmp_path: Path, separator: str) -> None:
    text = separator.join(["Nobody here", "Ada\u2028was", "Bob"])
    shown = page(tmp_path, run(record(entity("Ada", 0), Line=1), record(entity("Bob", 0), Line=2), text=text))

    assert shown.marks == [("Ada", "PERSON"), ("Bob", "PERSON")]
    assert "a.txt, line 2" in shown.text
    assert "Nobody here" not in shown.text


@pytest.mark.parametrize(
    "odd",
    [
        entity("Ada Love", 0),
        entity("gone", 400),
        entity("Ada", -1),
        {"BeginOffset": 5, "EndOffset": 5, "Text": "empty", "Type": "PERSON"},
        {"BeginOffset": 7, "EndOffset": 4, "Text": "turned", "Type": "PERSON"},
        entity("other text", 4),
    ],
)
def test_an_entity_that_cannot_be_marked_is_listed_below(tmp_path: Path, odd: dict[str, Any]) -> None:
    shown = page(tmp_path, run(record(entity("Ada Lovelace", 0), odd), text="Ada Lovelace wrote."))

    assert shown.marks == [("Ada Lovelace", "PERSON")]
    assert re.search(rf"PERSON {odd['Text']}\b", shown.text)


def test_entities_of_a_page_stand_without_the_text(tmp_path: Path) -> None:
    block = {"BlockReferences": [], "Text": "Ada", "Type": "PERSON", "Score": 0.9}
    shown = page(tmp_path, run(record(block), text="%PDF-1.7 raw bytes"))

    assert "PERSON Ada" in shown.text
    assert "raw bytes" not in shown.text


def test_a_document_whose_text_is_unknown_still_shows_its_entities(tmp_path: Path) -> None:
    shown = page(tmp_path, run(record(entity("Ada", 0), Source="s3://in/input/b.txt")))

    assert "b.txt" in shown.text
    assert "PERSON Ada" in shown.text


def test_nothing_hostile_becomes_markup(tmp_path: Path) -> None:
    kind = '"><img src=x onerror=alert(1)>'
    hostile = run(
        record(entity(HOSTILE, 0, kind), Source=f"s3://in/{HOSTILE}"),
        {"Source": HOSTILE, "ErrorCode": HOSTILE, "ErrorMessage": HOSTILE},
        title=HOSTILE,
        Status=f'x"{HOSTILE}',
        Job={"JobId": HOSTILE},
        Error={"Code": HOSTILE, "Message": HOSTILE, "Hint": HOSTILE},
        Counts={"EntitiesByType": {kind: 1}},
    )
    hostile.texts[f"s3://in/{HOSTILE}"] = HOSTILE
    shown = page(tmp_path, hostile)

    assert not shown.named("script")
    assert not shown.named("img")
    assert shown.marks == [(HOSTILE, kind)]


def test_the_report_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    shown = page(tmp_path, run(record(entity("Ada", 0)), text="Ada"))

    assert not [name for name, _ in shown.tags if name in {"script", "link", "img", "iframe", "object"}]
    assert not [attributes for _, attributes in shown.tags if "src" in attributes]
    links = [str(anchor["href"]) for anchor in shown.named("a")]
    assert links
    assert not [link for link in links if not link.startswith("#")]
    assert "--hue:" in shown.text
    assert "url(" not in shown.text
    assert "@import" not in shown.text


def test_types_of_a_custom_recognizer_have_colours_of_their_own(tmp_path: Path) -> None:
    found = record(entity("Titanic", 0, "SHIP"), entity("Zarya", 8, "SPACECRAFT"))
    shown = page(tmp_path, run(found, text="Titanic Zarya"))

    classes = [str(mark["class"]) for mark in shown.named("mark")]
    colours = dict(re.findall(r"\.(k\d+) \{ (--hue: .*?) \}", shown.text))
    assert len(colours) == len(set(colours.values())) == 11
    assert set(classes) == {"k9", "k10"}


def test_failed_and_missing_documents_are_named(tmp_path: Path) -> None:
    failed = {"Source": "s3://in/input/big.txt", "ErrorCode": "DOCUMENT_SIZE_EXCEEDED", "ErrorMessage": "too big"}
    missing = {"Source": "s3://in/input/lost.txt", "Line": 4, "ErrorCode": "NOT_RECEIVED"}
    shown = page(tmp_path, run(failed, missing))

    for part in ("big.txt", "DOCUMENT_SIZE_EXCEEDED", "too big", "lost.txt, line 5", "NOT_RECEIVED"):
        assert part in shown.text


def test_a_run_without_job_shows_its_error(tmp_path: Path) -> None:
    error = {"Code": "RequestRefused", "Message": "LanguageCode: 'xx' is none of the languages"}
    outcome = {"Status": "REFUSED", "Error": error, "Job": None, "LagSeconds": None}
    refused = Run("Refused", outcome, [], {}, History([], []))
    shown = page(tmp_path, refused)

    assert "RequestRefused" in shown.text
    assert "LanguageCode: 'xx'" in shown.text
    assert not shown.named("svg")
    assert refused.history.job_seconds == 0.0


def test_the_timeline_has_each_state_and_poll(tmp_path: Path) -> None:
    shown = page(tmp_path, run())

    assert "IN_PROGRESS 0:12 to 6:06" in shown.text
    assert "COMPLETED at 6:06" in shown.text
    assert "polls at 0:20, 6:10" in shown.text
    assert len(shown.named("rect")) == 2
    assert [circle["cx"] for circle in shown.named("circle")][-1] == "100.0%"


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    records = [record(Source=f"s3://in/input/{number}.txt") for number in range(SHOWN_DOCUMENTS + 7)]
    long = run(record(), text="x" * (SHOWN_CHARACTERS + 1_234))
    shown = page(tmp_path, run(*records), long)

    assert len(shown.named("article")) == SHOWN_DOCUMENTS + 1
    assert "and 7 more documents" in shown.text
    assert "and 1,234 more characters" in shown.text
    assert len(shown.named("details")) == 1


def test_half_a_surrogate_pair_in_a_name_does_not_stop_the_report(tmp_path: Path) -> None:
    shown = page(tmp_path, run(record({"Text": "\ud83d", "Type": "PERSON", "BlockReferences": []})))

    assert "PERSON ?" in shown.text
