"""The numbers and switches of the editors' work; said once at start from the settings."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any


@dataclass
class _Holder:
    rules: "EditingRules"


@dataclass(frozen=True)
class EditingRules:
    """`four_eyes`: who wrote the newest revision may not publish it. `file_types` are endings without a dot. `review_days`:
    after so long an article without a date of its own is to be looked at again."""

    four_eyes: bool = False
    image_bytes: int = 8 * 1024 * 1024
    file_bytes: int = 20 * 1024 * 1024
    file_types: tuple[str, ...] = ("pdf", "txt", "csv", "zip", "docx", "xlsx", "pptx")
    review_days: int = 365

    @property
    def review_after(self) -> timedelta:
        return timedelta(days=self.review_days)


_holder = _Holder(EditingRules())


def use_rules(**given: Any) -> None:
    """Say once at start what holds; what is not named has its default."""
    _holder.rules = replace(EditingRules(), **given)


def rules() -> EditingRules:
    """What holds now."""
    return _holder.rules
