"""Tab 5, Result: before and after, what validation found, the files and the receipt."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import gradio as gr

from ... import viewing
from ...errors import SettingsError
from .. import fragments
from ..compat import update, url
from ..page import Tab, facts
from ..workspaces import Workspace

NOTHING = "There is no result yet: press Run all, or Render below."
VIDEOS = (("package/comparison.mp4", "Original, mask, result and difference × 8"), ("share.mp4", "The result"))


class ResultTab(Tab):
    title = "5 Result"

    def build(self) -> None:
        page = self.page
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                page.html("compare")
                page["between"] = gr.Slider(0, 1, 0, step=1, label="Frame to compare", elem_id="vidpaint_between")
                page.html("result")
            with gr.Column(scale=2, min_width=320):
                page.button("run_package", "Render", "primary")
                page.html("files")
                page.button("folder", "Open folder", visible=not page.access.reachable)
                with gr.Accordion("How the edit is carried, checked and written", open=False):
                    page.form.add("composite", "validate", "enhance", "assemble", "package")

    def bind(self) -> None:
        page = self.page
        page.bind(page["between"].change, self.compare, ["project", "between"], ["compare"])
        page.bind_run("run_package", "package")
        page.bind(page["folder"].click, self.open_folder, ["project"])
        self.bind_show(self.show, ["between"], ["compare", "between", "result", "files"])

    def show(self, id: str, index: float) -> tuple[Any, Any, str, str]:
        """Before and after, its slider, videos with failures and receipt, and the files."""
        if not id:
            return "", update(), "", ""
        space = self.page.space(id)
        if not viewing.was_read(space.project):
            return "", update(), "", ""
        frames = facts(space).frames
        index = int(min(index or 0, frames - 1))
        slider = update(maximum=frames - 1, value=index)
        return self._compare(space, index), slider, self._videos(space), self._files(space)

    def compare(self, id: str, index: float) -> str:
        """One frame before and after, to be compared."""
        return self._compare(self.page.space(id), int(index or 0))

    def _compare(self, space: Workspace, index: int) -> str:
        patches = space.project / "patches.json"
        if not patches.exists() or not (space.project / "render.json").exists():
            return fragments.note(NOTHING)
        pair, found = {}, facts(space)
        later = [space.project / name for name in ("enhanced.json", "filled.json")]
        made_from = next((file for file in later if file.exists()), patches)

        def side(which: int) -> Any:
            if not pair:
                pair["both"] = viewing.before_after(space.project, index)
            return pair["both"][which]

        before = space.picture(f"before-{index:06d}", made_from, lambda: side(0))
        after = space.picture(f"after-{index:06d}", made_from, lambda: side(1))
        for prefix in ("before-", "after-"):
            space.prune(prefix)
        return fragments.compare(url(before), url(after), index, found.width, found.height)

    def _videos(self, space: Workspace) -> str:
        folder = space.project
        if not (folder / "render.json").exists():
            return ""
        made = [
            fragments.video(url(space.publish(folder / file)), title)
            for file, title in VIDEOS
            if (folder / file).exists()
        ]
        text = folder / "package/receipt.txt"
        receipt = fragments.receipt(text.read_text(encoding="utf-8") if text.exists() else "")
        failed = fragments.failed(viewing.failures(folder))
        return f'{failed}<div class="vidpaint-videos">{"".join(made)}</div>{receipt}'

    def _files(self, space: Workspace) -> str:
        links = [
            (name, url(space.publish(space.project / "package" / name)), size)
            for name, size in viewing.sizes_of(space.project).items()
            if not name.startswith(".")
        ]
        return fragments.files(links, "" if self.page.access.reachable else str(space.project / "package"))

    def open_folder(self, id: str) -> tuple[()]:
        """Show the results in the computer's own file manager."""
        folder = self.page.space(id).project
        if self.page.access.reachable:
            raise SettingsError("Others can reach this page, so it opens no windows on this computer.")
        if sys.platform == "win32":
            os.startfile(folder)  # noqa: S606
        else:
            subprocess.Popen(["open" if sys.platform == "darwin" else "xdg-open", folder])
        return ()
