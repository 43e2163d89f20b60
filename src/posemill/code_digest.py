"""Import closures and digests of posemill's own code, read from the source files without importing anything.

A result that is kept (poses, tracks, a stage's output) must not outlive a change of the code that made it. Lists of
files kept by hand forget some; the import statements do not.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
_ROOT = PACKAGE.name
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# methods of tracks that show them to a person are one call of a room above (docs/decisions/0015): nothing that is
# computed comes back from there
VIEWS = frozenset(
    {
        ("posemill.pose.track", "posemill.estimation.draw"),
        ("posemill.pose.track", "posemill.report.notebook"),
    }
)


def import_closure(
    module: str | Iterable[str],
    *,
    stop: Iterable[str] = (),
    around: bool = True,
    deferred: bool = True,
    package: Path = PACKAGE,
) -> frozenset[str]:
    """Return the posemill modules that a module can reach by its import statements, itself included.

    Imports within functions count, those under `if TYPE_CHECKING` do not. A string that is the name of a module, alone
    or as `module:attribute`, counts as an import: registries and `python -m` name modules so. The packages around a
    module count with what their `__init__` imports when it is run; the outermost one never counts, since it only
    offers names of the others.

    Args:
        module: name of a module or package, as `posemill.estimation.tracking`, or several.
        stop: modules that are neither counted nor entered; a package stands for all that is in it.
        around: count the packages around a module too. Without them a package counts only where something is imported
            from it by name: importing it on the way to a module does nothing.
        deferred: count imports within functions, and modules named in strings; without, only those that are imported
            when the module itself is.
        package: folder of the package's source.

    Raises:
        ModuleNotFoundError: there is no such module.

    Examples:
        >>> sorted(import_closure("posemill.pose.topology"))
        ['posemill.errors', 'posemill.pose', 'posemill.pose.topology']
    """
    wanted, stops = [module] if isinstance(module, str) else list(module), tuple(stop)
    for name in wanted:
        if source_file(name, package) is None:
            raise ModuleNotFoundError(f"{name} is no module of {package}", name=name)
    closure: set[str] = set()
    run: set[str] = set()  # packages that were only run on the way to a module in them
    todo = [(name, True) for name in wanted]
    while todo:
        name, entered = todo.pop()
        known = closure if entered else closure | run
        if name in known or name == _ROOT or _stopped(name, stops):
            continue
        (closure if entered else run).add(name)
        todo.extend((parent, False) for parent in (_parents(name) if around else ()))
        todo.extend(
            (other, True) for other in _imported(name, package, entered and deferred) if (name, other) not in VIEWS
        )
    return frozenset(closure | run)


def code_digest(modules: str | Iterable[str], *, package: Path = PACKAGE) -> str:
    """Return the SHA-256 (hex) of what modules do: their parsed code without comments, docstrings and formatting.

    Args:
        modules: names, usually an `import_closure`; their order does not matter.
        package: folder of the package's source.

    Examples:
        >>> code_digest(["posemill.errors"]) == code_digest("posemill.errors")
        True
    """
    names = [modules] if isinstance(modules, str) else sorted(set(modules))
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0{_code(_file(name, package))}\0".encode())
    return digest.hexdigest()


def source_file(module: str, package: Path = PACKAGE) -> Path | None:
    """Return the source file of one of the package's modules; None where there is none of that name."""
    root, *inner = module.split(".")
    if root != _ROOT or not all(part.isidentifier() for part in inner):
        return None
    place = package.joinpath(*inner)
    candidates = (place / "__init__.py", place.with_suffix(".py")) if inner else (place / "__init__.py",)
    return next((path for path in candidates if path.is_file()), None)


def _file(module: str, package: Path) -> Path:
    path = source_file(module, package)
    if path is None:
        raise ModuleNotFoundError(f"{module} is no module of {package}", name=module)
    return path


def _stopped(module: str, stops: tuple[str, ...]) -> bool:
    return any(module == stop or module.startswith(f"{stop}.") for stop in stops)


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


@cache
def _imported(module: str, package: Path, functions: bool) -> frozenset[str]:
    """Modules that one module names; without `functions` only those that are imported when it is run."""
    path = _file(module, package)
    names: set[str] = set()
    for node in _walk(_parsed(path), functions):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                names.update(_from(node, module, path.name == "__init__.py", package))
            case ast.Constant(value=str(text)) if functions and text.startswith(f"{_ROOT}."):
                names.add(text.partition(":")[0])
    return frozenset(name for name in names if source_file(name, package) is not None)


def _from(node: ast.ImportFrom, module: str, is_package: bool, package: Path) -> Iterator[str]:
    """`from package import name`: the module of that name where there is one, else the package itself."""
    base = node.module or ""
    if node.level:
        inner = module.split(".") if is_package else module.split(".")[:-1]
        base = ".".join([*inner[: len(inner) - node.level + 1], *([node.module] if node.module else [])])
    for alias in node.names:
        inside = f"{base}.{alias.name}"
        yield inside if source_file(inside, package) is not None else base


def _walk(node: ast.AST, functions: bool) -> Iterator[ast.AST]:
    """All nodes but docstrings and what only a type checker reads."""
    yield node
    for child in _children(node):
        if functions or not isinstance(child, _FUNCTIONS):
            yield from _walk(child, functions)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        yield from node.orelse
        return
    docstring = _docstring(node)
    yield from (child for child in ast.iter_child_nodes(node) if child is not docstring)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _docstring(node: ast.AST) -> ast.stmt | None:
    if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
        value = node.body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return node.body[0]
    return None


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


@cache
def _code(path: Path) -> str:
    return _canonical(_parsed(path))


def _canonical(value: object) -> str:
    """A node as text. Empty fields are left out: newer Pythons have more of them, and the code is the same."""
    if isinstance(value, list):
        return f"[{','.join(map(_canonical, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    docstring = _docstring(value)
    fields = []
    for name, content in ast.iter_fields(value):
        if docstring is not None and name == "body":
            content = content[1:]
        if content is not None and content != []:
            fields.append(f"{name}={_canonical(content)}")
    return f"{type(value).__name__}({','.join(fields)})"
