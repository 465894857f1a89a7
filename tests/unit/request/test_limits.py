"""The service's limits on what lies under an input prefix, and the estimated price."""

from __future__ import annotations

import pytest

from entities_job.contracts import Ceilings
from entities_job.request.limits import MAXIMUM_BYTES, MB, Tally, units


def tally(*sizes: int, name: str = "a.txt", custom: bool = False) -> Tally:
    counted = Tally(custom=custom, by_line=False)
    for size in sizes:
        counted.add({"File": name, "Source": name, "Size": size})
    return counted


def rules(counted: Tally, ceilings: Ceilings | None = None) -> list[str]:
    return [violation.rule for violation in counted.violations("s3://in-bucket/in/", ceilings or {})]


@pytest.mark.parametrize(("characters", "charged"), [(0, 3), (1, 3), (300, 3), (301, 4), (1000, 10), (MB, 10_486)])
def test_units_of_a_document(characters: int, charged: int) -> None:
    assert units(characters) == charged


def test_the_price_is_the_first_tiers() -> None:
    assert tally(*[1000] * 1000).cost == pytest.approx(1.0)
    assert tally(*[1000] * 1000, custom=True).cost == pytest.approx(5.0)


def test_an_input_within_the_limits_passes() -> None:
    assert rules(tally(250, 250)) == []


@pytest.mark.parametrize(
    ("counted", "rule"),
    [
        (tally(), "at least one document"),
        (tally(499), "at least 500 bytes in all, contains 499"),
        (tally(*[MAXIMUM_BYTES // 2 + 1] * 2), "at most 5,368,709,120 bytes"),
        (tally(*[MB] * 501, name="a.PDF", custom=True), "at most 500 files"),
    ],
)
def test_limits_on_the_whole_input(counted: Tally, rule: str) -> None:
    assert any(rule in found for found in rules(counted))


@pytest.mark.parametrize(
    ("field", "most", "others"),
    [
        ("size", 5 * 1024**3, {}),
        ("documents", 1_000_000, {}),
        ("files", 500, {"custom": True, "semi_structured": 1}),
    ],
)
def test_what_is_at_a_limit_is_allowed_and_one_more_is_not(field: str, most: int, others: dict[str, int]) -> None:
    counted = tally(1000)
    for name, value in {**others, field: most}.items():
        setattr(counted, name, value)
    assert rules(counted) == []
    setattr(counted, field, most + 1)
    assert [f"contains {most + 1:,}" in rule for rule in rules(counted)] == [True]


def test_files_are_limited_only_where_pdf_word_or_images_are_among_them() -> None:
    counted = tally(1000, custom=True)
    counted.files = 501
    assert rules(counted) == []


def test_the_least_input_is_500_bytes() -> None:
    assert rules(tally(500)) == []
    assert len(rules(tally(499))) == 1


@pytest.mark.parametrize(
    ("suffix", "megabytes"),
    [("txt", 1), ("pdf", 50), ("docx", 5), *[(s, 10) for s in ("jpg", "jpeg", "png", "tif", "tiff")]],
)
def test_a_document_may_have_its_kinds_own_limit(suffix: str, megabytes: int) -> None:
    counted = tally(megabytes * 1024**2, name=f"a.{suffix}", custom=True)
    assert counted.warnings.kept == []
    assert len(tally(megabytes * 1024**2 + 1, name=f"a.{suffix}", custom=True).warnings.kept) == 1
    # A line of a file has no limit of the file's.
    by_line = Tally(custom=False, by_line=True)
    assert by_line.add({"File": "a.txt", "Source": "a", "Size": megabytes * 1024**2 + 1, "Lines": 1}, 3)


def test_the_floor_is_the_built_in_models_only() -> None:
    assert rules(tally(1, custom=True)) == []


def test_padding_counts_for_the_floor_but_is_no_document_and_costs_nothing() -> None:
    counted = tally(100)
    assert not counted.add({"File": "padding", "Source": "padding", "Size": 400, "Padding": True})
    assert (rules(counted), counted.documents, counted.units) == ([], 1, 3)


def test_documents_that_the_service_will_refuse_are_warned_of() -> None:
    assert [w["Warning"] for w in tally(0, MB + 1, MB).warnings.kept] == [
        "is empty",
        "has 1,048,577 bytes; the service accepts at most 1,048,576 in such a document",
    ]
    assert tally(50 * MB, name="a.pdf", custom=True).warnings.kept == []
    assert len(tally(50 * MB, name="a.pdf").warnings.kept) == 1


@pytest.mark.parametrize(
    ("ceilings", "rule"),
    [
        ({"Documents": 1}, "limit of 1 Documents with 2"),
        ({"Bytes": 1999}, "limit of 1,999 Bytes with 2,000"),
        ({"CostUsd": 0.001}, "limit of 0.001 CostUsd with 0.002"),
    ],
)
def test_the_workflows_own_ceilings(ceilings: Ceilings, rule: str) -> None:
    assert rule in rules(tally(1000, 1000), ceilings)[0]
    assert rules(tally(1000, 1000), {"Documents": 2, "Bytes": 2000, "CostUsd": 0.002}) == []


def test_semi_structured_files_need_one_document_a_file() -> None:
    counted = Tally(custom=True, by_line=True)
    counted.add({"File": "a.docx", "Source": "a.docx", "Size": 600, "Lines": 1}, 6)
    assert rules(counted) == ["must be ONE_DOC_PER_FILE if PDF, Word or image files are under the prefix"]
