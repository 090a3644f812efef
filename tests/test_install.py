"""install.py in a small environment of its own, with packages made here: it only ever adds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from lib_vidpaint.requirements import ADDED, OF_THE_HOST, OPTIONAL, Requirement, missing, turned_off

ROOT = Path(__file__).parents[1]


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """A package with nothing in it."""
    about = f"{name}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {need}" for need in needs),
    ]
    texts = {
        f"{name}/__init__.py": "",
        f"{about}/METADATA": "\n".join(lines) + "\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in (*texts, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)


def extension(folder: Path) -> Path:
    """The part of the extension that is needed to install it: what it notes down stays there. Gives install.py."""
    (folder / "lib_vidpaint").mkdir(parents=True)
    for file in ("install.py", "lib_vidpaint/__init__.py", "lib_vidpaint/requirements.py"):
        shutil.copyfile(ROOT / file, folder / file)
    return folder / "install.py"


class Environment:
    """A Python with pip and a folder of wheels that is all it can install from."""

    def __init__(self, folder: Path) -> None:
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        self.python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.extension = extension(folder / "extension")

    def run(self, *arguments: str | Path) -> str:
        local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_CONFIG_FILE": os.devnull}
        done = subprocess.run(
            [self.python, *arguments], env={**os.environ, **local}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pip(self, *arguments: str) -> str:
        return self.run("-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    wheel(made.wheels, "av", "17.5.0")
    wheel(made.wheels, "tomli", "2.0.0")
    wheel(made.wheels, "host_package", "1.0")
    made.pip("install", "host_package==1.0")
    wheel(made.wheels, "host_package", "2.0")
    wheel(made.wheels, "scenedetect", "0.7.1", "host_package>=2")
    return made


def test_it_adds_what_fits_and_leaves_out_what_would_change_the_host(environment: Environment) -> None:
    before = set(environment.pip("freeze").split())
    said = environment.run(environment.extension)
    after = set(environment.pip("freeze").split())
    assert before <= after
    assert "av==17.5.0" in after
    assert "host-package==1.0" in {line.replace("_", "-") for line in after}
    assert not any(line.startswith("scenedetect") for line in after)
    assert "scenedetect>=0.7,<0.8 was not installed, so finding shot cuts is off: pip finds no version" in said

    wheel(environment.wheels, "opencv_python", "4.10.0")
    wheel(environment.wheels, "opencv_contrib_python_headless", "4.10.0")
    wheel(environment.wheels, "platformdirs", "4.0")
    environment.pip("install", "opencv_contrib_python_headless")
    wheel(environment.wheels, "scenedetect", "0.7.0", "opencv-python", "platformdirs")
    assert "installed scenedetect" in environment.run(environment.extension)
    after = {line.split("==")[0].replace("_", "-") for line in environment.pip("freeze").split()}
    assert {"scenedetect", "platformdirs"} <= after
    assert "opencv-python" not in after, "there is an OpenCV of another kind"
    begun = time.perf_counter()
    assert environment.run(environment.extension) == ""
    assert time.perf_counter() - begun < 1


def test_what_only_some_masks_need_is_added_and_once_refused_asked_for_a_day_later(environment: Environment) -> None:
    refused = environment.extension.with_name(".refused")
    assert refused.exists(), "there was no wheel of onnxruntime"
    for module, version in {"onnxruntime": "1.20.0", "pymatting": "1.1.12", "pooch": "1.8.0"}.items():
        wheel(environment.wheels, module, version)
    wheel(environment.wheels, "rembg", "2.0.60", "host_package>=2", "opencv-python-headless")
    wheel(environment.wheels, "segment_anything", "1.0")
    assert environment.run(environment.extension) == ""

    yesterday = time.time() - 25 * 3600
    os.utime(refused, (yesterday, yesterday))
    before = set(environment.pip("freeze").split())
    said = environment.run(environment.extension)
    after = set(environment.pip("freeze").split())
    assert said.count("installed") == len(OPTIONAL) == 5
    assert {line.replace("_", "-").split("==")[0] for line in after - before} == {
        "onnxruntime", "pymatting", "pooch", "rembg", "segment-anything",
    }  # fmt: skip
    assert before <= after, "rembg's own needs would change the host, so it comes without"


def test_of_a_feature_nothing_more_is_tried_once_a_part_is_refused(environment: Environment) -> None:
    environment.pip("uninstall", "-y", "onnxruntime", "pymatting", "segment_anything")
    (environment.wheels / "onnxruntime-1.20.0-py3-none-any.whl").unlink()
    refused = environment.extension.with_name(".refused")
    os.utime(refused, (0, 0))
    said = environment.run(environment.extension).splitlines()
    assert "so what rembg finds is off" in said[0]
    assert said[1:] == ["Video Inpaint: installed segment-anything>=1.0,<2 for what SAM finds"]
    assert time.time() - refused.stat().st_mtime < 60


def test_torch_is_never_asked_for() -> None:
    assert not {"torch", "torchvision"} & {one.module for one in OPTIONAL}


def test_without_pip_it_says_so_and_the_webui_starts(environment: Environment, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / environment.python.parent.name / environment.python.name
    done = subprocess.run([python, extension(tmp_path / "extension")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Video Inpaint: ")


def test_a_missing_package_turns_a_feature_off_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert turned_off() == []
    lacking = Requirement("not_there_at_all", "not-there>=1", "finding shot cuts")
    assert missing((lacking, *OF_THE_HOST, *ADDED)) == [lacking]
    monkeypatch.setattr("lib_vidpaint.requirements.ADDED", (lacking,))
    assert turned_off() == ["Finding shot cuts is off: the package not-there>=1 is not installed."]
