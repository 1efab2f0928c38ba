"""Dashboards as data: one file each, a chart is its title, its query and how to draw it."""

from .overview import OVERVIEW
from .shape import Chart, Dashboard

DASHBOARDS: dict[str, Dashboard] = {dashboard.id: dashboard for dashboard in (OVERVIEW,)}

__all__ = ["DASHBOARDS", "OVERVIEW", "Chart", "Dashboard"]
