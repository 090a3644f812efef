"""Video Inpaint: change one thing in a video and leave every other pixel as it was."""

__version__ = "0.1.0"
