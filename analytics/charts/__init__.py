"""Query results as figures: columns and rows in, JSON for Plotly out. Pure: no Django, no clock, no I/O.

``draw`` makes the figure without a colour in it, ``styles`` gives both themes for it, ``paint`` puts one on.
Plain dictionaries, not ``plotly.graph_objects``: the web process stays small, and the tests hold every
figure against Plotly's own validation.
"""

from .figures import draw
from .settled import last_complete, last_complete_of
from .spec import KINDS, Kind, Span, Spec, Tile, Unit
from .suggest import suggest
from .tables import tabulate
from .theme import paint, styles
from .tiles import tiles
from .units import human

__all__ = [
    "KINDS",
    "Kind",
    "Span",
    "Spec",
    "Tile",
    "Unit",
    "draw",
    "human",
    "last_complete",
    "last_complete_of",
    "paint",
    "styles",
    "suggest",
    "tabulate",
    "tiles",
]
