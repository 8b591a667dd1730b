"""Modules that a config names."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from groundwork.blame import is_our_module
from groundwork.errors import WaybillError


def import_named(module: str, what: str) -> Any:
    """Import a module that ``what``, a key with its value, names.

    Raises:
        WaybillError: in one line, if there is none; what the module itself raises is left as it is.
    """
    if not is_our_module(module) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # for modules of the user's own: no earlier, as a stranger's folder may be there
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise WaybillError(f"{what}: there is no module {error.name!r}, in this folder or installed") from None
    except (ValueError, TypeError):  # an empty name, or one with a dot in front
        if module and not module.startswith("."):
            raise
        raise WaybillError(f"{what}: {module!r} is no module's name, allowed is package.module") from None


def import_object(target: str, what: str) -> Any:
    """What ``target``, a module and a name in it, stands for; ``what`` is the key with its value that names it.

    Raises:
        WaybillError: in one line, if there is no such module, or nothing of that name in it.
    """
    module, _, name = target.rpartition(".")
    found = import_named(module, what)
    if not hasattr(found, name):
        raise WaybillError(f"{what}: module {module!r} has no {name!r}")
    return getattr(found, name)
