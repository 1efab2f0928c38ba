"""The settings of a test run: the real ones, in a folder of their own that goes away, with a cheap password hash.

FLOWLOG_TEST_DATABASE=postgres://user@host/postgres runs the same tests on a PostgreSQL server, in databases
that the run makes and drops.
"""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="flowlog-test-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
_database = os.environ.get("FLOWLOG_TEST_DATABASE")
for _name in [
    name for name in os.environ if name.startswith("FLOWLOG_") or name in ("REDIS_URL", "DATABASE_URL")
]:
    if _name != "FLOWLOG_REQUIRE_TOOLS":
        del os.environ[_name]
os.environ["FLOWLOG_HOME"] = _home
if _database:
    os.environ["DATABASE_URL"] = _database

from console.settings import *  # noqa: E402, F403
from console.settings import MIDDLEWARE as _MIDDLEWARE  # noqa: E402

_WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
MIDDLEWARE = [
    "tests.middleware.StaticFilesFoundOnce" if each == _WHITENOISE else each for each in _MIDDLEWARE
]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
