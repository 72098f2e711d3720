"""motes finds small objects in microscope images with U-Nets."""

from motes.errors import MotesError
from motes.image import Image
from motes.picks import Picks

__version__ = "0.1.0"
__all__ = ["Image", "MotesError", "Picks", "__version__"]
