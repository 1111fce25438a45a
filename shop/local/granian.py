"""granian with the app loaded before it forks: `python -m shop.local.granian [options of granian] module:app`.

The web processes then share the pages of what was loaded once. Nothing that was loaded is looked at by their garbage
collectors, which would write into every page of it.
"""

import gc
import multiprocessing
import sys
from importlib import import_module

from granian.cli import cli


def main() -> None:
    """Load, then hand over."""
    multiprocessing.set_start_method("fork")
    import_module(sys.argv[-1].partition(":")[0])
    gc.collect()
    gc.freeze()
    cli(auto_envvar_prefix="GRANIAN")


if __name__ == "__main__":
    main()
