"""The messages: what a module sends is read exactly, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_tfa.service import protocol
from pam_tfa.service.protocol import ProtocolError, decode_answer, decode_request

NONCE = bytes(range(16))


def a_field(tag: int, value: bytes) -> bytes:
    """Encode one field."""
    return bytes([tag]) + len(value).to_bytes(2, "big") + value


def a_request(*more: bytes, user: bytes = b"alice", options: int = 0) -> bytes:
    """Encode a request with the fields that it must have, and more."""
    fields = (
        a_field(protocol.NONCE, NONCE),
        a_field(protocol.USER, user),
        a_field(protocol.OPTIONS, options.to_bytes(4, "big")),
        *more,
    )
    return bytes([1, protocol.REQUEST]) + b"".join(fields)


def test_request_is_read_field_by_field() -> None:
    """Items, options and nonce arrive as they were sent."""
    request = decode_request(
        a_request(
            a_field(protocol.SERVICE, b"sshd"),
            a_field(protocol.RHOST, b"192.0.2.1"),
            a_field(protocol.PROMPT_TEXT, "Código: ".encode()),
            options=protocol.OPTION_QUIET | protocol.OPTION_ECHO,
        )
    )
    login = request.login
    assert (request.nonce, login.user, login.service) == (NONCE, "alice", "sshd")
    assert (login.rhost, login.tty, login.prompt_text) == ("192.0.2.1", None, "Código: ")
    assert (login.quiet, login.echo, login.nullok, login.decoy) == (True, True, False, False)


def test_user_name_may_be_any_bytes() -> None:
    """What is not UTF-8 comes through as file names do."""
    assert decode_request(a_request(user=b"\xff\n")).login.user == "\udcff\n"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"\x02" + a_request()[1:],
        bytes([1, protocol.ANSWER]) + a_request()[2:],
        a_request()[:-1],
        a_request() + b"\x03",
        a_request() + b"\x03\x00\x01",
        a_request(a_field(protocol.USER, b"bob")),
        a_request(a_field(protocol.TEXT, b"x")),
        a_request(a_field(99, b"")),
        a_request(a_field(protocol.TTY, b"a\0b")),
        a_request(a_field(protocol.TTY, b"x" * 1025)),
        a_request(a_field(protocol.CONFIG, b"")),
        a_request(options=32),
        a_request(a_field(protocol.TTY, b"x" * 1024) * 8),
        bytes([1, protocol.REQUEST]) + a_field(protocol.USER, b"alice"),
    ],
)
def test_message_that_is_not_a_request_is_refused_whole(message: bytes) -> None:
    """Version, type, tags, lengths, repetitions, missing fields, size."""
    with pytest.raises(ProtocolError):
        decode_request(message)


def test_answer_is_text_or_the_reason_there_is_none() -> None:
    """Never both, never neither."""
    text, unusable = a_field(protocol.TEXT, b"123456"), a_field(protocol.UNUSABLE, b"\x02")
    head = bytes([1, protocol.ANSWER])
    assert decode_answer(head + text).text == b"123456"
    assert decode_answer(head + unusable).unusable == "equals_password"
    for fields in (b"", text + unusable, a_field(protocol.UNUSABLE, b"\x09")):
        with pytest.raises(ProtocolError):
            decode_answer(head + fields)


@given(st.binary(max_size=300), st.sampled_from([protocol.REQUEST, protocol.ANSWER]))
def test_any_bytes_are_read_or_refused(rest: bytes, message_type: int) -> None:
    """No other exception leaves the decoder."""
    message = bytes([1, message_type]) + rest
    for decode in (decode_request, decode_answer):
        try:
            decode(message)
        except ProtocolError:
            continue


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_mutated_request_is_read_or_refused(at: int, replacement: bytes) -> None:
    """Damage inside a real message either changes a field or refuses it."""
    message = a_request(a_field(protocol.SERVICE, b"sshd"), a_field(protocol.TTY, b"ssh"))
    try:
        request = decode_request(message[:at] + replacement + message[at + len(replacement) :])
    except ProtocolError:
        return
    assert len(request.nonce) == 16
