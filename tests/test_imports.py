"""Who may import whom, read from the source: pages and commands -> session -> pipeline, stages -> algorithms -> clip."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lib_vidpaint"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__"): path
    for path in PACKAGE.rglob("*.py")
}
HEAVY = {"torch", "rembg", "segment_anything", "diffusers", "ray", "matplotlib", "scenedetect", "skimage", "tqdm"}
# From the top down. A module may import modules of its own layer and of those below.
LAYERS = [
    {"__main__", "cli", "demo", "docs", "terminal", "ui"},
    {"checking", "cleaning", "jobs", "preview_video", "previewing", "viewing", "mask_view"},
    {"session"},
    {"stages"},
    {
        "pipeline", "abilities", "batches", "pacing", "guides", "interrogating",
        "items", "survey", "finding", "patching", "donations", "receipt", "comparison", "fixes", "handmade",
        "contact", "enhancing", "mending", "finishing", "finished", "dropping", "preparing", "large", "refining", "retouching",
        "segmenting", "steadying", "layers", "provenance", "report", "report_page",
    },
    {
        "project", "logs", "ledger", "groups", "regions", "render", "sharing", "selection", "candidates", "sizes", "repairing",
        "workplan", "segmenters", "engines", "mask_checks", "painting", "upscalers",
    },
    {
        "agreement", "alignment", "anchoring", "backdrop", "matching", "sheets", "donors", "enlarging", "filling",
        "blending", "colour_tables", "crops", "flow", "grading", "grain", "light", "harmonising", "measures",
        "judging", "likeness", "verdict_plot",
        "motion", "propagation", "ranking", "ring", "shaping", "shots",
        "footage", "framing", "handpicking", "keyframing", "keyplots", "lastkey", "placement", "following",
        "prediction", "segments", "spacing",
        "surroundings", "transfer", "verify", "witness", "orientation", "pictures", "progress", "settings",
        "atomic", "memory", "pools", "tracking", "follower", "outlines", "plates", "matting",
        "appearance", "guesses", "interpolation", "timing",
    },
    {"chains", "filters", "clip", "containers", "folders", "encode", "fields", "planes", "pixels", "tracks"},
    {"model", "errors", "requirements", "__init__", "."},
]  # fmt: skip
# What they share without being of a kind: an error, a record's place, a name.
FREE = {"model", "errors", "settings", "atomic", "progress", "orientation", "."}


def imports(path: Path, deep: bool) -> Iterator[str]:
    """Modules that a file imports, absolute; with `deep` also inside functions. TYPE_CHECKING blocks do not count."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), deep):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: -node.level]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            if node.level and not node.module:
                yield from (f"{name}.{alias.name}" for alias in node.names)
            else:
                yield name


def _nodes(tree: ast.AST, deep: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        if deep or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _nodes(node, deep)


def ours(path: Path, deep: bool = True) -> set[str]:
    """The package's own modules that a file imports, by their first name below the package."""
    names = {name for name in imports(path, deep) if name.split(".")[0] == "lib_vidpaint"}
    return {[*name.split("."), "."][1] for name in names}


def layer(name: str) -> int:
    return next(number for number, modules in enumerate(LAYERS) if name.split("/")[0] in modules)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_down(name: str) -> None:
    top = name.split("/")[0] or "."
    known = {module for modules in LAYERS for module in modules}
    assert top in known, f"{name} is new: give it a layer"
    for other in ours(MODULES[name]) - FREE - {top, "__version__"}:
        assert layer(top) <= layer(other), f"{name} imports {other}"


def test_stages_do_not_import_each_other() -> None:
    stages = {path.stem for path in (PACKAGE / "stages").glob("*.py")} - {"__init__"}
    for name in stages:
        for other in imports(PACKAGE / "stages" / f"{name}.py", deep=True):
            parts = other.split(".")
            assert parts[:2] != ["lib_vidpaint", "stages"], f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_host_and_gradio_stay_where_they_belong(name: str) -> None:
    roots = {other.split(".")[0] for other in imports(MODULES[name], deep=True)}
    assert "modules" not in roots or name in (
        "engines/webui", "engines/turns", "engines/host_upscalers", "engines/host_words",
    )  # fmt: skip
    assert "gradio" not in roots or name.startswith("ui")
    assert not roots & {"utils", "requests", "urllib3"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_heavy_packages_are_imported_where_they_are_used(name: str) -> None:
    roots = {other.split(".")[0] for other in imports(MODULES[name], deep=False)}
    assert not roots & HEAVY


def test_every_decoder_is_opened_in_one_place() -> None:
    openers = {name for name, path in MODULES.items() if "av.open(" in path.read_text(encoding="utf-8")}
    assert openers <= {"containers", "encode", "tracks", "verify"}
    assert not [name for name, path in MODULES.items() if "VideoCapture" in path.read_text(encoding="utf-8")]


def test_modules_can_be_read_in_one_sitting() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > 350} == {}
