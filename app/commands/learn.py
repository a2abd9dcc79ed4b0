"""`flask knowledge learn`: the order of the first hits, learned from what readers opened and what helped them."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.commands.imports import progress as counting
from app.commands.output import answer, json_option, plain_errors
from app.core.clock import now
from app.kb.index import learned_folder
from knowledge.learning.judgements import features_of, judged
from knowledge.learning.model import FILE, write_model
from knowledge.learning.training import FEWEST, MARGIN, learn


@click.command("learn")
@click.option("--days", type=click.IntRange(1, 3650), default=180, show_default=True, help="How far back to look.")
@click.option("--dry-run", is_flag=True, help="Say how it would do and change nothing.")
@click.option("--forget", is_flag=True, help="Go back to the ranking as shipped.")
@with_appcontext
@json_option
@plain_errors
def learn_command(days: int, dry_run: bool, forget: bool, as_json: bool) -> None:
    """Learn the order of the first hits from clicks and helpful votes. It is put in force only where it does better
    on questions that it did not learn from."""
    settings = current_app.extensions["settings"]
    folder = learned_folder(settings)
    if forget:
        (folder / FILE).unlink(missing_ok=True)
        answer(as_json, {"in_force": False, "ranking": "shipped"}, "已恢复出厂排序。")
        return
    asked = features_of(current_app.extensions["open_index"](), judged(days), counting("学习"))
    found = learn(asked, f"learned {now():%Y-%m-%d}")
    figures: dict[str, float | int] = {
        "questions": found.questions,
        "tested": found.tested,
        "before": found.before,
        "after": found.after,
    }
    applied = found.better and not dry_run
    if applied:
        write_model(folder / FILE, found.model, figures)
    report = {
        **figures,
        "needed": {"tested": FEWEST, "margin": MARGIN},
        "better": found.better,
        "in_force": applied and settings.search_learned,
        "ranking": found.model.name if applied else "unchanged",
    }
    told = f"可学习的问题 {found.questions} 个，检验 {found.tested} 个：MRR {found.before} → {found.after}。"
    if found.tested < FEWEST:
        told += f"检验至少要 {FEWEST} 个，排序不变。"
    elif not found.better:
        told += "没有明显更好，排序不变。"
    elif dry_run:
        told += "更好，但只是试算，排序不变。"
    else:
        told += "已启用。" if settings.search_learned else "已保存，但 HUIYIN_SEARCH_LEARNED=0，没有启用。"
    answer(as_json, report, told)
