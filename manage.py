#!/usr/bin/env python3
"""Run Flow Log Console: `python3 manage.py up` starts everything, `python3 manage.py test` tests everything.

Standard library only until it runs inside its own environment, and plain enough for an old Python to
read, so that a machine with the wrong version gets a sentence instead of a syntax error.
"""

import os
import sys


def main() -> None:
    """Enter the environment of this project, then hand over to Django."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an old Python is told
        sys.exit("Flow Log Console needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])

    from console import bootstrap

    bootstrap.enter(sys.argv)
    if sys.argv[1:2] == ["test"]:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        settings.INSTALLED_APPS
    except ImproperlyConfigured as error:
        sys.exit("error: %s" % error)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
