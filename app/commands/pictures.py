"""`flask knowledge strip-pictures`: what cameras wrote into pictures that were stored before it was taken out."""

from dataclasses import asdict

import click
from flask import current_app

from app.commands.imports import progress
from app.commands.output import answer, json_option, plain_errors
from app.kb.stripping import strip_pictures


@click.command("strip-pictures")
@click.option("--dry-run", is_flag=True, help="Count what would be stripped and change nothing.")
@json_option
@plain_errors
def strip_command(dry_run: bool, as_json: bool) -> None:
    """Take place, camera and owner out of articles' pictures that were stored before this was done on the way in. The
    pictures keep their addresses. Safe to repeat, to stop, and while the desk is open."""
    told = progress("图片")
    found = strip_pictures(current_app.extensions["settings"].data_dir / "files", dry_run, told)
    if told is not None:
        click.echo(err=True)
    words = f"看了 {found.seen} 张图片：{'要去掉' if dry_run else '去掉了'}拍摄信息的 {found.stripped} 张，本来就没有的 {found.clean} 张"
    words += f"，内容已不在的 {found.missing} 张" if found.missing else ""
    if not dry_run:
        words += f"。删了 {found.removed} 份旧内容"
        words += f"，还留着 {found.kept} 份：别处还在用，或刚存不到一小时，下次再看" if found.kept else ""
    answer(as_json, asdict(found), f"{words}。")
