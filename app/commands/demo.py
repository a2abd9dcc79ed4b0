"""`flask desk demo`: the demo's people, machines, knowledge and tickets."""

import click
from flask import current_app
from flask.cli import AppGroup

from app.commands.output import answer, json_option, plain_errors
from app.demo.load import is_loaded, load_demo


def hang_into(desk: AppGroup) -> None:
    """Add the command to the group."""
    desk.command("demo")(demo)


@click.option("--reset", is_flag=True, help="Empty every table first. Everything that is there is lost.")
@click.option("--tickets", "count", type=click.IntRange(0, 100_000), help="As many tickets; default: 120.")
@json_option
@plain_errors
def demo(reset: bool, count: int | None, as_json: bool) -> None:
    """Load the demo. Only where HUIYIN_DEMO=1. Safe to repeat: what is loaded is not loaded again."""
    settings = current_app.extensions["settings"]
    before = settings.demo and not reset and is_loaded()
    found = load_demo(settings, reset=reset, ticket_count=count)
    words = "演示数据已经在，没有改动" if before else "演示数据已载入"
    shown = f"{found['tickets']} 张工单，{found['orders']} 张服务订单，{found['articles']} 篇知识，{found['contacts']} 位联系人"
    answer(as_json, found, f"{words}：{shown}。")
