"""The middleware of the console, made cheap to build: every client of every test builds all of it anew."""

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import Redirect, StaticFile

_found: dict[tuple[object, ...], dict[str, Redirect | StaticFile]] = {}


class StaticFilesFoundOnce(WhiteNoiseMiddleware):
    """WhiteNoise as the console has it, which looks for the same static files only once in a run."""

    files: dict[str, Redirect | StaticFile]

    def add_files_from_finders(self) -> None:
        """Take the files as an earlier one with the same settings found them."""
        said = (self.static_prefix, self.max_age, self.allow_all_origins, self.charset, self.static_root)
        if said not in _found:
            super().add_files_from_finders()
            _found[said] = self.files
        self.files = dict(_found[said])
