"""How pages show the demo's own texts."""

from django import template

from flowlogs.demo import words

register = template.Library()


@register.filter
def demo_words(text: str) -> str:
    """Return a description; those of the demo are in the language of the page."""
    return words.shown(text)
