"""How a command fails: one line for a person, with the way out."""


class Failure(Exception):
    """Ends the command with exit status 1 and this message as one line on stderr."""


class Usage(Exception):
    """The command line itself is wrong: exit status 2."""


class Stopped(Exception):
    """Ctrl-C came, and there is something to say about what was done until then: exit status 130."""
