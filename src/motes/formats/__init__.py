"""One module per file format, the only code that knows it; the doors are images.py and picks.py."""
