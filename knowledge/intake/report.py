"""What became of an import, as a table: one line for each article, refused row or broken file."""

import csv
import io
from collections.abc import Callable, Iterator

from sqlalchemy import select

from app.core.db import session
from app.core.text import unpack
from knowledge.intake_models import ImportFile, ImportItem, ImportJob

COLUMNS = ("文件", "位置", "标题", "预览", "结果", "说明", "知识编号")


def reason_of(stored: str, translate: Callable[[str], str]) -> str:
    """The sentences of a stored reason; there may be several, each on a line."""
    return " ".join(unpack(line, translate) for line in stored.split("\n") if line)


def report_lines(job: ImportJob, said: Callable[[str], str], translate: Callable[[str], str]) -> Iterator[str]:
    """CSV for a spreadsheet. `said` gives the words of a plan or result."""
    yield "\ufeff" + _line([translate(name) for name in COLUMNS])
    rows = select(ImportItem, ImportFile.path).join(ImportFile, ImportFile.id == ImportItem.file_id).where(ImportItem.job_id == job.id)
    for item, path in session().execute(rows.order_by(ImportItem.number).execution_options(yield_per=500)):
        yield _line(
            [path, item.key, item.title, said(item.plan), said(item.result), reason_of(item.reason, translate), str(item.article_id or "")]
        )


def _line(cells: list[str]) -> str:
    """One line; what a spreadsheet would take for a formula is written as text."""
    out = io.StringIO()
    csv.writer(out).writerow(["'" + cell if cell and cell[0] in "=+-@\t\r" else cell for cell in cells])
    return out.getvalue()
