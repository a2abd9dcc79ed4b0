"""What can go wrong, in the words of the desk. No HTTP numbers here: api/ and web/ each hold one table.

    DeskError
    ├── Invalid      a field is missing or wrong; .errors says which
    ├── Refused      the step is not possible now; the message says what is missing
    ├── Forbidden    the actor lacks a permission
    ├── NotFound     no such row, or not the actor's to see
    ├── Stale        somebody else changed it since it was read
    ├── Conflict     it contradicts what is there (a taken name, a reused key)
    └── Unavailable  a part that is needed does not answer now
"""

from typing import Any


class DeskError(Exception):
    """Base of all refusals. `code` is for machines, `message` is a Chinese message id with %(name)s places,
    `data` fills the places, `errors` maps field names to lists of message ids."""

    code = "error"
    message = "没有完成。"

    def __init__(self, message: str | None = None, *, errors: dict[str, list[str]] | None = None, **data: Any) -> None:
        self.message = message or self.message
        self.data = data
        self.errors = errors or {}
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.text(lambda m: m)

    def text(self, translate: Any) -> str:
        """The sentence for a person; `translate` maps a message id to the reader's language."""
        sentence: str = translate(self.message)
        places = {k: translate(v) if isinstance(v, str) and v else v for k, v in self.data.items()}
        return sentence % places if places else sentence


class Invalid(DeskError):
    """A field is missing or wrong. `Invalid.of("text", "写点内容。")` is the short way."""

    code = "invalid"
    message = "有些内容需要修改。"

    @classmethod
    def of(cls, field: str, reason: str, **data: Any) -> "Invalid":
        return cls(errors={field: [reason]}, **data)


class Refused(DeskError):
    """The step is not possible here and now."""

    code = "refused"
    message = "现在不能这样做。"


class Forbidden(DeskError):
    """The actor may not do this."""

    code = "forbidden"
    message = "你的角色没有这个权限。"


class NotFound(DeskError):
    """There is no such row, or it is not the actor's to see: the two look the same from outside."""

    code = "not_found"
    message = "没有找到。"


class Stale(DeskError):
    """Somebody else changed the row since the actor read it; nothing was written."""

    code = "stale"
    message = "别人刚刚改过这条记录，你的修改还没有保存。请看过最新内容后再提交。"


class Conflict(DeskError):
    """It contradicts what is already there."""

    code = "conflict"
    message = "与已有的内容冲突。"


class Unavailable(DeskError):
    """A part that is needed does not answer now; try again later."""

    code = "unavailable"
    message = "暂时无法使用，请稍后再试。"
