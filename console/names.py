"""Names of models and fields that nobody gave: Django derives them in English, here they become translatable.

Names that Django gave get the words of the pages.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy, override

OURS = ("console", "flowlogs")
SPELLED = {
    **{word.lower(): word for word in ("VPC", "CIDR", "ACL", "ENI", "ECS", "ID", "IPv6", "IP", "Logstore")},
    "vswitch": "vSwitch",
    "logstores": "Logstores",
}
"""How words are written that Django only has in the small letters of fields."""
CALLED = {
    "network interface": "ENI",
    "elastic network interface": "ENI",
    "elastic network interfaces": "ENIs",
    "instance": "ECS instance",
    "username": "user name",
    "first name": "display name",
    "superuser status": "administrator",
}
"""Names that the pages have other words for."""
RENAMED = {*CALLED, *CALLED.values()}
"""The same, before and after they were given."""


class Kept(str):
    """A name that begins with a small letter at the beginning of a line too, such as vSwitch.

    Whoever puts a capital there takes its first letter and asks for the capital of it, which is that letter.
    """

    def __str__(self) -> str:
        return self

    def __getitem__(self, place: Any) -> str:
        return Kept(super().__getitem__(place))

    def upper(self) -> str:
        """Leave it as it is."""
        return self


def translate(config: AppConfig) -> None:
    """Let the derived names of an app be in the language of the page; migrations never see it."""
    for holder, attribute, name in list(_derived(config)):
        setattr(holder, attribute, gettext_lazy(name))
    for model in config.get_models():
        named: list[Any] = [*model._meta.local_fields, model._meta]
        for holder in named:
            holder.verbose_name = kept(holder.verbose_name)
        model._meta.verbose_name_plural = kept(model._meta.verbose_name_plural)


def kept(name: Any) -> Any:
    """Return a name, in whatever language, that stays as it is where a capital would be put before it."""
    return lazy(lambda: _kept(str(name)), str)()


def _kept(name: str) -> str:
    is_mixed = len(name) > 1 and name[0].islower() and name[1].isupper()
    return Kept(name) if is_mixed else name


def derived() -> set[str]:
    """Return all derived names in English, which no search for texts in the code would find."""
    return {name for app in OURS for _, _, name in _derived(apps.get_app_config(app))}


def _derived(config: AppConfig) -> Iterator[tuple[Any, str, str]]:
    for model in config.get_models():
        options: Any = model._meta
        for attribute in ("verbose_name", "verbose_name_plural"):
            with override("en"):
                name = str(getattr(options, attribute))
            if attribute not in options.original_attrs or name in RENAMED:
                yield options, attribute, _spelled(name)
        for field in [*options.local_fields, *options.local_many_to_many]:
            with override("en"):
                name = str(field.verbose_name)
            if field._verbose_name is None or name in RENAMED:
                yield field, "verbose_name", _spelled(name)


def _spelled(name: str) -> str:
    said = CALLED.get(name, name).removeprefix("is ")
    return " ".join(SPELLED.get(word, word) for word in said.split())
