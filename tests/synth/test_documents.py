"""What is generated from the contracts is up to date."""

from __future__ import annotations

from bench.contracts import DOCS, documents, stale


def test_schema_and_tables_fit_the_contracts() -> None:
    assert stale() == [], "run make contracts"


def test_the_page_has_a_table_of_every_contract_that_is_sent_or_published() -> None:
    names = [path.name for path, _ in documents()]
    assert names == ["event-schema.json", "architecture.md", "contract.md", "troubleshooting.md", "queries.md"]
    page = "".join((DOCS / name).read_text("utf-8") for name in ("architecture.md", "contract.md"))
    for name in ("Settings", "PublishResultInput", "ManifestLine", "Outcome", "Record", "JobRequest"):
        assert page.count(f"| `{name}` | `") >= 1
