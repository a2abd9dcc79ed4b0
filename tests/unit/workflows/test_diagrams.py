"""docs/workflows.md is made from the tables, and fresh."""

from app.commands import diagrams as cli_diagrams
from workflows.tickets import TICKET


def test_the_page_is_fresh() -> None:
    assert cli_diagrams.PAGE.read_text(encoding="utf-8") == cli_diagrams.page(), "run `flask desk diagrams`"


def test_the_page_has_a_row_for_each_step() -> None:
    text = cli_diagrams.page()
    for step in TICKET.steps:
        assert f"| `{step.name}` | {step.label} |" in text
    assert "stateDiagram-v2" in text
