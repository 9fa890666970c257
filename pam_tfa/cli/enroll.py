"""`pam-tfa enroll`: its options, its help, and the flow that they ask for."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, cast

from pam_tfa.cli.arguments import Parser, UsageError
from pam_tfa.cli.enroll_driver import EnrollmentDriver
from pam_tfa.cli.language import N_, _
from pam_tfa.cli.values import one_of, parse_period
from pam_tfa.cli.verb import Verb
from pam_tfa.core.otp_parameters import MAX_PERIOD_S, MIN_PERIOD_S, OtpParameters

if TYPE_CHECKING:
    from argparse import Namespace

    from pam_tfa.cli.context import Context
    from pam_tfa.core.otp_parameters import OtpAlgorithm, OtpType
    from pam_tfa.dialogue import Account
    from pam_tfa.enrollment_steps import Flow, Proof

USUAL_PERIOD_S: Final = 30


def _add_options(parser: Parser) -> None:
    parser.add_value(
        "--type",
        metavar="totp|hotp",
        needs=_("totp or hotp"),
        explanation=_("codes that change with time (totp, the default) or with each use (hotp)"),
        parse=one_of("--type", "totp", "hotp"),
    )
    parser.add_value(
        "--digits",
        metavar="6|8",
        needs=_("6 or 8"),
        explanation=_("length of a code (6); not every app honours 8"),
        parse=one_of("--digits", "6", "8"),
    )
    parser.add_value(
        "--algorithm",
        metavar="sha1|sha256|sha512",
        needs=_("sha1, sha256 or sha512"),
        explanation=_("hash function (sha1); not every app honours another one"),
        parse=one_of("--algorithm", "sha1", "sha256", "sha512"),
    )
    parser.add_value(
        "--period",
        metavar="SECONDS",
        needs=_("a number of seconds from {least} to {most}").format(
            least=MIN_PERIOD_S, most=MAX_PERIOD_S
        ),
        explanation=_("how long a totp code lasts (30); not every app honours another value"),
        parse=parse_period,
    )
    parser.add_value(
        "--qr",
        metavar="auto|utf8|ascii|none",
        needs=_("auto, utf8, ascii or none"),
        explanation=_("how to draw the QR code (auto: where it fits)"),
        parse=one_of("--qr", "auto", "utf8", "ascii", "none"),
    )
    parser.add_flag(
        "--no-confirm",
        _("ask nothing, show everything at once (root, for scripts)"),
    )
    parser.add_flag(
        "--replace",
        _("replace an enrolment without a code of it (root)"),
    )


def _run(context: Context, arguments: Namespace) -> int:
    otp = _otp_parameters(arguments)
    _refuse_contradictions(arguments)
    account = context.require_account(context.choose_account_name(arguments.user))
    driver = EnrollmentDriver(context, account, arguments)
    outcome = driver.drive(_make_flow(context, account, otp, arguments))
    return driver.conclude(outcome)


def _otp_parameters(arguments: Namespace) -> OtpParameters:
    type_ = cast("OtpType", arguments.type or "totp")
    if type_ == "hotp" and arguments.period is not None:
        raise UsageError(_("--period belongs to --type totp: hotp codes do not change with time."))
    return OtpParameters(
        type=type_,
        algorithm=cast("OtpAlgorithm", arguments.algorithm or "sha1"),
        digits=int(arguments.digits or 6),
        period_s=0 if type_ == "hotp" else arguments.period or USUAL_PERIOD_S,
    )


def _refuse_contradictions(arguments: Namespace) -> None:
    if arguments.json and not arguments.no_confirm:
        raise UsageError(
            _("enroll --json is for scripts and needs --no-confirm, which asks for no code.")
        )
    if arguments.json and arguments.qr not in (None, "none"):
        raise UsageError(_("--json shows no QR code; leave --qr out and draw the otpauth_uri."))


def _make_flow(
    context: Context, account: Account, otp: OtpParameters, arguments: Namespace
) -> Flow:
    from pam_tfa.enrollment import Surroundings, enroll, enroll_unconfirmed

    surroundings = Surroundings(
        store=context.store(),
        keyring=context.keyring(),
        now=lambda: int(time.time()),
        random_bytes=os.urandom,
    )
    issuer = context.issuer()
    if arguments.no_confirm:
        return enroll_unconfirmed(surroundings, account, otp, issuer, replace=arguments.replace)
    proof: Proof = "none" if arguments.replace else "current_code"
    return enroll(surroundings, account, otp, issuer, proof)


VERB: Final = Verb(
    name="enroll",
    usage="[USER] [options]",
    description=N_(
        "Set up two-factor authentication for an account: makes a secret, shows it as a\n"
        "QR code and as text, asks for a first code from the app, and then shows the\n"
        "backup codes. Nothing is stored before the first code was right.\n"
        "Over a live enrolment a current code of it is asked for first; --replace needs\n"
        "none. A new enrolment ends a suspension."
    ),
    examples=N_(
        "Examples:\n"
        "  sudo pam-tfa enroll alice\n"
        "  sudo pam-tfa enroll alice --replace     (she has a new phone and no code)\n"
        "  (umask 077; sudo pam-tfa enroll alice --no-confirm --json > alice.json)\n"
        "\n"
        "What next: alice logs in with her password and a code. Without her phone a\n"
        "backup code gets her in, or `sudo pam-tfa disable alice` asks her for none."
    ),
    user="optional",
    add_options=_add_options,
    run=_run,
)
