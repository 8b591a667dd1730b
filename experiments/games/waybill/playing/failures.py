"""What goes wrong in a part that plays or advises: a traceback in the terminal, one line for all, the game goes on."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.common.door import is_mistake, one_line
from groundwork.errors import WaybillError


class PartFailed(WaybillError):
    """A part that plays or advises went wrong; the message says which, and how, in one line."""


@contextmanager
def told_in_one_line(who: str) -> Iterator[None]:
    """Run what ``who`` does, which may be a user's own part.

    Raises:
        PartFailed: in one line; of a bug the traceback is printed before, for whoever has to mend it.
    """
    try:
        yield
    except WaybillError:
        raise
    except Exception as error:
        if not is_mistake(error):
            traceback.print_exc(file=sys.stderr)
        raise PartFailed(f"{who} failed: {one_line(error)}") from error
