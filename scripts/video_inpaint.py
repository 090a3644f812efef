"""Registers the Video Inpaint tab and its settings in the WebUI; everything else is in lib_vidpaint."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gradio as gr
from modules import script_callbacks, shared

from lib_vidpaint import requirements

SECTION = ("vidpaint", "Video Inpaint")
EXPOSING = ("listen", "share", "gradio_auth", "gradio_auth_path", "hide_ui_dir_config", "ngrok")


def _options() -> None:
    root = Path.home() / "vidpaint-projects"
    asked = {
        "vidpaint_root": (str(root), "Folder of the projects"),
        "vidpaint_paths": (
            "",
            "Folders, separated by ;, whose videos may be used by path when others can reach the WebUI",
        ),
    }
    for key, (default, label) in asked.items():
        shared.opts.add_option(key, shared.OptionInfo(default, label, section=SECTION).needs_reload_ui())


def _allow(folder: Path) -> None:
    if str(folder) not in shared.demo.allowed_paths:
        shared.demo.allowed_paths.append(str(folder))


def _ours(press: Callable[[], None]) -> Callable[[], None]:
    """A button of the WebUI that is pressed only while it works for us: another user's picture is not ours to stop."""
    return lambda: press() if str(shared.state.job).startswith("Video Inpaint") else None


def _tab() -> list[tuple[gr.Blocks, str, str]]:
    off = requirements.turned_off()
    if off:
        with gr.Blocks() as page:
            gr.Markdown("Video Inpaint is off.\n\n" + "\n\n".join(off))
        return [(page, "Video Inpaint", "vidpaint_host")]
    from lib_vidpaint.engines import EngineSpec, open_engine
    from lib_vidpaint.ui.app import build
    from lib_vidpaint.ui.page import Host
    from lib_vidpaint.ui.workspaces import Access

    exposed = any(getattr(shared.cmd_opts, name, None) for name in EXPOSING)
    roots = tuple(Path(part.strip()) for part in shared.opts.vidpaint_paths.split(";") if part.strip())
    host = Host(
        "webui", open_engine(EngineSpec("webui")).names, _ours(shared.state.interrupt), _ours(shared.state.skip)
    )
    root = Path(shared.opts.vidpaint_root).expanduser().absolute()
    return [(build(root, Access(exposed, roots), _allow, host), "Video Inpaint", "vidpaint_host")]


script_callbacks.on_ui_settings(_options)
script_callbacks.on_ui_tabs(_tab)
