"""Registers the Video Inpaint tab and its settings in the WebUI; everything else is in lib_vidpaint."""

# pyright: reportMissingImports=false
from __future__ import annotations

from pathlib import Path
from threading import Timer
from typing import Any

import gradio as gr
from modules import script_callbacks, shared

from lib_vidpaint import requirements

DEFAULTS = ("inpaint.steps", "inpaint.batch_count", "inpaint.batch_size", "inpaint.denoise", "composite.carry")
SECTION = ("vidpaint", "Video Inpaint")
LONGEST = 365
TIDY_AFTER = 20  # seconds: the host starts first
EXPOSING = ("listen", "share", "gradio_auth", "gradio_auth_path", "hide_ui_dir_config", "ngrok")


def _options() -> None:
    """The settings page: where projects lie, and what a new one begins with."""
    root = Path.home() / "vidpaint-projects"
    asked = {
        "vidpaint_root": (str(root), "Folder of the projects"),
        "vidpaint_paths": (
            "",
            "Folders, with ; between them, whose videos may be used by path when others can reach the WebUI",
        ),
    }
    for key, (default, label) in asked.items():
        shared.opts.add_option(key, shared.OptionInfo(default, label, section=SECTION).needs_reload_ui())
    old = shared.OptionInfo(
        0, "Delete previews of projects untouched for this many days", gr.Slider,
        {"minimum": 0, "maximum": LONGEST, "step": 1}, section=SECTION,
    )  # fmt: skip
    shared.opts.add_option(
        "vidpaint_keep_previews",
        old.info("0 = never; only the small pictures that the page shows, and makes again").needs_reload_ui(),
    )
    if requirements.turned_off():
        return
    from lib_vidpaint import settings
    from lib_vidpaint.stages import Settings
    from lib_vidpaint.ui.controls import labels

    for path in DEFAULTS:
        leaf = settings.leaf(Settings, path)
        label = f"New projects: {labels()[path]}"
        limits = {"minimum": leaf.knob.low, "maximum": leaf.knob.high, "step": leaf.knob.step}
        kind, more = (gr.Dropdown, {"choices": list(leaf.choices)}) if leaf.choices else (gr.Slider, limits)
        option = shared.OptionInfo(leaf.default, label, kind, more, section=SECTION)
        text = leaf.knob.help.rstrip(".").removeprefix(labels()[path]).removeprefix(": ")
        if text:
            option = option.info(text)
        shared.opts.add_option(_key(path), option.needs_reload_ui())


def _key(path: str) -> str:
    return "vidpaint_new_" + path.replace(".", "_")


def _defaults() -> dict[str, Any]:
    """What the settings page says; a value that no control allows (the file can be edited) is left out."""
    from lib_vidpaint import settings
    from lib_vidpaint.errors import SettingsError
    from lib_vidpaint.stages import Settings

    found = {}
    for path in DEFAULTS:
        try:
            found[path] = settings.check(settings.leaf(Settings, path), getattr(shared.opts, _key(path)))
        except SettingsError as error:
            print(f"Video Inpaint: on the settings page, {error}")
    return found


def _tidy(root: Path) -> None:
    """Delete old previews."""
    from lib_vidpaint import cleaning
    from lib_vidpaint.ui.workspaces import Workspaces

    try:
        folders = [space.folder for space in Workspaces(root, _allow).all()]
        cleaning.tidy(folders, min(max(int(shared.opts.vidpaint_keep_previews), 0), LONGEST))
    except Exception as error:
        print(f"Video Inpaint: previews could not be tidied away: {error}")


def _allow(folder: Path) -> None:
    if str(folder) not in shared.demo.allowed_paths:
        shared.demo.allowed_paths.append(str(folder))


_seen: dict[str, Any] = {}
"""The host's own components of the img2img tab by element id; the host makes them before our tab."""


def _see(component: Any, **given: Any) -> None:
    name = str(given.get("elem_id") or getattr(component, "elem_id", None) or "")
    if name.startswith("img"):
        _seen[name] = component


def _img2img() -> Any:
    """The way to and from the img2img tab."""
    from lib_vidpaint.ui.img2img import Img2Img

    try:
        from modules.infotext_utils import image_from_url_text
    except ImportError:
        return None
    return Img2Img(_seen, image_from_url_text)


def _tab() -> list[tuple[gr.Blocks, str, str]]:
    off = requirements.turned_off()
    if off:
        with gr.Blocks() as page:
            gr.Markdown("Video Inpaint is off.\n\n" + "\n\n".join(off))
        return [(page, "Video Inpaint", "vidpaint_host")]
    from lib_vidpaint.engines import turns
    from lib_vidpaint.engines.webui import WebUI
    from lib_vidpaint.ui.app import build
    from lib_vidpaint.ui.page import Host
    from lib_vidpaint.ui.workspaces import Access

    exposed = any(getattr(shared.cmd_opts, name, None) for name in EXPOSING)
    roots = tuple(Path(part.strip()) for part in shared.opts.vidpaint_paths.split(";") if part.strip())
    engine = WebUI()
    host = Host(
        engine.name, engine.names, engine.refresh, turns.interrupt, turns.skip, turns.glimpse, _defaults(), _img2img()
    )  # fmt: skip
    root = Path(shared.opts.vidpaint_root).expanduser().absolute()
    tidying = Timer(TIDY_AFTER, _tidy, (root,))
    tidying.daemon = True
    tidying.start()
    return [(build(root, Access(exposed, roots), _allow, host), "Video Inpaint", "vidpaint_host")]


script_callbacks.on_ui_settings(_options)
script_callbacks.on_after_component(_see)
script_callbacks.on_ui_tabs(_tab)
