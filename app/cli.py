"""`flask desk|channel|knowledge|worker`: every command of the house hangs here."""

from flask import Flask

from app import (
    cli_channel,
    cli_demo,
    cli_desk,
    cli_diagrams,
    cli_docs,
    cli_fcr,
    cli_knowledge,
    cli_learn,
    cli_similar,
    cli_users,
)


def init_app(flask: Flask) -> None:
    cli_desk.desk.add_command(cli_docs.docs)
    cli_desk.desk.add_command(cli_fcr.fcr)
    cli_desk.desk.add_command(cli_diagrams.diagrams)
    cli_users.hang_into(cli_desk.desk)
    cli_demo.hang_into(cli_desk.desk)
    cli_desk.desk.add_command(cli_similar.reindex_tickets)
    cli_knowledge.knowledge.add_command(cli_learn.learn_command)
    flask.cli.add_command(cli_desk.desk)
    flask.cli.add_command(cli_desk.worker)
    flask.cli.add_command(cli_channel.channel)
    flask.cli.add_command(cli_knowledge.knowledge)
