"""`flask desk|channel|knowledge|worker`: every command of the house hangs here."""

from flask import Flask

from app.commands import channel, demo, desk, diagrams, docs, fcr, knowledge, learn, pictures, similar, users


def init_app(flask: Flask) -> None:
    desk.desk.add_command(docs.docs)
    desk.desk.add_command(fcr.fcr)
    desk.desk.add_command(diagrams.diagrams)
    users.hang_into(desk.desk)
    demo.hang_into(desk.desk)
    desk.desk.add_command(similar.reindex_tickets)
    knowledge.knowledge.add_command(learn.learn_command)
    knowledge.knowledge.add_command(pictures.strip_command)
    flask.cli.add_command(desk.desk)
    flask.cli.add_command(desk.worker)
    flask.cli.add_command(channel.channel)
    flask.cli.add_command(knowledge.knowledge)
