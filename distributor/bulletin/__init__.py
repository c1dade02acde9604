"""WHAT is sent: bulletin files read into a Bulletin. Pure: bytes in, Bulletin or InputError out."""
