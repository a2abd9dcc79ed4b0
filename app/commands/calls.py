"""`flask channel import-calls`: old call records from files."""

import sys
from pathlib import Path

import click

from app.commands.output import answer, json_option, plain_errors
from app.commands.parse import columns_given, zone_name
from channels import accounts
from channels.calls.formats import FORMATS
from channels.calls.importing import Imported, files_of, import_file


@click.command("import-calls")
@click.option("--account", "slug", required=True, help="The account that the calls belong to.")
@click.option("--format", "form", required=True, type=click.Choice(sorted(FORMATS)), help="What wrote the records.")
@click.option("--timezone", default="", help="Zone of stamps that name none; the account's own by default.")
@click.option("--columns", default="", help="Columns of a cdr_custom template, in order, divided by commas.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, path_type=Path))
@json_option
@plain_errors
def import_calls(slug: str, form: str, timezone: str, columns: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Take in call records from files or folders of these. Each call is stored once, however often it is imported; a last
    line without line end is left out. Exit status 1 when something could not be understood; the rest is in all the same."""
    found = accounts.access_account(slug)
    if found.kind != "calls":
        raise click.UsageError(f"{slug} is no account of calls")
    if timezone:
        zone_name(timezone)
    columns_given(columns)
    columns = columns or str(found.settings.get("cdr_columns", "") if form == "asterisk-csv" else "")
    result, account_id, talks = Imported(), found.id, sys.stderr.isatty()

    def told(seen: int) -> None:
        if talks:
            click.echo(f"\r{seen} …", err=True, nl=False)

    for path in paths:
        for one in files_of(path):
            import_file(account_id, one, form, zone=timezone, columns=columns, result=result, told=told)
    if talks:
        click.echo("\r", err=True, nl=False)
    said = result.to_json()
    lines = [f"看到 {said['seen']} 通：导入 {said['imported']}，已有 {said['duplicate']}，失败 {len(result.failed)}。"]
    lines += [f"  {f['file']}: {f['reason']}" + (f"（原始消息 {f['raw_id']}）" if f["raw_id"] else "") for f in result.failed]
    answer(as_json, said, "\n".join(lines))
    if result.failed:
        sys.exit(1)
