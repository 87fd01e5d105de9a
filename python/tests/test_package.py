"""What the package ships beside its code: types, names, documentation."""

import ast
import inspect
import pathlib
import subprocess

import omendb
from omendb import _omendb

FOLDER = pathlib.Path(omendb.__file__).parent


def test_the_package_is_typed():
    assert (FOLDER / "py.typed").exists()
    for source in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.returns is not None, f"{source.name}:{node.lineno} {node.name} has no return type"
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                untyped = [
                    argument.arg
                    for argument in arguments
                    if argument.annotation is None and argument.arg not in ("self", "cls")
                ]
                assert not untyped, f"{source.name}:{node.lineno} {node.name}: {untyped}"


def test_the_stubs_name_everything_of_the_extension():
    stubs = [ast.parse((FOLDER / name).read_text()) for name in ("_omendb.pyi", "_map.pyi")]
    nodes = [node for stub in stubs for node in stub.body]
    classes = {
        node.name: {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
        for node in nodes
        if isinstance(node, ast.ClassDef)
    }
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    for name, value in vars(_omendb).items():
        if inspect.isclass(value):
            assert {member for member in vars(value) if not member.startswith("_")} <= classes[name]
        elif callable(value):
            assert name in functions


def test_every_public_name_is_documented():
    for name in omendb.__all__:
        value = getattr(omendb, name)
        assert inspect.getdoc(value), name
        for member, function in inspect.getmembers(value, inspect.isfunction):
            if not member.startswith("_") and value.__module__.startswith("omendb"):
                assert inspect.getdoc(function), f"{name}.{member}"


def test_the_extension_exports_its_entry_point_only():
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", _omendb.__file__], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in listed.splitlines()] == ["PyInit__omendb"]
