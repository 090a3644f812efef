"""What drives a page: its controls, tabs and jobs, as a person finds them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ROOT = Path(__file__).parents[2]
JOB = "#vidpaint_progress .vidpaint-job"


def field(page: Any, name: str) -> Any:
    """The box in which a control's value stands."""
    return page.locator(
        f"#vidpaint_{name} textarea, #vidpaint_{name} input[type=text], #vidpaint_{name} input[type=number]"
    ).first


def tab(page: Any, number: int) -> None:
    buttons = "#vidpaint_tabs [role=tab]:visible, #vidpaint_tabs > .tab-nav button:visible"
    page.locator(buttons, has_text=f"{number} ").last.click()


def open_video(page: Any, video: Path, mask: Path) -> None:
    """Upload a video and a mask for it, as a project of its own."""
    page.set_input_files("#vidpaint_upload input[type=file]", str(video))
    time.sleep(1.5)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=30000)
    page.set_input_files("#vidpaint_mask_upload input[type=file]", str(mask))
    value = "document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value"
    page.wait_for_function(f"() => {value} === 'uploaded: {mask.name}'")


def press(page: Any, name: str, seconds: float = 60) -> None:
    """Press a button that starts a job, and wait for that job's end."""
    before = number_of_job(page)
    page.click(f"#vidpaint_{name}")
    job_after(page, before, seconds)


def number_of_job(page: Any) -> int:
    """The number of the last job, 0 when there was none."""
    return int(page.get_attribute(JOB, "data-number")) if page.locator(JOB).count() else 0


def job_after(page: Any, before: int, seconds: float = 60) -> None:
    """Wait for the end of the job that comes after that one."""
    page.wait_for_function(
        f"() => {{ const job = document.querySelector('{JOB}');"
        f" return job && Number(job.dataset.number) > {before} && job.dataset.state !== 'running' }}",
        timeout=seconds * 1000,
    )
    assert page.get_attribute(JOB, "data-state") == "done", page.inner_text(JOB)


def project_of(folder: Path) -> Path:
    (found,) = (folder / "pro jects #1").glob("*/project")
    return found
