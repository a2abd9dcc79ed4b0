"""`flask desk diagrams`: writes docs/workflows.md from the tables of the laws, so that the picture is never older than the rule."""

from pathlib import Path

import click

from app.core.permissions import PERMISSIONS
from workflows.call_tasks import CALL_TASK
from workflows.engine import STAY, Step, Workflow
from workflows.orders import ORDER
from workflows.tickets import TICKET

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"
MADE = "<!-- Made by `flask desk diagrams`. Change the tables in workflows/, not this page. -->"
LAWS = (
    (TICKET, "Tickets 工单", "workflows/tickets.py"),  # data
    (ORDER, "Service orders 服务订单", "workflows/orders.py"),  # data
    (CALL_TASK, "Calls to make 回电任务", "workflows/call_tasks.py"),  # data
)


def page() -> str:
    """The page: for each law its diagram, its states and a row for each step."""
    intro = (
        "Each law is a table, one row a step; `workflows/engine.py` runs it. `take(law, item, step, actor, …)` is the only "
        "way to change a state: it asks for the permission, the guards and the needs, writes the audit entry and the event, "
        "and counts up the version. *Stays* means that the state does not change. A step marked *while held* is also "
        "possible on a held item."
    )
    return "\n\n".join(["# The laws", MADE, intro, *(_law(*law) for law in LAWS)]) + "\n"


def _law(law: Workflow, title: str, place: str) -> str:
    states = ["| state | 状态 | |", "|---|---|---|"]  # data
    for state, label in law.labels.items():
        role = "start" if state == law.start else "end" if state in law.ends else ""
        states.append(f"| `{state}` | {label} | {role} |")
    steps = ["| step | 步骤 | from | to | permission | needs | guards |", "|---|---|---|---|---|---|---|"]  # data
    steps += [_row(law, step) for step in law.steps]
    parts = [f"## {title}", f"The table: `{place}`.", f"```mermaid\n{law.mermaid()}\n```"]
    return "\n\n".join([*parts, "\n".join(states), "\n".join(steps)])


def _row(law: Workflow, step: Step) -> str:
    came = ", ".join(f"`{state}`" for state in law.states if state in step.sources)
    goes = " or ".join("stays" if target == STAY else f"`{target}`" for target in step.targets)
    needs = "; ".join(" or ".join(f"`{name}`" for name in need.names) for need in step.needs)
    guards = "; ".join(guard.__name__.replace("_", " ") for guard in step.guards)
    held = "; while held" if step.while_held else ""
    permission = f"`{step.permission}` {PERMISSIONS[step.permission]}"
    return f"| `{step.name}` | {step.label} | {came} | {goes} | {permission} | {needs} | {guards}{held} |".replace("| ;", "|")


def write() -> bool:
    """Write the page; False where it was fresh already."""
    text = page()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return False
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return True


@click.command("diagrams")
def diagrams() -> None:
    """For developers: write docs/workflows.md, the laws of tickets and orders as diagrams and tables."""
    click.echo(str(PAGE.name) if write() else "nothing to change")
