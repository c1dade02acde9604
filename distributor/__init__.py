"""Distribution of official bulletins: one letter for every recipient, exactly once, every delivery accounted for."""

__version__ = "0.1.0"
