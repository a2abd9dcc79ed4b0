"""What a browser remembers of a visit: the product that searches are narrowed to, and the articles that were read."""

from collections.abc import Mapping, Sequence

from flask import Response, request
from flask import session as cookie

from app import viewer
from app.core.catalogue import Product
from app.core.clock import now
from app.queries import portal as queries

PRODUCT, MONTH = "product", 30 * 24 * 3600
READ_AT_MOST, VISIT_HOURS = 8, 12


def chosen_product(given: Mapping[str, str]) -> Product | None:
    """The product that was asked for; where nothing was said of products, the one of the searches before. Said and
    empty means all products."""
    code = given[PRODUCT] if PRODUCT in given else request.cookies.get(PRODUCT, "")
    found = queries.find_product(code[:80]) if code else None
    return found if found is not None and found.active else None


def remember_product(response: Response, given: Mapping[str, str], product: Product | None) -> None:
    """Keep what was just chosen, or forget it when all products were asked for."""
    if PRODUCT not in given:
        return
    if product is not None:
        if request.cookies.get(PRODUCT) != product.code:
            secure = viewer.settings().https
            response.set_cookie(PRODUCT, product.code, max_age=MONTH, samesite="Lax", secure=secure, httponly=True)
    elif PRODUCT in request.cookies:
        response.delete_cookie(PRODUCT, samesite="Lax", secure=viewer.settings().https, httponly=True)


def note_read(article_id: int) -> None:
    """This article was opened: should the person ask us now, they need not say so."""
    kept, hour = _kept(), _hour()
    if kept and kept[-1][0] == article_id and kept[-1][1] == hour:
        return
    cookie["read"] = [*(pair for pair in kept if pair[0] != article_id), [article_id, hour]][-READ_AT_MOST:]


def read_before() -> Sequence[int]:
    """Ids of the articles of this visit, the latest first."""
    return [number for number, hour in reversed(_kept()) if hour > _hour() - VISIT_HOURS]


def forget_read() -> None:
    cookie.pop("read", None)


def _kept() -> list[list[int]]:
    kept = cookie.get("read", [])
    if not isinstance(kept, list):
        return []
    return [pair for pair in kept if isinstance(pair, list) and len(pair) == 2 and all(isinstance(n, int) for n in pair)]


def _hour() -> int:
    return int(now().timestamp()) // 3600
