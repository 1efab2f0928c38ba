"""All settings. Every environment name is read here and nowhere else; without any, everything runs on this machine."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from csp.constants import NONCE, SELF
from django.core.exceptions import ImproperlyConfigured

from console import environment
from console.secret import load_or_create, make_private

ROOT = Path(__file__).resolve().parent.parent

# What an installation leaves behind, all under one folder.
FLOWLOG_HOME = environment.folder("FLOWLOG_HOME", ROOT / "var")
FLOWLOG_STORE = environment.folder("FLOWLOG_STORE", FLOWLOG_HOME / "store")
FLOWLOG_SPOOL = environment.folder("FLOWLOG_SPOOL", FLOWLOG_HOME / "spool")

# Capture.
FLOWLOG_COLLECTOR_HOST = environment.text("FLOWLOG_COLLECTOR_HOST", "127.0.0.1")
FLOWLOG_COLLECTOR_PORT = environment.number("FLOWLOG_COLLECTOR_PORT", 4739, least=1, most=65535)
# Whose datagrams are decoded; empty: everybody's.
FLOWLOG_EXPORTERS_FROM = environment.networks("FLOWLOG_EXPORTERS_FROM", "")
FLOWLOG_LATENESS = environment.number("FLOWLOG_LATENESS", 60, least=0, most=3600)
FLOWLOG_LATE_LIMIT = environment.number("FLOWLOG_LATE_LIMIT", 600, least=0, most=86400)
FLOWLOG_SPOOL_LIMIT = environment.number("FLOWLOG_SPOOL_LIMIT", 4 * 2**30, least=2**20, most=2**50)

# Queries and engine workers.
FLOWLOG_QUERY_DEADLINE = environment.number("FLOWLOG_QUERY_DEADLINE", 30, least=1, most=3600)
FLOWLOG_QUERY_MEMORY = environment.number("FLOWLOG_QUERY_MEMORY", 1024, least=128, most=2**20)
FLOWLOG_ENGINE_WORKERS = environment.number("FLOWLOG_ENGINE_WORKERS", 2, least=1, most=64)
FLOWLOG_ENGINE_IDLE = environment.number("FLOWLOG_ENGINE_IDLE", 30, least=1, most=3600)

# The web site.
FLOWLOG_SECURE = environment.flag("FLOWLOG_SECURE")
FLOWLOG_LOG_LEVEL = environment.choice("FLOWLOG_LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
# Who may read /metrics: with a token whoever shows it, without one these addresses.
FLOWLOG_METRICS_TOKEN = environment.secret("FLOWLOG_METRICS_TOKEN", least=16)
FLOWLOG_METRICS_FROM = environment.networks("FLOWLOG_METRICS_FROM", "127.0.0.0/8,::1")
REDIS_URL = environment.redis("REDIS_URL")
DEBUG = environment.flag("FLOWLOG_DEBUG")
ALLOWED_HOSTS = environment.words("FLOWLOG_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.origins("FLOWLOG_TRUSTED_ORIGINS")

try:
    SECRET_KEY = load_or_create(FLOWLOG_HOME / "secret-key")
except OSError as error:
    raise ImproperlyConfigured(f"cannot write to FLOWLOG_HOME {FLOWLOG_HOME}: {error.strerror}") from None

INSTALLED_APPS = [
    "console.apps.ConsoleConfig",
    "flowlogs.apps.FlowlogsConfig",
    "analytics.apps.AnalyticsConfig",
    "console.apps.BrandedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_htmx",
    "template_partials",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "console.middleware.RequestRecord",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.RegionAndAccount",
    "console.middleware.OwnPasswordFirst",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.shell",
            ],
            "builtins": ["console.templatetags.console"],
        },
    },
]

# Fields are drawn by templates/django/forms/field.html.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

_SQLITE_OPTIONS = {
    # Without IMMEDIATE, two writers that read first fail at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    # An import of 50 000 network interfaces holds the database for a few seconds; who waits longer than this is
    # told to try again.
    "timeout": 60,
    # FULL: the spool is deleted after a commit, so a commit must survive a power cut.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}

DATABASES: dict[str, dict[str, object]] = {
    "default": environment.database(
        "DATABASE_URL", f"sqlite:///{quote(str(FLOWLOG_HOME / 'flowlog.sqlite3'))}"
    ),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = _SQLITE_OPTIONS
    if DATABASES["default"]["NAME"] != ":memory:":
        make_private(Path(str(DATABASES["default"]["NAME"])))
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# Login.
AUTH_USER_MODEL = "console.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "console.passwords.SimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "console:login"
LOGIN_REDIRECT_URL = "console:home"
LOGOUT_REDIRECT_URL = "console:login"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
SESSION_COOKIE_NAME = "flowlog_session"
CSRF_COOKIE_NAME = "flowlog_csrf"
CSRF_FAILURE_VIEW = "console.views.errors.csrf_failed"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "console.views.account.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_VERBOSE = False
# Failures of one address with any user names, after which the address waits.
FAILURES_PER_ADDRESS = 50

# Security headers. The policy is the one that measured zero violations with htmx and Plotly.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-elem": [SELF, NONCE],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": ["'none'"],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if FLOWLOG_SECURE:
    # A proxy in front ends TLS and says so in this header; it must drop the header of its clients.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# Static files come out of this folder and out of the installed packages; nothing is collected or copied.
STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "analytics.assets.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "console.static.VersionedStaticFiles"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# Addresses carry a version, so a browser may keep what it has.
WHITENOISE_MAX_AGE = 0 if DEBUG else int(timedelta(days=365).total_seconds())

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_NAME = "flowlog_language"
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_SAMESITE = "Lax"
# Catalogues are kept as text in the first and compiled into the second when the console starts.
LOCALE_PATHS = [ROOT / "locale", FLOWLOG_HOME / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "quiet_readiness": {"()": "console.logs.WithoutReadiness"},
        "one_line_refusals": {"()": "console.logs.OneLineRefusals"},
        "one_line_full_disk": {"()": "console.logs.OneLineFullDisk"},
    },
    "formatters": {
        "line": {
            "class": "console.logs.Escaped",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["quiet_readiness", "one_line_refusals", "one_line_full_disk"],
        },
    },
    "root": {"handlers": ["stderr"], "level": FLOWLOG_LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
    },
}
