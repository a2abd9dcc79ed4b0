"""/api/v1/products: the catalogue, each product with its releases."""

from typing import Any

from flask import url_for
from marshmallow import fields

from app.api.base import Resource, heed_if_match
from app.api.fields import Answer, ApiSchema, Day, Moment, Named, QueryWhole, QueryYes, Ref, Text, Yes
from app.api.paging import PageArgs, listing, page_of
from app.core.catalogue import Product, Release
from app.core.directory import products
from app.core.directory.access import access_product, readable_products
from app.core.errors import NotFound
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.queries.directory import product_parts, products_like
from app.viewer import current_actor, needs
from knowledge import release_news

api = Resource("products", "What suppliers and the platform offer, with releases.")


class ReleaseAnswer(Answer):
    """A version of a product. One whose knowledge is still being prepared has no day, and is named to the desk and its
    supplier alone."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    released_on = fields.Date(required=True, allow_none=True)
    supported_until = fields.Date(required=True, allow_none=True)


class ProductAnswer(Answer):
    """A product. Without a supplier it is the platform's own."""

    id = fields.Integer(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    category = fields.String(required=True)
    supplier = fields.Nested(Named, required=True, allow_none=True)
    active = fields.Boolean(required=True)
    releases = fields.List(fields.Nested(ReleaseAnswer), required=True)
    created_at = Moment(required=True)
    version = fields.Integer(required=True)


class ProductChange(ApiSchema):
    """What may be changed. `supplier` is an organisation's id."""

    code = Text.of(Product.code, shortest=1)
    name = Text.of(Product.name, shortest=1)
    category = Text.of(Product.category)
    supplier_id = Ref("supplier_id", data_key="supplier", allow_none=True)
    active = Yes()


class ProductNew(ProductChange):
    """A new product."""

    code = Text.of(Product.code, shortest=1, required=True)
    name = Text.of(Product.name, shortest=1, required=True)


class ReleaseChange(ApiSchema):
    """What may be changed of a release."""

    name = Text.of(Release.name, shortest=1)
    released_on = Day(allow_none=True)
    supported_until = Day(allow_none=True)


class ReleaseNew(ReleaseChange):
    """A new release."""

    name = Text.of(Release.name, shortest=1, required=True)


class ProductArgs(PageArgs):
    q = Text(200, metadata={"description": "part of code, name or category"})
    supplier = QueryWhole(1, metadata={"description": "id of the supplier"})
    active = QueryYes()


@api.route("")
@needs("catalogue.read")
@api.arguments(ProductArgs, location="query")
@api.response(200, listing(ProductAnswer))
def list_products(args: dict[str, Any]) -> Any:
    """The catalogue, by id."""
    rows = readable_products(current_actor()).options(*product_parts())
    if args.get("q"):
        rows = rows.where(products_like(args["q"]))
    if "supplier" in args:
        rows = rows.where(Product.supplier_id == args["supplier"])
    if "active" in args:
        rows = rows.where(Product.active == args["active"])
    page = page_of(rows, args, [Product.id])
    return {**page, "items": _shown(page["items"])}


@api.route("", methods=["POST"])
@needs("catalogue.edit")
@api.idempotent
@api.arguments(ProductNew)
@api.response(201, ProductAnswer)
def create_product(fields: dict[str, Any]) -> Any:
    """Make a product."""
    with unit_of_work():
        made = products.create_product(current_actor(), **fields)
    return _shown([made])[0], {"Location": url_for("api_products.read_product", product_id=made.id)}


@api.route("/<int:product_id>")
@needs("catalogue.read")
@api.response(200, ProductAnswer)
def read_product(product_id: int) -> Any:
    """One product with its releases."""
    return _shown([access_product(current_actor(), product_id)])[0]


def _shown(rows: list[Product]) -> list[dict[str, Any]]:
    """Products with the releases that the caller may know of."""
    actor, waiting = current_actor(), release_news.waiting_among(release.id for row in rows for release in row.releases)
    names = ("id", "code", "name", "category", "supplier", "active", "created_at", "version")
    return [{**{name: getattr(row, name) for name in names}, "releases": _releases(actor, row, waiting)} for row in rows]


def _releases(actor: Actor, product: Product, waiting: set[int]) -> list[dict[str, Any]]:
    inside = release_news.sees_waiting(actor, product)
    return [
        {"id": r.id, "name": r.name, "released_on": None if r.id in waiting else r.released_on, "supported_until": r.supported_until}
        for r in product.releases
        if inside or r.id not in waiting
    ]


@api.route("/<int:product_id>", methods=["PATCH"])
@needs("catalogue.edit")
@api.arguments(ProductChange)
@api.response(200, ProductAnswer)
def change_product(fields: dict[str, Any], product_id: int) -> Any:
    """Change what is given."""
    with unit_of_work():
        heed_if_match(access_product(current_actor(), product_id))
        return _shown([products.update_product(current_actor(), product_id, **fields)])[0]


@api.route("/<int:product_id>/releases", methods=["POST"])
@needs("catalogue.edit")
@api.idempotent
@api.arguments(ReleaseNew)
@api.response(201, ProductAnswer)
def add_release(fields: dict[str, Any], product_id: int) -> Any:
    """Add a release; the answer is the product."""
    with unit_of_work():
        product = access_product(current_actor(), product_id)
        heed_if_match(product)
        products.add_release(current_actor(), product_id, **fields)
    return _shown([product])[0]


@api.route("/<int:product_id>/releases/<int:release_id>", methods=["PATCH"])
@needs("catalogue.edit")
@api.arguments(ReleaseChange)
@api.response(200, ProductAnswer)
def change_release(fields: dict[str, Any], product_id: int, release_id: int) -> Any:
    """Change a release; the answer is the product."""
    with unit_of_work():
        product = access_product(current_actor(), product_id)
        if products.access_release(current_actor(), release_id).product_id != product.id:
            raise NotFound()
        heed_if_match(product)
        products.update_release(current_actor(), release_id, **fields)
    return _shown([product])[0]
