"""What an operator can be told, by whose fault it is.

::

    VoiceaiError
    ├── SettingsError       operator: a variable or file is wrong; exit 2
    │   └── SchemaMismatch  operator: the users' tables are not as we need them
    ├── UnknownAssistant    operator: no assistant of that name; exit 1
    ├── ImportRefused       operator: the users' table cannot take this assistant; exit 1
    └── StoreUnavailable    environment: the database cannot be reached; retried, exit 1
        └── EmbeddedFailed  environment: the embedded PostgreSQL did not start
"""

from typing import ClassVar


class VoiceaiError(Exception):
    """Anything the operator is told in one line, without a traceback."""

    exit_code: ClassVar[int] = 1


class SettingsError(VoiceaiError):
    """A setting is malformed, missing or contradicts another; names the variable and an example."""

    exit_code: ClassVar[int] = 2


class SchemaMismatch(SettingsError):
    """The users' tables lack something we need, or may not be read; names what mends it."""


class UnknownAssistant(VoiceaiError):
    """No assistant has this name."""


class ImportRefused(VoiceaiError):
    """The users' table cannot take the assistant; names the column."""


class StoreUnavailable(VoiceaiError):
    """The database cannot be reached; worth trying again."""


class EmbeddedFailed(StoreUnavailable):
    """The embedded PostgreSQL could not be initialised or started."""
