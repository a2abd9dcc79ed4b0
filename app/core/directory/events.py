"""What happens in the directory: people, companies, products and what stands where."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.events import Event


@dataclass(frozen=True)
class ContactChanged(Event):
    """A contact was made or changed, or one of its identities was added, removed or marked as shared."""

    subject: ClassVar[str] = "contact"
    contact_id: int
    version: int


@dataclass(frozen=True)
class ContactsMerged(Event):
    """Two contacts were found to be one person: `merged_id` now points to `contact_id`, which is kept."""

    subject: ClassVar[str] = "contact"
    contact_id: int
    version: int
    merged_id: int
    merge_id: int


@dataclass(frozen=True)
class ContactsUnmerged(Event):
    """A merge was undone: `merged_id` is a person of its own again."""

    subject: ClassVar[str] = "contact"
    contact_id: int
    version: int
    merged_id: int
    merge_id: int


@dataclass(frozen=True)
class OrganisationChanged(Event):
    """A company was made or changed."""

    subject: ClassVar[str] = "organisation"
    organisation_id: int
    version: int


@dataclass(frozen=True)
class ProductChanged(Event):
    """A product was made or changed, or one of its releases was."""

    subject: ClassVar[str] = "product"
    product_id: int
    version: int


@dataclass(frozen=True)
class SiteChanged(Event):
    """A site of a company was made or changed."""

    subject: ClassVar[str] = "site"
    site_id: int
    version: int
    organisation_id: int


@dataclass(frozen=True)
class DeviceChanged(Event):
    """A device was made, changed, moved, or got a new QR code."""

    subject: ClassVar[str] = "device"
    device_id: int
    version: int
    organisation_id: int


@dataclass(frozen=True)
class ContractChanged(Event):
    """A contract was made or changed."""

    subject: ClassVar[str] = "contract"
    contract_id: int
    version: int
    organisation_id: int
