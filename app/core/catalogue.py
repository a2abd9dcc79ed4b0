"""What the suppliers offer: products and their releases. Knowledge, tickets and orders hang on them."""

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.clock import now
from app.core.db import Base, CleanText, UTCDateTime, Versioned
from app.core.people import Organisation


class Product(Versioned, Base):
    """Something a supplier (or the platform) offers. `code` is how people name it: HK-V20."""

    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(CleanText(40), unique=True)
    name: Mapped[str] = mapped_column(CleanText(120))
    category: Mapped[str] = mapped_column(CleanText(60), default="")
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    supplier: Mapped[Organisation | None] = relationship()
    releases: Mapped[list["Release"]] = relationship(back_populates="product", order_by="Release.id")

    @property
    def label(self) -> str:
        return self.name if self.name.startswith(self.code) else f"{self.code} {self.name}"


class Release(Base):
    """A version of a product: an article says for which it holds, a device says which it runs."""

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("product_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(CleanText(40))
    released_on: Mapped[date | None] = mapped_column(Date)
    supported_until: Mapped[date | None] = mapped_column(Date)
    product: Mapped[Product] = relationship(back_populates="releases")
