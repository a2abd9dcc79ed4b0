"""Word documents: by their styles to HTML, then as any HTML; the pictures inside come along."""

import io
from pathlib import PurePosixPath
from typing import Any

import mammoth

from app.core.text import pack
from knowledge.intake.archives import check_office
from knowledge.intake.html_files import from_fragment, mark_safety
from knowledge.intake.pictures import Gathered
from knowledge.intake.shapes import Entry, Limits, Unreadable

_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='标题'] => h1:fresh",
        *(f"p[style-name='标题 {n}'] => h{n}:fresh" for n in range(1, 7)),
        *(f"p[style-name='{name} {n}'] => h{n}:fresh" for n in range(1, 7) for name in ("heading", "Heading")),
        "p[style-name='Subtitle'] => p:fresh",
        "p[style-name='toc 1'] => !",
        "p[style-name='toc 2'] => !",
        "p[style-name='toc 3'] => !",
        "p[style-name='footnote text'] => p:fresh",
    ]
)


def read_word(content: bytes, path: str, limits: Limits) -> Entry:
    """The article of a .docx file. Its title is the first heading of level one, else the file's name."""
    check_office(content, "word/document.xml", limits)
    gathered = Gathered(limits)

    def picture(image: Any) -> dict[str, str]:
        with image.open() as stream:
            kept = gathered.keep(stream.read(limits.picture_bytes + 1), "")
        return {"src": kept, **({"alt": image.alt_text} if image.alt_text else {})} if kept else {"src": ""}

    try:
        made = mammoth.convert_to_html(
            io.BytesIO(content), style_map=_STYLES, convert_image=mammoth.images.img_element(picture), ignore_empty_paragraphs=True
        )
    except Unreadable:
        raise
    except Exception as problem:  # mammoth lets whatever it stumbles over through
        raise Unreadable("Word 文件损坏，读不了（%(kind)s）。", kind=type(problem).__name__) from None
    body, heading = from_fragment(made.value, gathered)
    if not body.strip() and not gathered.files:
        raise Unreadable("文件里没有文字。")
    body, safety = mark_safety(body)
    lost = (pack("有 %(n)s 张图片浏览器显示不了，没有带过来。", n=len(gathered.lost)),) if gathered.lost else ()
    return Entry(
        "", (heading or PurePosixPath(path).stem)[:200], body, {"safety": True} if safety else {}, None, tuple(gathered.files), warnings=lost
    )
