"""Fields that several forms use: resources to choose, choices that cannot be made here, and tags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django import forms

from flowlogs import rules

Pairs = list[tuple[str, str]]


class OneOf(forms.Select):
    """A list to choose one from, which gives a list of it, as checkboxes do."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Return what was chosen, also by checkboxes of the same name."""
        return [value for value in _all(data, name) if value]

    def format_value(self, value: Any) -> list[str]:
        """Return the value as the widget compares it."""
        return [str(each) for each in value or ()]


class ResourcesField(forms.MultipleChoiceField):
    """Identifiers of resources; whether they exist is up to the rules."""

    widget = OneOf

    def valid_value(self, value: object) -> bool:
        """Take any identifier."""
        return True


class RadioSome(forms.RadioSelect):
    """Radio buttons of which some cannot be chosen here; ``barred`` are their values."""

    barred: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return an option, disabled where it cannot be chosen."""
        option = super().create_option(name, value, *args, **kwargs)
        if str(value) in self.barred:
            option["attrs"]["disabled"] = True
        return option


class TagsWidget(forms.Widget):
    """Rows of a key and a value each; ``spare`` empty ones follow those that are filled in."""

    template_name = "flowlogs/flow_log_tag_rows.html"
    use_fieldset = True
    spare = 1

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Pairs:
        """Return the rows that say anything."""
        pairs = zip(_all(data, f"{name}_key"), _all(data, f"{name}_value"), strict=False)
        stripped = [(key.strip(), value.strip()) for key, value in pairs]
        return [pair for pair in stripped if any(pair)]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Whether no row was sent."""
        return f"{name}_key" not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the rows are drawn from."""
        context = super().get_context(name, value, attrs)
        pairs = _pairs(value)
        spare = min(self.spare, max(rules.MOST_TAGS - len(pairs), 0))
        rows = [*pairs, *[("", "")] * spare]
        invalid = "aria-invalid" in context["widget"]["attrs"]
        context["widget"] |= {"rows": rows, "invalid": invalid}
        return context


class TagsField(forms.Field):
    """Tags as pairs of key and value."""

    widget = TagsWidget

    def clean(self, value: Pairs) -> Pairs:
        """Return the pairs; the rules judge them."""
        return _pairs(super().clean(value))


def show_more_tags(field: forms.Field, count: int) -> None:
    """Let the rows of a tags field end with so many empty ones."""
    widget = field.widget
    if isinstance(widget, TagsWidget):
        widget.spare = count


def count_spare_rows(data: Any, name: str = "tags") -> int:
    """Return how many empty rows of tags were sent."""
    sent = list(zip(_all(data, f"{name}_key"), _all(data, f"{name}_value"), strict=False))
    return sum(not (key.strip() or value.strip()) for key, value in sent)


def focus_on_first_error(form: forms.BaseForm) -> None:
    """Put the focus on the first field that needs attention, also where no script does so."""
    for name, field in form.fields.items():
        if name in form.errors:
            field.widget.attrs["autofocus"] = True
            return


def _all(data: Any, name: str) -> list[str]:
    """Return all values of a name, of a form that was sent or of a plain mapping."""
    if hasattr(data, "getlist"):
        return list(data.getlist(name))
    value = data.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def _pairs(value: Mapping[str, str] | Iterable[Sequence[str]] | None) -> Pairs:
    items = value.items() if isinstance(value, Mapping) else value or ()
    return [(str(key), str(text)) for key, text in items]
