"""Bring locale/*/LC_MESSAGES/django.po in step with the texts of code and templates."""

import re
from pathlib import Path
from typing import Any

import polib
from django.core.management.commands import makemessages

from console import names

LOCALES = ["zh_Hans"]
KEPT_HEADERS = ("Language", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Plural-Forms")


class Command(makemessages.Command):
    """Django's command with our options: sorted, without places, dates, guesses and what is no longer said."""

    help = "Update the translations of the texts in code and templates. Example: manage.py makemessages"
    msgmerge_options = [
        *makemessages.Command.msgmerge_options,
        "--no-fuzzy-matching",
        "--no-wrap",
        "--sort-output",
    ]

    def handle(self, *args: Any, **options: Any) -> None:
        """Update the catalogues of all languages, or of those that were named."""
        ours = {
            "locale": options["locale"] or LOCALES,
            "ignore_patterns": [*options["ignore_patterns"], "tests", "var", "migrations"],
            "no_location": True,
            "no_obsolete": True,
        }
        super().handle(*args, **{**options, **ours})

    def build_potfiles(self) -> list[str]:
        """Add the names of models and fields that stand in no file."""
        potfiles: list[str] = super().build_potfiles()
        for potfile in potfiles:
            catalogue = polib.pofile(potfile)
            known = {entry.msgid for entry in catalogue if not entry.msgctxt}
            catalogue.extend(polib.POEntry(msgid=name) for name in sorted(names.derived() - known))
            catalogue.save()
        return potfiles

    def write_po_file(self, potfile: str, locale: str) -> None:
        """Write one catalogue so that the same texts give the same file."""
        super().write_po_file(potfile, locale)
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        catalogue = polib.pofile(str(path), wrapwidth=110)
        catalogue.header = ""
        catalogue.metadata = {
            name: value for name, value in catalogue.metadata.items() if name in KEPT_HEADERS
        }
        catalogue.metadata_is_fuzzy = False
        forms = int(re.findall(r"nplurals=(\d+)", catalogue.metadata["Plural-Forms"])[0])
        for entry in catalogue:
            # A new catalogue is made with two forms, whatever its language has.
            entry.msgstr_plural = {form: text for form, text in entry.msgstr_plural.items() if form < forms}
        catalogue.sort(key=lambda entry: (entry.msgid, entry.msgctxt or ""))
        catalogue.save()
