"""What a kind of network resource is: the base of all descriptions, and what its pages show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from console import changes
from console.access import resource_name
from console.models import Account, Region
from flowlogs import network_rules, rules
from flowlogs.demo import words
from flowlogs.models import Vpc

from .fields import Field, said

if TYPE_CHECKING:
    from .batch import Batch, Row

Values = dict[str, Any]
ID = Field(
    name="id",
    label=_("ID"),
    fixed=True,
    check=network_rules.identifier,
    help=_("Such as the cloud's own. Made for you when empty."),
)
NAME = Field(name="name", label=_("Name"), check=rules.name)
DESCRIPTION = Field(name="description", label=_("Description"), check=rules.description)


FLOW_LOG = "flow-log"
"""What cells link to besides network resources."""


@dataclass(frozen=True)
class Cell:
    """What stands in a column: a text, perhaps a link to a resource ``(kind, ID)``, a quiet line, a tag.

    The kind may also be ``FLOW_LOG``. ``sub_id`` is a quiet line too: an ID that tables show where there is room.
    """

    text: Any = ""
    to: tuple[str, Any] | None = None
    sub: Any = ""
    sub_id: str = ""
    copied: str = ""
    tag: Any = ""
    tag_kind: str = "info"
    at: Any = None


@dataclass(frozen=True)
class Column:
    """A column of lists, and a line of the details; ``sort`` is the model field that it sorts by.

    ``action`` is what a user must be allowed to do to see it, besides listing the resources.
    """

    label: Any
    cell: Callable[[Any], Cell]
    sort: str = ""
    is_number: bool = False
    action: str = ""


@dataclass(frozen=True)
class Filter:
    """Narrows a list to one value of a parameter of its address: that of a resource, or one of some choices.

    ``condition`` stands for the look-up where a value is no field of the resource.
    """

    name: str
    lookup: str
    label: Any
    to: str = ""
    choices: Sequence[tuple[str, Any]] = ()
    condition: Callable[[str, QuerySet[Any]], Q] | None = None

    def matching(self, value: str, vpcs: QuerySet[Any]) -> Q:
        """Return what resources with a value of the parameter have in common; ``vpcs`` as in ``Kind.matches``."""
        return self.condition(value, vpcs) if self.condition is not None else Q(**{self.lookup: value})


@dataclass(frozen=True)
class Section:
    """Resources of another kind on the page of a resource: those whose filter has its ID."""

    slug: str
    filter: str
    is_table: bool = False
    prefill: str = ""


class Kind:
    """One kind of network resource: what it is called, what it consists of, who may do what to it.

    The actions and the path of its resource names are the product's.
    """

    slug: ClassVar[str]
    path: ClassVar[str]
    model: ClassVar[Any]
    one: ClassVar[Any]
    many: ClassVar[Any]
    about: ClassVar[Any]
    loss: ClassVar[Any] = _("Verdicts and paths of traffic from now on are told without it.")
    """What deleting means."""
    type: ClassVar[str]
    prefix: ClassVar[str] = ""
    resource_path: ClassVar[str]
    actions: ClassVar[Mapping[str, str]]
    fields: ClassVar[tuple[Field, ...]]
    columns: ClassVar[tuple[Column, ...]]
    details: ClassVar[tuple[Column, ...]] = ()
    sections: ClassVar[tuple[Section, ...]] = ()
    filters: ClassVar[tuple[Filter, ...]] = ()
    scope: ClassVar[str] = "vpc__"
    """The look-up that leads from the model to its VPC."""
    part_of: ClassVar[str] = ""
    """The field that names the resource on whose page these stand; they have no page of their own."""
    unstored: ClassVar[tuple[str, ...]] = ()
    """Fields that are no columns of the model; ``values`` and ``attributes`` deal with them."""

    @property
    def is_identified(self) -> bool:
        """Tell whether its resources have an ID of their own rather than be known by what they say."""
        return self.fields[0] is ID

    @property
    def heading(self) -> str:
        """What one is called where a sentence or a column begins with it: an ENI, a vSwitch keep their letters."""
        one = str(self.one)
        return one if one[1:2].isupper() else capfirst(one)

    @property
    def whole(self) -> Kind | None:
        """The kind that these are parts of, if any."""
        owner = self.field(self.part_of) if self.part_of else None
        return KINDS[owner.to] if owner is not None else None  # type: ignore[attr-defined]

    @property
    def sorts(self) -> dict[str, str]:
        """Return the model field of each sort key."""
        return {column.sort: column.sort for column in self.columns if column.sort}

    @property
    def stored(self) -> list[Field]:
        """Return the fields that are columns of the model."""
        return [each for each in self.fields if each.name not in self.unstored]

    def field(self, name: str) -> Field | None:
        """Return a field by its name."""
        return next((each for each in self.fields if each.name == name), None)

    def within(self, account: Account, region: Region) -> QuerySet[Any]:
        """Return what an account has in a region."""
        if not self.scope:
            return self.model.objects.filter(account=account, region=region)
        # as a subquery: with a join, the database would go through the VPCs first and sort all that is in them
        vpcs = Vpc.objects.filter(account=account, region=region).order_by().values("pk")
        return self.model.objects.filter(**{f"{self.scope}in": vpcs})

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return resources with what their columns show."""
        return resources.select_related("vpc")

    def prepared(self, resources: list[Any]) -> list[Any]:
        """Add what the columns of a page of resources count, in a fixed number of queries."""
        return resources

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word of a search finds; ``vpcs`` are those of the account and region."""
        return Q(pk__icontains=word) | Q(name__icontains=word)

    def named(self, resource: Any) -> str:
        """Return what a resource is called in sentences and titles."""
        return getattr(resource, "name", "") or str(resource.pk)

    def vpc_id(self, resource: Any) -> str:
        """Return the VPC that a resource is in."""
        return resource.vpc_id

    def prefix_of(self, values: Values) -> str:
        """Return the beginning of the ID of a new resource."""
        return self.prefix

    def values(self, resources: Sequence[Any]) -> list[Values]:
        """Return the values of resources, in a fixed number of queries."""
        return [
            {each.name: each.loaded(getattr(resource, each.name)) for each in self.stored}
            for resource in resources
        ]

    def attributes(self, values: Values, batch: Batch) -> dict[str, Any]:
        """Return what the row of a resource consists of besides its stored fields."""
        return {}

    def key(self, values: Values, batch: Batch) -> Any:
        """Return what tells resources of this kind apart; None where that is not said."""
        return values.get("id") or None

    def key_text(self, values: Values) -> str:
        """Return the key in words."""
        return str(values.get("id") or "")

    def existing(self, batch: Batch, rows: Sequence[Row]) -> dict[Any, Any]:
        """Return the resources that rows are about by key; of identified kinds also deleted and foreign ones."""
        whole = getattr(self.model, "everything", self.model.objects)
        return batch.fetch(
            whole.select_related("vpc"), {row.values["id"] for row in rows if row.values.get("id")}
        )

    def is_here(self, resource: Any, batch: Batch) -> bool:
        """Tell whether a resource is of the account and region of a batch."""
        vpc = resource.vpc
        return vpc.account_id == batch.account.pk and vpc.region_id == batch.region.pk

    def check(self, batch: Batch) -> None:
        """Note on the rows of a batch which rules they break beyond those of their fields."""

    def vpc_of(self, values: Values, batch: Batch) -> str:
        """Return the VPC of a resource with these values; empty where that is not known."""
        return values.get("vpc_id", "")

    def note(
        self, resource: Any, before: Values | None, after: Values | None
    ) -> tuple[str, str, dict[str, tuple[Any, Any]]]:
        """Return resource type, ID and values of a change; what is created has no before, what goes no after."""
        told = changes.difference(said(self.fields, before or {}), said(self.fields, after or {}))
        told.pop(ID.name, None)
        return self.type, str(resource.pk), told

    def permission(self, verb: str, region: str, account: str, resource_id: Any = "*") -> tuple[str, str]:
        """Return the action of a verb and the name of the resource that it is done to."""
        action = self.actions[verb]
        path = f"{self.resource_path}/{resource_id}"
        return action, resource_name(action.partition(":")[0], region, account, path)

    def permission_id(self, resource: Any) -> str:
        """Return the ID that policies know a resource by."""
        return str(resource.pk)


def begins(field: str, word: str) -> Q:
    """Return what has a text or address field that begins with a word, by an index of it where there is one."""
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": word})
    return Q(**{f"{field}__gte": word, f"{field}__lt": f"{word}\uffff"})


KINDS: dict[str, Kind] = {}
"""Every kind by its slug, in the order of the navigation; filled by ``flowlogs.networks.kinds``."""


def ref(attribute: str, slug: str) -> Callable[[Any], Cell]:
    """Return a cell function that links to a resource which another one refers to."""

    def cell(resource: Any) -> Cell:
        other = getattr(resource, attribute)
        if other is None:
            return Cell()
        return Cell(other.name or other.pk, (slug, other.pk), sub_id=other.pk if other.name else "")

    return cell


def own(slug: str) -> Callable[[Any], Cell]:
    """Return a cell function for the resource itself: name, link and ID."""

    def cell(resource: Any) -> Cell:
        tag = _("Demo") if getattr(resource, "is_demo", False) else ""
        return Cell(
            resource.name or resource.pk, (slug, resource.pk), copied=resource.pk, tag=tag, tag_kind="demo"
        )

    return cell


def plain(attribute: str) -> Callable[[Any], Cell]:
    """Return a cell function for an attribute as it is."""
    return lambda resource: Cell(getattr(resource, attribute))


def described(resource: Any) -> Cell:
    """Return the cell of a description; those of the demo are in the language of the page."""
    return Cell(words.shown(resource.description))


def shown(attribute: str) -> Callable[[Any], Cell]:
    """Return a cell function for an attribute with choices."""
    return lambda resource: Cell(getattr(resource, f"get_{attribute}_display")())


def chunks(items: Iterable[Any], size: int = 900) -> Iterable[list[Any]]:
    """Yield the items in lists that fit into one query."""
    found = list(items)
    for at in range(0, len(found), size):
        yield found[at : at + size]
