"""The report: all that was published is in its one file, and nothing in a document can break it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from comprehend_entities_cli.report import page
from tests.account import Account
from tests.command_line import typed
from tests.unit.cli.test_results import entity, publish

HOSTILE = "</script><script>alert('1')</script>"


class Report:
    """What the page's own script reads of a report."""

    def __init__(self, path: Path) -> None:
        self.html = path.read_text("utf-8")
        packed = dict(re.findall(r'<script type="application/gzip" id="(\w+)">([A-Za-z0-9+/=]*)</script>', self.html))
        data = {name: json.loads(gzip.decompress(base64.b64decode(value))) for name, value in packed.items()}
        self.index = data.pop("index")
        self.chunks = [data[f"chunk{number}"] for number in range(len(data))]

    @property
    def documents(self) -> list[tuple[str, Any]]:
        """Name and content of each document."""
        return list(
            zip(self.index["documents"]["name"], (each for chunk in self.chunks for each in chunk), strict=True)
        )

    def content(self, name: str) -> tuple[str | None, str, list[list[Any]]]:
        """Text, why there is none, and entities of a document."""
        [found] = [content for known, content in self.documents if known == name]
        text, why, entities = found
        return text, why, entities


def written(folder: Path, *arguments: str) -> Report:
    path = folder / "report.html"
    told = typed("report", "--output", str(path), "--force", *arguments)
    assert told.code == 0, told.err
    return Report(path)


def test_every_document_is_there_with_its_text_and_its_entities(account: Account, tmp_path: Path) -> None:
    number = 450
    for each in range(number):
        account.put(f"s3://in/input/{each:03}.txt", f"Ada saw London {each}.".encode())
    found = [entity("Ada"), entity("London", "LOCATION", 8)]
    publish(account, *({"File": f"{each:03}.txt", "Entities": found} for each in range(number)))
    report = written(tmp_path)
    assert [name for name, _ in report.documents] == [f"{each:03}.txt" for each in range(number)]
    assert all(text == f"Ada saw London {each}." for each, (_, (text, _, _)) in enumerate(report.documents))
    entities = report.index["entities"]
    assert (entities["text"], entities["mentions"]) == (["Ada", "London"], [number, number])
    assert entities["places"][0] == [0] + [1] * (number - 1)
    [job] = report.index["jobs"]
    assert (job["name"], job["status"], job["types"]) == (
        "5dfc-run",
        "COMPLETED",
        {"PERSON": number, "LOCATION": number},
    )


def test_offsets_count_as_javascript_counts(account: Account, tmp_path: Path) -> None:
    account.put("s3://in/input/a.txt", "\N{GRINNING FACE} and Ada \N{GRINNING FACE}".encode())
    publish(account, {"File": "a.txt", "Entities": [entity("Ada", begin=6)]})
    text, _, [[begin, end, *_]] = written(tmp_path).content("a.txt")
    assert text
    in_javascript = text.encode("utf-16-le")
    assert in_javascript[2 * begin : 2 * end].decode("utf-16-le") == "Ada"


def test_a_line_is_a_document_with_the_text_of_the_line(account: Account, tmp_path: Path) -> None:
    account.put("s3://in/input/a.txt", b"first\r\nAda is second\nthird")
    publish(account, *({"File": "a.txt", "Line": line, "Entities": []} for line in range(4)))
    report = written(tmp_path)
    texts = [report.content(f"a.txt, line {line}")[0] for line in range(1, 5)]
    assert texts == ["first", "Ada is second", "third", None]
    assert sum("a.txt" in read for read in account.reads) == 0
    assert account.calls["GetObject"] < 10


