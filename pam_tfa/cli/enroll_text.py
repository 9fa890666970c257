"""The texts and pictures of an enrolment."""

from __future__ import annotations

import textwrap
import time
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from pam_tfa.cli.language import _, ngettext
from pam_tfa.cli.qr import draw_ascii, draw_half_blocks, make_modules, size_of
from pam_tfa.cli.times import duration

if TYPE_CHECKING:
    from pam_tfa.cli.qr import Modules, QrForm
    from pam_tfa.cli.terminal import Terminal
    from pam_tfa.core.attempt import Locked, Malformed, Refused
    from pam_tfa.enrollment_steps import AskFirstCode, ShowKey

BLOCKS: Final = "▀▄█"
GAP: Final = 2
NARROWEST_COLUMN: Final = 30
KEY_GROUP: Final = 4
KEY_GROUPS_A_LINE: Final = 4
TEXT_WIDTH: Final = 78


def key_lines(
    terminal: Terminal, key: ShowKey, user: str, wanted: str, *, confirms: bool
) -> list[str]:
    """Return what shows a new secret.

    On a terminal the explanation stands beside the QR code, so that code, key and prompt fit 24
    rows together.

    Args:
        terminal: where it will be shown.
        key: the secret.
        user: the account's name, printable.
        wanted: auto, utf8, ascii or none.
        confirms: whether a first code is asked for next.
    """
    head = [_("Two-factor authentication for {user}").format(user=user), "", key.otpauth_uri, ""]
    if key.issuer_is_shortened:
        head[-1:] = [_("The host's name in it is shortened so that the QR code fits."), ""]
    modules = make_modules(key.otpauth_uri) if wanted != "none" else []
    form, obstacle = _choose_form(terminal, modules, wanted)
    if form is None:
        return [*head, *_explanation(key, TEXT_WIDTH, confirms=confirms, scan=False), *obstacle]
    draw = draw_half_blocks if form == "utf8" else draw_ascii
    picture = draw(modules, terminal.ink())
    size = terminal.size()
    space = size.columns - size_of(modules, form)[0] - GAP if size is not None else 0
    if space < NARROWEST_COLUMN:
        return [*head, *_explanation(key, TEXT_WIDTH, confirms=confirms, scan=True), "", *picture]
    beside = ["", *_explanation(key, space - 1, confirms=confirms, scan=True)]
    blank = " " * size_of(modules, form)[0]
    rows = zip_longest(picture, beside, fillvalue=None)
    return [
        *head,
        *((drawn or blank) + (" " * GAP + text if text else "") for drawn, text in rows),
    ]


def _choose_form(
    terminal: Terminal, modules: Modules, wanted: str
) -> tuple[QrForm | None, list[str]]:
    """Choose how to draw; without a form the lines say why there is no picture."""
    if wanted == "none":
        return None, []
    if wanted == "utf8" or wanted == "ascii":
        return wanted, []  # type: ignore[return-value]  # mypy does not narrow str by ==
    form: QrForm = "utf8" if terminal.can_show(BLOCKS) else "ascii"
    size, (columns, rows) = terminal.size(), size_of(modules, form)
    if size is None or (columns <= size.columns and rows < size.rows):
        return form, []
    return None, [
        "",
        _(
            "The QR code needs a terminal of {columns} x {rows} characters; make the window "
            "larger, or add --qr {form} to draw it anyway."
        ).format(columns=columns, rows=rows + 1, form=form),
    ]


def _explanation(key: ShowKey, width: int, *, confirms: bool, scan: bool) -> list[str]:
    groups = textwrap.wrap(key.secret, KEY_GROUP)
    starts = range(0, len(groups), KEY_GROUPS_A_LINE)
    first = _("Scan this QR code with an authenticator app, or type this key into it:")
    steps = [
        first if scan else _("Type this key into an authenticator app:"),
        "",
        *("  " + " ".join(groups[start : start + KEY_GROUPS_A_LINE]) for start in starts),
        "",
        _parameters(key),
    ]
    if confirms:
        steps += ["", _("Then type the code that the app shows.")]
    return [line for step in steps for line in textwrap.wrap(step, width) or [""]]


def _parameters(key: ShowKey) -> str:
    otp = key.otp
    digits = ngettext("{n} digit", "{n} digits", otp.digits).format(n=otp.digits)
    if otp.type == "hotp":
        return _("Counter-based (HOTP), {digits}, {algorithm}").format(
            digits=digits, algorithm=otp.algorithm.upper()
        )
    return _("Time-based (TOTP), {digits}, every {period_s} s, {algorithm}").format(
        digits=digits, period_s=otp.period_s, algorithm=otp.algorithm.upper()
    )


def first_code_hint(step: AskFirstCode, digits: int) -> list[str]:
    """Return what was wrong with a first code and what to look at."""
    left = ngettext("{n} try left.", "{n} tries left.", step.tries_left).format(n=step.tries_left)
    match step.problem:
        case "not_a_code":
            text = _("A code of this app is {digits} digits long.").format(digits=digits)
        case "clock":
            text = _clock_hint(step.clock_ahead_s)
        case _:
            text = _(
                "That code is wrong: is it this host's entry in the app, and is the phone's clock "
                "right? Here it is {now}."
            ).format(now=time.strftime("%H:%M:%S %Z"))
    return textwrap.wrap(f"{text} {left}", TEXT_WIDTH)


def _clock_hint(ahead_s: int) -> str:
    now, span = time.strftime("%H:%M:%S %Z"), duration(abs(ahead_s))
    if ahead_s > 0:
        return _(
            "That code is right for a clock that is {span} ahead: set the phone's time to "
            "automatic. Here it is {now}."
        ).format(span=span, now=now)
    return _(
        "That code is right for a clock that is {span} behind: set the phone's time to "
        "automatic. Here it is {now}."
    ).format(span=span, now=now)


def write_codes(terminal: Terminal, codes: tuple[str, ...]) -> None:
    """Show backup codes in two columns. Raises: OutputError."""
    half = (len(codes) + 1) // 2
    columns = zip_longest(codes[:half], codes[half:], fillvalue="")
    terminal.show(
        "",
        _("Backup codes; each lets you in once when the phone is not at hand:"),
        "",
        *(f"  {left}    {right}".rstrip() for left, right in columns),
        "",
        *textwrap.wrap(
            _(
                "Print them or put them into a password manager, and not on the phone alone: "
                "they are never shown again. `pam-tfa backup-codes` makes a new set."
            ),
            TEXT_WIDTH,
        ),
    )


def explain_locked(decision: Refused | Locked | Malformed | None) -> str:
    """Return for how long no code is looked at, or nothing for another decision."""
    wait_s = getattr(decision, "wait_s", 0)
    if wait_s is None:
        return _("Too many wrong codes: codes are locked until an administrator unlocks them.")
    if wait_s:
        return _("Too many wrong codes: codes are locked for {span}.").format(span=duration(wait_s))
    return ""
