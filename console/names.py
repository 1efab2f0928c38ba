"""Names of models and fields that nobody gave: Django derives them in English, here they become translatable."""

from collections.abc import Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy, override

OURS = ("console", "flowlogs")


def translate(config: AppConfig) -> None:
    """Let the derived names of an app be in the language of the page; migrations never see it."""
    for holder, attribute, name in list(_derived(config)):
        setattr(holder, attribute, gettext_lazy(name))


def derived() -> set[str]:
    """Return all derived names in English, which no search for texts in the code would find."""
    return {name for app in OURS for _, _, name in _derived(apps.get_app_config(app))}


def _derived(config: AppConfig) -> Iterator[tuple[Any, str, str]]:
    for model in config.get_models():
        options: Any = model._meta
        with override("en"):
            singular, fields = str(options.verbose_name), [*options.local_fields, *options.local_many_to_many]
            names = [str(field.verbose_name) for field in fields]
        if "verbose_name" not in options.original_attrs:
            yield options, "verbose_name", singular
        if "verbose_name_plural" not in options.original_attrs:
            yield options, "verbose_name_plural", f"{singular}s"
        for field, name in zip(fields, names, strict=True):
            if field._verbose_name is None:
                yield field, "verbose_name", name
