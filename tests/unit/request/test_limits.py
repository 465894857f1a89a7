"""The service's limits on what lies under an input prefix, and the estimated price."""

from __future__ import annotations

from typing import Any

import pytest

from entities_job.request.limits import MAXIMUM_BYTES, MB, Tally, units


def tally(*sizes: int, name: str = "a.txt", custom: bool = False) -> Tally:
    counted = Tally(custom=custom, by_line=False)
    for size in sizes:
        counted.add({"File": name, "Size": size})
    return counted


def rules(counted: Tally, **ceilings: Any) -> list[str]:
    return [violation.rule for violation in counted.violations("s3://in-bucket/in/", ceilings)]


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
        (tally(499), "at least 500 bytes in all, holds 499"),
        (tally(*[MAXIMUM_BYTES // 2 + 1] * 2), "at most 5,368,709,120 bytes"),
        (tally(*[MB] * 501, name="a.PDF", custom=True), "at most 500 files"),
    ],
)
def test_limits_on_the_whole_input(counted: Tally, rule: str) -> None:
    assert any(rule in found for found in rules(counted))


def test_a_million_documents_and_no_more() -> None:
    counted = tally(1000)
    counted.documents = 1_000_001
    assert "holds 1,000,001" in rules(counted)[0]


def test_the_floor_is_the_built_in_models_only() -> None:
    assert rules(tally(1, custom=True)) == []


def test_padding_counts_for_the_floor_but_is_no_document_and_costs_nothing() -> None:
    counted = tally(100)
    counted.add({"File": "padding", "Size": 400, "Padding": True})
    assert (rules(counted), counted.documents, counted.units) == ([], 1, 3)


def test_documents_that_the_service_will_refuse_are_warned_of() -> None:
    assert [w["Warning"] for w in tally(0, MB + 1, MB).warnings] == [
        "is empty",
        "has 1,048,577 bytes; the service takes at most 1,048,576 in such a document",
    ]
    assert tally(50 * MB, name="a.pdf", custom=True).warnings == []
    assert len(tally(50 * MB, name="a.pdf").warnings) == 1


@pytest.mark.parametrize(("name", "ceiling"), [("Documents", 1), ("Bytes", 1999), ("CostUsd", 0.001)])
def test_the_workflows_own_ceilings(name: str, ceiling: float) -> None:
    assert f"ceiling of {ceiling:,} {name}" in rules(tally(1000, 1000), **{name: ceiling})[0]
    assert rules(tally(1000, 1000), **{name: 2000}) == []


def test_semi_structured_files_need_one_document_a_file() -> None:
    counted = Tally(custom=True, by_line=True)
    counted.add({"File": "a.docx", "Size": 600, "Lines": 1}, 6)
    assert rules(counted) == ["must be ONE_DOC_PER_FILE where PDF, Word or image files lie under the prefix"]
