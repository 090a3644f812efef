"""What Windows asks of the code, as far as it can be read from it anywhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from lib_vidpaint import atomic, items, project
from lib_vidpaint.groups import PATH, PREDICTED
from lib_vidpaint.ledger import digest

ROOT = Path(__file__).parent.parent
CODE = sorted([*(ROOT / "lib_vidpaint").rglob("*.py"), *(ROOT / "scripts").glob("*.py"), ROOT / "install.py"])
POSIX_ONLY = {"fcntl", "grp", "pwd", "resource", "termios"}


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def text_without_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes text in whatever encoding the system has (cp1252 on Windows)."""
    named = {word.arg for word in call.keywords}
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return "encoding" not in named
    if name == "open" and (isinstance(call.func, ast.Name) or not call.args or isinstance(call.args[0], ast.Constant)):
        place = 1 if isinstance(call.func, ast.Name) else 0
        modes = [a.value for a in call.args[place : place + 1] if isinstance(a, ast.Constant)]
        modes += [w.value.value for w in call.keywords if w.arg == "mode" and isinstance(w.value, ast.Constant)]
        binary = any("b" in str(mode) for mode in modes)
        # `footage.open()` and the like are no files: a file that is opened for reading says its encoding or "rb".
        return not binary and "encoding" not in named and bool(modes or isinstance(call.func, ast.Name))
    return False


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_that_windows_can_run(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [c.lineno for c in calls(tree) if text_without_encoding(c)] == [], "text without encoding"
    renames = [c.lineno for c in calls(tree) if isinstance(c.func, ast.Attribute) and c.func.attr == "rename"]
    assert renames == [], "rename refuses to replace a file on Windows: atomic.replace"
    direct = [c.lineno for c in calls(tree) if ast.unparse(c.func) == "os.replace"]
    assert direct == [] or path.name == "atomic.py", "atomic.replace waits for a file that is open elsewhere"
    top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    names = {a.name for n in top if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in top if isinstance(n, ast.ImportFrom) and n.module and not n.level}
    assert names & POSIX_ONLY == set(), "a module that is not there on Windows"
    assert not re.search(r"\bos\.(fork|sync|geteuid|getuid|mkfifo|chown)\b", path.read_text(encoding="utf-8"))


def test_a_project_folder_leaves_room_for_every_file_of_ours() -> None:
    longest = [
        items.keyframe_white(999999), items.keyframe_file(999999), PATH, PREDICTED, "measures/000000-000000.json",
        "package/enhanced/000000.mp4", "candidates/000000/00.layer.png", "kept/candidates/000000/00-999.png",
    ]  # fmt: skip
    assert (
        max(len("\\" + name + atomic.PART) for name in longest if not name.startswith("kept")) <= atomic.LONGEST_INSIDE
    )
    assert max(map(len, longest)) < atomic.LONGEST_INSIDE


def test_a_folder_is_the_same_however_its_letters_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project.os.path, "normcase", lambda path: str(path).lower())
    assert project._memory(Path("/Films/P")) == project._memory(Path("/films/p"))
    assert project._memory(Path("/films/p")).stem == digest("/films/p")
