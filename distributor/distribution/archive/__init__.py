"""An issue's account as a file that stands by itself: written, and checked by whoever receives it."""
