"""skillray: finds out which skills a language model is missing and trains exactly those."""

__version__ = "0.1.0"
