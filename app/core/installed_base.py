"""What stands where: sites, devices and the contracts that cover them."""

import secrets
from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.catalogue import Product, Release
from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, Versioned
from app.core.people import Organisation

CONTRACT_LEVELS = ("gold", "silver", "basic")


class Site(Versioned, Base):
    """A place of a client company: a plant, a line, a cabinet room."""

    __tablename__ = "site"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(CleanText(120))
    address: Mapped[str] = mapped_column(CleanText(300), default="")
    time_zone: Mapped[str | None] = mapped_column(CleanText(40))
    organisation: Mapped[Organisation] = relationship()


class Device(Versioned, Base):
    """One machine at a client. `tag` is the unguessable word in its QR code; `serial` is unique per product."""

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("product_id", "serial"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))
    name: Mapped[str] = mapped_column(CleanText(120), default="")
    model: Mapped[str] = mapped_column(CleanText(80), default="")
    serial: Mapped[str] = mapped_column(CleanText(80))
    firmware: Mapped[str] = mapped_column(CleanText(40), default="")
    installed_on: Mapped[date | None] = mapped_column(Date)
    warranty_until: Mapped[date | None] = mapped_column(Date)
    tag: Mapped[str] = mapped_column(CleanText(32), unique=True, default=lambda: secrets.token_urlsafe(12))
    note: Mapped[str] = mapped_column(CleanText(), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    organisation: Mapped[Organisation] = relationship()
    site: Mapped[Site | None] = relationship()
    product: Mapped[Product] = relationship()
    release: Mapped[Release | None] = relationship()

    @property
    def label(self) -> str:
        return f"{self.model or self.product.code} {self.serial}"


class Contract(Versioned, Base):
    """What a client is entitled to: a level, for a time, for all products or one. `supplier_id` overrides who delivers."""

    __tablename__ = "contract"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(CleanText(40), unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    level: Mapped[str] = mapped_column(CleanText(12))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    organisation: Mapped[Organisation] = relationship(foreign_keys=[organisation_id])
    product: Mapped[Product | None] = relationship(viewonly=True)
    supplier: Mapped[Organisation | None] = relationship(foreign_keys=[supplier_id], viewonly=True)

    @property
    def label(self) -> str:
        return self.number
