"""The figures as plots: quiet, and readable without colours."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tests.bench.accounts import MODULES, PERMIT, TFA
from tests.bench.contestants import HELPER, PYTHON, SLOW_HELPER
from tests.bench.results import MAX_LOGIN_RATIO, MAX_MEMORY_KB, MAX_PROMPT_RATIO, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

DOTS_PER_INCH = 110
WIDTH_INCHES = 7.4
STYLE = Path(__file__).with_name("plots.mplstyle")
FILL, EDGE, LIMIT = "0.82", "0.15", "0.35"
UPPER_PERCENT = 95  # where the whiskers end
KEY = "box: quartiles, whiskers: 5 to 95 %, number: median"


def draw_plots(run: Run, directory: Path) -> list[Path]:
    """Write the plots of a run into a directory and return their paths."""
    plots: dict[str, Callable[[Run, Axes], None]] = {
        "login-time": _login_time,
        "login-memory": _login_memory,
        "helper-time": _helper_time,
    }
    return [_draw(run, draw, directory / f"{name}.png") for name, draw in plots.items()]


def _draw(run: Run, draw: Callable[[Run, Axes], None], path: Path) -> Path:
    with mpl.rc_context(fname=STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, 2.9), layout="constrained")
        draw(run, figure.add_subplot())
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    return path


def _login_time(run: Run, axes: Axes) -> None:
    rows = [(name, run.samples[name]["login_ms"]) for name in MODULES]
    _boxes(axes, [*rows, (f"bare {PYTHON}", run.samples[PYTHON]["end_ms"])])
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_title("Time of one login in a fresh process (pam_start to pam_end)")
    axes.set_xlabel(f"milliseconds, logarithmic; {KEY}")


def _helper_time(run: Run, axes: Axes) -> None:
    slow = run.samples[SLOW_HELPER]
    rows = [
        (f"bare {PYTHON}", run.samples[PYTHON]["end_ms"]),
        ("helper: start to prompt", run.samples[HELPER]["prompt_ms"]),
        ("helper: start to verdict,\nanswered at once", run.samples[HELPER]["verdict_ms"]),
        ("whole login through PAM,\nanswered at once", run.samples[TFA]["login_ms"]),
        (
            "helper: answer to verdict,\nanswered after 1 s",
            slow["after_answer_ms"],
        ),
    ]
    _boxes(axes, rows)
    bare_ms = run.median(PYTHON, "end_ms")
    _limit(axes, MAX_PROMPT_RATIO * bare_ms, f"prompt: {MAX_PROMPT_RATIO:g} x bare")
    _limit(axes, MAX_LOGIN_RATIO * bare_ms, f"login: {MAX_LOGIN_RATIO:g} x bare")
    axes.set_xlim(left=0)
    axes.set_title("What the helper takes, beside a bare start of the interpreter", pad=16)
    axes.set_xlabel(f"milliseconds; {KEY}")


def _login_memory(run: Run, axes: Axes) -> None:
    _boxes(axes, [(name, run.samples[name]["private_kb"]) for name in MODULES])
    limit_kb = run.median(PERMIT, "private_kb") + MAX_MEMORY_KB
    _limit(axes, limit_kb, f"pam_permit + {MAX_MEMORY_KB:g} KB")
    axes.set_title("What the login's process holds after pam_authenticate", pad=16)
    axes.set_xlabel(f"private memory, KB (not from 0); {KEY}")


def _boxes(axes: Axes, rows: Sequence[tuple[str, list[float]]]) -> None:
    axes.boxplot(
        [values for _, values in rows],
        orientation="horizontal",
        tick_labels=[name for name, _ in rows],
        whis=(100 - UPPER_PERCENT, UPPER_PERCENT),
        showfliers=False,
        widths=0.55,
        patch_artist=True,
        boxprops={"facecolor": FILL, "edgecolor": EDGE, "linewidth": 0.8},
        medianprops={"color": EDGE, "linewidth": 2},
        whiskerprops={"color": EDGE, "linewidth": 0.8},
        capprops={"color": EDGE, "linewidth": 0.8},
    )
    axes.invert_yaxis()
    for position, (_, values) in enumerate(rows, start=1):
        _label_median(axes, position, values)


def _label_median(axes: Axes, position: int, values: list[float]) -> None:
    """Write the median behind the upper whisker, where nothing else is."""
    median = statistics.median(values)
    text = f"{median:.0f}" if median >= 100 else f"{median:.1f}"
    limit = np.percentile(values, UPPER_PERCENT)
    end = max(value for value in values if value <= limit)
    axes.annotate(
        text,
        (end, position),
        xytext=(5, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )


def _limit(axes: Axes, value: float, name: str) -> None:
    axes.axvline(value, color=LIMIT, linestyle="--", linewidth=1)
    axes.annotate(
        name,
        (value, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=LIMIT,
        fontsize=8,
    )
