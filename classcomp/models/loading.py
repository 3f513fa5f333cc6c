"""A user's class, out of a file or a module."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from types import ModuleType

from torch import nn

from classcomp.sources import existing_file, is_file, split_path
from classcomp.wording import one_line


def load_class(path: str) -> type:
    """Return the class that `my_net.py:MyNet` or `package.module:Class` names.

    A file is run once as long as it does not change, under a module name of its own, which
    stays in `sys.modules` so that its classes can be pickled here; `sys.path` is left alone.

    Raises:
        ValueError: one line that says what is not there, or what came of running it.
    """
    where, name = split_path(path)
    try:
        module = _run_file(where, path) if is_file(where) else importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{where}.".startswith(f"{error.name}."):
            raise ValueError(f"path = {path!r}: there is no module {error.name}") from None
        raise ValueError(f"path = {path!r}: running it raises {one_line(error)}") from None
    except _NotThereError as error:
        raise ValueError(str(error)) from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"path = {path!r}: running it raises {one_line(error)}") from None
    if not hasattr(module, name):
        raise ValueError(f"path = {path!r}: there is no {name} in it; {_classes_in(module)}")
    found = getattr(module, name)
    if not inspect.isclass(found):
        raise ValueError(f"path = {path!r}: {name} is no class; {_classes_in(module)}")
    missing = [n for n in ("fit", "predict", "predict_proba") if not hasattr(found, n)]
    if missing and kind_of(found) != "torch":
        raise ValueError(
            f"path = {path!r}: {name} is no torch.nn.Module, and to be a scikit-learn "
            f"classifier it lacks {', '.join(missing)}"
        )
    return found


def kind_of(found: type) -> str:
    """Return "torch", or "sklearn" for what is fitted."""
    return "torch" if issubclass(found, nn.Module) else "sklearn"


class _NotThereError(ValueError):
    """Ours, to be told from whatever the user's code raises."""


def _run_file(where: str, path: str) -> ModuleType:
    try:
        file = existing_file(where, path)
    except ValueError as error:
        raise _NotThereError(str(error)) from None
    digest = hashlib.sha256(str(file).encode() + b"\0" + file.read_bytes()).hexdigest()[:16]
    name = f"_own_network_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _classes_in(module: ModuleType) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__.startswith(module.__name__)
    ]
    return f"its classes are {', '.join(own)}" if own else "it defines no class"
