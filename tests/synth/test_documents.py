"""What is generated from the contracts is up to date."""

from __future__ import annotations

from bench.contracts import DOCS, documents, stale


def test_schema_and_tables_fit_the_contracts() -> None:
    assert stale() == [], "run make contracts"


def test_the_page_has_a_table_of_every_contract_that_is_sent_or_published() -> None:
    assert [path.name for path, _ in documents()] == ["event-schema.json", "architecture.md", "queries.md"]
    page = (DOCS / "architecture.md").read_text("utf-8")
    for name in ("Settings", "PublishResultInput", "ManifestLine", "Outcome", "Record"):
        assert f"| `{name}` | `" in page
