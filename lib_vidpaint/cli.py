"""The command line. Flags are made from Settings; every command is a thin call into `session`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from . import __version__, session
from . import settings as settings_module
from .abilities import abilities
from .atomic import quoted
from .errors import Cancelled, SettingsError, VidpaintError, WaitingForPerson
from .model import to_json
from .preview_video import PREVIEW, preview_video, spanned
from .stages import PRESETS, SECTIONS, STAGES, Settings
from .terminal import Terminal

DONE, BUG, BAD_INPUT, WAITING, CANCELLED = 0, 1, 2, 3, 130
SHORT = {"mask.path": "--mask", "source.span": "--span"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 bug, 2 bad input, 3 waiting for a person, 130 cancelled."""
    try:
        options, unknown = _parser().parse_known_args(arguments)
        if unknown:
            raise SettingsError(_unknown(unknown[0]))
    except SettingsError as error:
        return _say(str(error), BAD_INPUT)
    try:
        return options.command(options) or DONE
    except VidpaintError as error:
        return _say(str(error), BAD_INPUT)
    except WaitingForPerson as waiting:
        return _say(str(waiting), WAITING)
    except (Cancelled, KeyboardInterrupt):
        again = getattr(options, "project", None)
        how = f" `vidpaint run -o {quoted(again)}` goes on from here." if again else ""
        return _say(f"Stopped; what is finished is kept.{how}", CANCELLED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        return _say(f"{traceback.format_exc()}This is a mistake in Video Inpaint {__version__}: please report it.", BUG)


def _unknown(argument: str) -> str:
    name = argument.partition("=")[0]
    if not name.startswith("--"):
        return f"{argument!r} is one argument too many: put quotes around a path with spaces. See vidpaint --help."
    try:
        settings_module.leaf(Settings, name[2:])
    except SettingsError as error:
        return str(error)
    return f"{name} belongs to `vidpaint run`, not to this command."


def _say(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vidpaint", description="Change one thing in a video and leave every other pixel as it was.",
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _run_command(commands)
    project = {"type": Path, "metavar": "PROJECT", "help": "the project's folder"}

    command = _add(
        commands, "plan", plan, "what a run will do: frames, keyframes, images, time and disk; paints nothing"
    )
    command.add_argument("project", **project)
    command = _add(commands, "status", status, "where every stage stands")
    command.add_argument("project", **project)
    command = _add(commands, "explain", explain, "why the next run would look at a stage again")
    command.add_argument("project", **project)
    command.add_argument("stage", nargs="?", default="", help="one of " + ", ".join(stage.name for stage in STAGES))

    command = _add(
        commands, "retouch", retouch, "give frames out as PNG, to be retouched in any program and taken back"
    )
    command.add_argument("project", **project)
    command.add_argument("frames", type=int, nargs="+", metavar="FRAME", help="the number of a frame, from 0")
    command = _add(commands, "preview", preview, "a small video of a few seconds of the edit, before it is rendered")
    command.add_argument("project", **project)
    command.add_argument("--span", default="", metavar="SPAN", help="which part of the source, such as 00:10-00:12")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=f"the file to write; default: {PREVIEW} in the project"
    )
    command = _add(
        commands, "verify", verify, "compare a master with its source, sample for sample, outside the region"
    )
    command.add_argument("project", type=Path, metavar="PROJECT|PACKAGE", help="the folder that holds the master")
    command.add_argument("source", type=Path, metavar="SOURCE", help="the video that was edited")
    command.add_argument("--json", action="store_true", help="print the receipt as JSON")
    command = _add(commands, "render", render, "make the master again from a package and the source")
    command.add_argument("package", type=Path, metavar="PACKAGE", help="the package's folder")
    command.add_argument("source", type=Path, metavar="SOURCE", help="the video that was edited")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file to write")

    command = _add(commands, "ui", ui, "show the page in a browser")
    command.add_argument(
        "--root", type=Path, default=Path.home() / "vidpaint-projects", metavar="DIR", help="where projects lie"
    )
    command.add_argument("--port", type=int, metavar="N", help="default: the first free one from 7860")
    command.add_argument("--listen", action="store_true", help="let other computers open the page")
    command.add_argument(
        "--models", type=Path, help="paint with Stable Diffusion checkpoints in this folder, by diffusers"
    )
    _add(
        commands,
        "settings",
        show_settings,
        "every knob with its default, limits and help, and what this machine can do",
    )
    command = _add(commands, "demo", demo, "make a small edited video and show where it is")
    command.add_argument("-o", "--output", type=Path, default=Path("vidpaint-demo"), metavar="DIR", help="where")
    return parser


def _add(
    commands: Any, name: str, work: Callable[[argparse.Namespace], int | None], help: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
    command.set_defaults(command=work)
    return command


def _run_command(commands: Any) -> None:
    command = _add(commands, "run", run, "edit a video, or go on with a project")
    command.add_argument(
        "video", nargs="?", metavar="VIDEO", help="the video, or a folder of frames; not needed to go on"
    )
    command.add_argument(
        "-o", "--output", dest="project", type=Path, required=True, metavar="PROJECT", help="the project's folder"
    )
    command.add_argument(
        "--preset", choices=[*PRESETS], help="knobs for a kind of edit; flags of your own come after it"
    )
    command.add_argument("--until", metavar="STAGE", default="", help="stop after this stage")
    command.add_argument(
        "--preview", action="store_true", help="paint every keyframe once with few steps, into previews/, and stop"
    )
    command.usage = (
        "vidpaint run [VIDEO] -o PROJECT [--mask PATH] [--preset NAME] [--until STAGE] [--SECTION.KNOB VALUE ...]"
    )
    about = {"source": "the video"} | {stage.name: stage.about for stage in STAGES}
    groups = {name: command.add_argument_group(name, about[name]) for name in SECTIONS}
    for leaf in settings_module.walk(Settings):
        if leaf.path != "source.path":
            names = [f"--{leaf.path}", *([SHORT[leaf.path]] if leaf.path in SHORT else [])]
            default = "" if leaf.default == "" else f", default {settings_module.shown(leaf.default)}"
            text = f"{leaf.knob.help} ({leaf.limits}{default})".replace("%", "%%")
            section, name = leaf.path.split(".")
            groups[section].add_argument(*names, dest=leaf.path, metavar=name.upper(), help=text)


def run(options: argparse.Namespace) -> None:
    """Begin or continue a project."""
    values = {} if options.video is None else {"source.path": options.video}
    for leaf in settings_module.walk(Settings):
        text = getattr(options, leaf.path, None)
        if text is not None:
            values[leaf.path] = settings_module.parse(leaf, text)
    with Terminal() as progress:
        session.run(
            options.project, values, preset=options.preset or "", until=options.until, progress=progress,
            preview=options.preview,
        )  # fmt: skip
    _print_results(options.project)


def _print_results(project: Path) -> None:
    for file, text in session.results(project):
        print(f"{text}: {project / file}")


def plan(options: argparse.Namespace) -> None:
    """Print what a run will do."""
    with Terminal() as progress:
        found = session.plan(options.project, progress)
    for line in found.lines():
        print(line)


def status(options: argparse.Namespace) -> None:
    """Print one line per stage, and before them whether a run is going."""
    if (seconds := session.seconds_at_work(options.project)) is not None:
        print(f"A run is going, for {timedelta(seconds=round(seconds))} now.")
    for state in session.status(options.project):
        print(f"{state.name:<10} {state.state:<5} {state.about}")


def explain(options: argparse.Namespace) -> None:
    """Print why stages are due."""
    for state in session.explain(options.project, options.stage):
        why = "; ".join(state.reasons) if state.state == "due" else "up to date"
        print(f"{state.name:<10} {why}")


def preview(options: argparse.Namespace) -> None:
    """Write a small video of a part of the edit."""
    output = options.output or options.project / PREVIEW
    with Terminal() as progress:
        preview_video(options.project, output, spanned(options.project, options.span), progress=progress)
    print(f"preview: {output}")


def retouch(options: argparse.Namespace) -> None:
    """Write frames for another program."""
    for path in session.retouch(options.project, options.frames):
        print(path)
    print(f"Change them in any program, save, then: vidpaint run -o {quoted(options.project)}")


def verify(options: argparse.Namespace) -> int:
    """Print the receipt; exit code 2 when the promise is broken."""
    with Terminal() as progress:
        receipt = session.verify(options.project, options.source, progress)
    print(json.dumps(to_json(receipt), indent=2) if options.json else receipt.text())
    return DONE if receipt.exact else BAD_INPUT


def render(options: argparse.Namespace) -> None:
    """Write the master of a package."""
    with Terminal() as progress:
        session.render(options.package, options.source, options.output, progress)
    print(f"master: {options.output}")


def show_settings(options: argparse.Namespace) -> None:
    """Print every knob."""
    for leaf in settings_module.walk(Settings):
        print(f"--{leaf.path:<26} {settings_module.shown(leaf.default) or '-':<10} {leaf.limits}\n    {leaf.knob.help}")
    print("\nWhat this machine can do:")
    for found in abilities():
        print(f"{found.setting:<16} {found.name:<24} {'no: ' + found.why_not if found.why_not else 'yes'}")


def ui(options: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    if importlib.util.find_spec("gradio") is None:
        raise SettingsError("The page needs gradio, which is not installed: pip install 'vidpaint[ui]'.")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from .ui.server import serve, serve_until_interrupted

    if options.listen:
        sys.stderr.write(
            "Everybody who can reach this computer can now open the page, see all projects and start work.\n"
        )
    url, page = serve(options.root, options.port, options.listen, models=options.models)
    print(f"{url}  (Ctrl-C ends it; projects are in {options.root})", flush=True)
    serve_until_interrupted(page)


def demo(options: argparse.Namespace) -> None:
    """Make the demo."""
    from .demo import make_demo

    with Terminal() as progress:
        picture = make_demo(options.output, progress)
    _print_results(options.output / "project")
    print(f"before and after in one picture: {picture}")
