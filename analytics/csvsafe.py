"""Where the shell keeps what makes CSV cells safe."""

from console.csvsafe import csv_cell

__all__ = ["csv_cell"]
