"""`flask desk reindex-tickets`: the index of solved tickets, made anew."""

import sys
import time

import click
from flask import current_app
from flask.cli import with_appcontext

from app.commands.output import answer, json_option, plain_errors
from app.kb import similar


@click.command("reindex-tickets")
@with_appcontext
@json_option
@plain_errors
def reindex_tickets(as_json: bool) -> None:
    """Build the index of solved tickets anew from the database. Searches go on with the old one meanwhile."""
    started, seen = time.perf_counter(), sys.stderr.isatty()
    show = (lambda done: click.echo(f"\r工单 {done}", nl=False, err=True)) if seen else None  # data
    count = similar.rebuild(current_app.extensions["open_ticket_index"](), show)
    if seen:
        click.echo(err=True)
    took = round(time.perf_counter() - started, 2)
    answer(as_json, {"documents": count, "seconds": took}, f"已为 {count} 张解决了的工单建立索引，用时 {took} 秒。")
