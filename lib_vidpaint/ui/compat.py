"""The only file that knows which gradio is there: 3.41, 4.40 or 6."""

from __future__ import annotations

import os
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

MAJOR = int(gr.__version__.split(".")[0])
FILE_PREFIX = "file=" if MAJOR < 5 else "gradio_api/file="
ROOT = Path(__file__).parents[2]
update = gr.update


def blocks() -> gr.Blocks:
    """An empty page; its looks come with `launch` in gradio 6 and must be named here before."""
    look: dict[str, Any] = {} if MAJOR >= 6 else {"css": asset("style.css"), "theme": _theme()}
    return gr.Blocks(title="Video Inpaint", analytics_enabled=False, **look)


def asset(name: str) -> str:
    """The text of a file that the WebUI loads from the extension's folder; a wheel has it among its data."""
    for folder in (ROOT, Path(sysconfig.get_path("data")) / "share" / "vidpaint"):
        for path in (folder / name, folder / Path(name).name):
            if path.is_file():
                return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"{name} is missing: install Video Inpaint again.")


def _theme() -> Any:
    """gradio's own look with the system's fonts: nothing is asked from a font server."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gr.themes.Default(**fonts)  # pyright: ignore[reportPrivateImportUsage]


def on(event: Callable[..., Any], work: Any, inputs: Sequence[Any], outputs: Sequence[Any], js: str = "") -> Any:
    """Bind an event without queue, overlay or a public name in the API. `js` runs first and may replace the inputs.

    Values arrive as they were sent: gradio 6 answers one beyond a slider's ends with an error that nobody sees, 3 and 4
    with none; the handlers check them alike. Only a file needs gradio's own reading.
    """
    raw = not any(isinstance(component, gr.File) for component in inputs)
    options: dict[str, Any] = {"queue": False, "show_progress": "hidden", "preprocess": not raw}
    if js:
        options["_js" if MAJOR < 4 else "js"] = js
    options.update({"api_visibility": "private"} if MAJOR >= 6 else {"api_name": False} if MAJOR >= 4 else {})
    return event(fn=work, inputs=list(inputs), outputs=list(outputs), **options)


def released(component: Any) -> Callable[..., Any]:
    """The event of a person having changed a control; of a slider once it is let go."""
    return getattr(component, "release", None) or component.input


def load_script(page: gr.Blocks, code: str) -> None:
    """Run JavaScript once in every browser that opens the page."""
    options: dict[str, Any] = {"_js" if MAJOR < 4 else "js": f"() => {{ {code} }}"}
    page.load(fn=None, inputs=None, outputs=None, **options)


def uploaded(value: Any) -> Path:
    """The file that a gr.File holds. A path outside gradio's upload folder was made up by the sender: ValueError."""
    path = Path(str(getattr(value, "name", value))).resolve()
    folders = [os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / "gradio"]
    if not path.is_file() or not any(path.is_relative_to(Path(folder).resolve()) for folder in folders):
        raise ValueError(path.name)
    return path


def url(file: Path) -> str:
    """Where the browser finds a served file; relative, so that it holds behind a proxy."""
    return FILE_PREFIX + quote(file.resolve().as_posix(), safe="/:")


def launch(page: gr.Blocks, address: str, port: int | None, cwd: Path) -> str:
    """Serve the page in threads of its own and give its URL. Of the disk only `allowed_paths` are served."""
    options: dict[str, Any] = {"server_name": address, "server_port": port, "quiet": True, "share": False}
    if MAJOR >= 6:
        options.update(css=asset("style.css"), theme=_theme(), footer_links=[], ssr_mode=False)
    else:
        options["show_api"] = False
    if MAJOR < 5:
        _resolve_before_checking()
        page.queue()
    app, local, _ = page.launch(prevent_thread_lock=True, allowed_paths=[], show_error=False, **options)
    # gradio 3 and 4 serve everything below the folder that the program was started in.
    app.cwd = str(cwd)
    return local


def _resolve_before_checking() -> None:
    """gradio 3 and 4 compare paths as they are written, so that symlinks (in 3 also `served/x/../../..`) lead out of a folder."""
    from gradio import utils

    utils.abspath = lambda path: Path(path).resolve()
