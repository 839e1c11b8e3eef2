"""How the interpreter was built. Run as a file, it exits with 1 where calls pay for that.

``make install`` does so before anything is installed: the standard library has to be enough.
"""

import sys
import sysconfig

OPTIMISED = "--enable-optimizations"


def is_plainly_built() -> bool:
    """Whether this interpreter was built without being trained, as pyenv does it.

    A distribution's own is always trained, and so is one that does not say how it was built.
    """
    arguments = sysconfig.get_config_var("CONFIG_ARGS")
    return arguments is not None and OPTIMISED not in arguments and sys.base_prefix != "/usr"


if __name__ == "__main__":
    sys.exit(is_plainly_built())
