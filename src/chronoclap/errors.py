"""The errors that chronoclap raises on purpose: each is a sentence saying what, where and what to do."""


class ChronoclapError(Exception):
    """Base of every deliberate error; its text is meant for the user, the command line prints it alone."""


class AudioError(ChronoclapError):
    """A recording cannot be used; the text names the file."""


class DataError(ChronoclapError):
    """A manifest or a row of it cannot be used; the text names the file and the row."""


class ModelError(ChronoclapError):
    """A checkpoint cannot be loaded or used as asked."""