@pytest.mark.parametrize(("code", "reason"), [("AccessDenied", "no permission"), ("NoSuchKey", "was deleted")])
def test_a_text_that_cannot_be_read_is_left_out_with_the_reason(
    account: Account, tmp_path: Path, code: str, reason: str
) -> None:
    publish(account, {"File": "gone.txt", "Entities": [entity("Ada")]})
    if code == "AccessDenied":
        account.put("s3://in/input/gone.txt", b"Ada")
        original = account._GetObject

        def denied(given: dict[str, Any]) -> dict[str, Any]:
            if given["Bucket"] == "in":
                raise account.refused("AccessDenied")
            return original(given)

        account._GetObject = denied  # type: ignore[method-assign]  # what is tested
    text, why, entities = written(tmp_path).content("gone.txt")
    assert (text, entities[0][4]) == (None, "Ada")
    assert reason in why


def test_failed_documents_have_their_path_and_the_reason(account: Account, tmp_path: Path) -> None:
    publish(account, {"File": "a%20b.txt", "ErrorCode": "NOT_RECEIVED", "ErrorMessage": "never answered"})
    documents = written(tmp_path).index["documents"]
    assert documents["error"] == [["NOT_RECEIVED", "never answered"]]
    # As it is: a name may hold what looks like an escape.
    assert (documents["source"], documents["name"]) == (["s3://in/input/a%20b.txt"], ["a%20b.txt"])


def test_nothing_in_a_document_is_read_as_html(account: Account, tmp_path: Path) -> None:
    text = f"Ada {HOSTILE}"
    account.put("s3://in/input/a.txt", text.encode())
    publish(account, {"File": "a.txt", "Entities": [entity(HOSTILE, HOSTILE, 4)]}, status=HOSTILE)
    report = written(tmp_path, "--note", HOSTILE)
    assert "alert('1')" not in report.html
    assert report.content("a.txt")[0] == text
    assert "default-src 'none'" in report.html
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", report.html)


def test_names_that_utf8_cannot_hold_are_in_the_report(account: Account, tmp_path: Path) -> None:
    publish(account, {"File": "a.txt", "Entities": [{"Score": 0.5, "Text": "pdf \ud7ff", "Type": "X"}]})
    text, why, entities = written(tmp_path).content("a.txt")
    assert text is None
    assert "PDF, Word or image" in why
    assert entities[0][:2] == [-1, -1]


def test_without_texts_none_is_read(account: Account, tmp_path: Path) -> None:
    account.put("s3://in/input/a.txt", b"Ada")
    publish(account, {"File": "a.txt", "Entities": [entity("Ada")]})
    assert written(tmp_path, "--no-texts").content("a.txt")[0] is None


def test_texts_end_where_the_report_would_be_too_large(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_CHUNK_CHARACTERS", 1)
    for each in range(9):
        account.put(f"s3://in/input/{each}.txt", str(each).encode() * 100)
    publish(account, *({"File": f"{each}.txt", "Entities": [entity(str(each))]} for each in range(9)))
    whole = written(tmp_path)
    assert whole.index["left_out"] == 0
    monkeypatch.setattr(page, "LARGEST_BYTES", page._RESERVED_BYTES + whole.html.index('id="chunk4"'))
    report = written(tmp_path)
    shown = [text is not None for _, (text, _, _) in report.documents]
    assert report.index["left_out"] == shown.count(False) > 0
    assert shown == sorted(shown, reverse=True)
    assert all("80 MB" in why for _, (text, why, _) in report.documents if text is None)
    assert [entities[0][4] for _, (_, _, entities) in report.documents] == [str(each) for each in range(9)]


def test_a_report_that_fails_leaves_no_file_and_keeps_the_old_one(account: Account, tmp_path: Path) -> None:
    publish(account, {"File": "a.txt", "Entities": [entity("Ada")]})
    path = tmp_path / "report.html"
    path.write_text("old")
    account.put("s3://in/input/a.txt", b"Ada")
    account.fail("GetObject", "InternalError", times=99)
    assert typed("report", "--output", str(path), "--force").code == 1
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("report.html", "old")]


def test_without_results_the_report_is_empty(account: Account, tmp_path: Path) -> None:
    report = written(tmp_path)
    assert (report.documents, report.index["jobs"]) == ([], [])
