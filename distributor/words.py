"""The system's words for what it refuses, in the reader's language."""

import errno

from distributor.i18n import _


def why(error: BaseException) -> str:
    """Why the system refused, without names of files; an error that is rare keeps the system's own words."""
    if isinstance(error, UnicodeDecodeError):
        return _("it is not UTF-8 text")
    if not isinstance(error, OSError) or error.errno is None:
        return str(error) or type(error).__name__
    words = {
        errno.ENOENT: _("No such file or directory"),
        errno.EISDIR: _("Is a directory"),
        errno.ENOTDIR: _("Not a directory"),
        errno.EEXIST: _("File exists"),
        errno.EACCES: _("Permission denied"),
        errno.EPERM: _("Operation not permitted"),
        errno.EROFS: _("Read-only file system"),
        errno.ENOSPC: _("No space left on device"),
        errno.EDQUOT: _("Disk quota exceeded"),
        errno.EIO: _("Input/output error"),
        errno.ENAMETOOLONG: _("File name too long"),
        errno.ELOOP: _("Too many levels of symbolic links"),
        errno.EMFILE: _("Too many open files"),
        errno.EADDRINUSE: _("Address already in use"),
        errno.ECONNREFUSED: _("Connection refused"),
    }
    return words.get(error.errno) or error.strerror or str(error)
