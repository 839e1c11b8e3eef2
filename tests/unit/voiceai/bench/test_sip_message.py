"""SIP messages: what real peers write is read, what is no SIP is refused with the one error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceai.bench.errors import SipError
from voiceai.bench.sip_message import (
    Headers,
    Request,
    Response,
    address_of,
    parameter,
    parse,
    tag_of,
    uri_of,
    user_of,
)

TORTUOUS = (
    b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    b"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    b'from   : "J Rosenberg \\\\\\"" <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    b"MaX-fOrWaRdS: 0068\r\n"
    b"Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    b"Content-Length   : 11\r\n"
    b"cseq: 0009\r\n  INVITE\r\n"
    b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    b"s :\r\n"
    b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    b"  secondparam ; q = 0.33\r\n"
    b"\r\n"
    b"v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\n"
)
"""RFC 4475 section 3.1.1.1, the body cut short."""

REQUEST = Request(
    "BYE",
    "sip:bob@127.0.0.1",
    Headers(
        (
            ("Via", "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1"),
            ("From", "<sip:alice@127.0.0.1>;tag=a"),
            ("To", "<sip:bob@127.0.0.1>;tag=b"),
            ("Call-ID", "1@127.0.0.1"),
            ("CSeq", "2 BYE"),
        )
    ),
    b"body",
)


def test_reads_the_short_tortuous_invite() -> None:
    message = parse(TORTUOUS)

    assert isinstance(message, Request)
    assert message.method == "INVITE"
    assert tag_of(message.headers.get("to")) == "1918181833n"
    assert tag_of(message.headers.get("From")) == "98asjd8"
    assert uri_of(message.headers.get("From")) == "sip:jdrosen@example.com"
    vias = message.headers.all("via")
    assert [parameter(via, "branch") for via in vias] == [
        "390skdjuw",
        "z9hG4bK9ikj8",
        "z9hG4bK30239",
    ]
    assert uri_of(message.headers.get("Contact")) == "sip:jdrosen@example.com"
    assert parameter(message.headers.get("Contact"), "q") == "0.33"
    assert parameter(message.headers.get("Contact"), "secondparam") == ""
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.body == b"v=0\r\no=mhan"


def test_a_serialized_request_reads_as_itself() -> None:
    read = parse(REQUEST.serialize())

    assert isinstance(read, Request)
    assert (read.method, read.uri, read.body) == ("BYE", "sip:bob@127.0.0.1", b"body")
    assert tuple(read.headers)[:-1] == tuple(REQUEST.headers)


def test_a_serialized_response_reads_as_itself() -> None:
    read = parse(Response(486, "Busy Here", REQUEST.headers).serialize())

    assert isinstance(read, Response)
    assert (read.status, read.reason, read.body) == (486, "Busy Here", b"")


def test_commas_within_quotes_and_brackets_join_nothing() -> None:
    headers = Headers((("Contact", '"A, B" <sip:a@b;x="1,2">;q=1, <sip:c,d@e>'),))

    assert headers.all("contact") == ('"A, B" <sip:a@b;x="1,2">;q=1', "<sip:c,d@e>")


def test_a_line_break_cannot_be_smuggled_into_a_header() -> None:
    request = Request("BYE", "sip:b@c", Headers((("X", "1\r\nVia: forged"),)))

    with pytest.raises(ValueError, match="line break"):
        request.serialize()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"BYE sip", b"BYE  sip"),
        (b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"),
        (b"CSeq: 2 BYE", b"CSeq: 2 INVITE"),
        (b"CSeq: 2 BYE", b"CSeq: BYE"),
        (b"CSeq: 2 BYE", b"CSeq: \xd9\xa2 BYE"),
        (b"Call-ID: ", b"Call-ID "),
        (b"From: ", b"Form: "),
        (b"Content-Length: 4", b"Content-Length: 5"),
        (b"Content-Length: 4", b"Content-Length: -1"),
        (b"tag=a", b"tag=\xff"),
        (b"tag=a", b"tag=\x00"),
        (b"\r\n\r\n", b"\r\n"),
        (b"Via: ", b" Via: "),
        (b"Via: ", b"V ia: "),
    ],
)
def test_refuses_what_is_no_message(old: bytes, new: bytes) -> None:
    data = REQUEST.serialize()
    assert old in data

    with pytest.raises(SipError):
        parse(data.replace(old, new))


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    _parse_or_refuse(data)


@given(st.data())
def test_no_change_to_a_message_raises_anything_else(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([TORTUOUS, REQUEST.serialize()]))
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, min(start + 20, len(original))))
    piece = data.draw(st.binary(max_size=12))

    _parse_or_refuse(original[:start] + piece + original[end:])


def _parse_or_refuse(data: bytes) -> None:
    try:
        message = parse(data)
    except SipError:
        return
    for name in ("Via", "From", "To", "Contact"):
        for value in message.headers.all(name):
            tag_of(value)
            user_of(uri_of(value))
            try:
                address_of(uri_of(value))
            except SipError:
                continue


@pytest.mark.parametrize(
    ("uri", "user", "address"),
    [
        ("sip:4920189098723@127.0.0.2:5070;line=x", "4920189098723", ("127.0.0.2", 5070)),
        ("sip:+49201;phone-context=x@example.org", "+49201", ("example.org", 5060)),
        ("sips:bob:secret@[::1]:5061", "bob", ("::1", 5061)),
        ("sip:127.0.0.1", "", ("127.0.0.1", 5060)),
    ],
)
def test_takes_an_address_apart(uri: str, user: str, address: tuple[str, int]) -> None:
    assert user_of(uri) == user
    assert address_of(uri) == address


@pytest.mark.parametrize("uri", ["", "sip:", "sip:a@b:0", "sip:a@b:65536"])
def test_an_address_without_host_or_port_is_refused(uri: str) -> None:
    with pytest.raises(SipError):
        address_of(uri)


def test_a_telephone_address_has_a_user_only() -> None:
    assert user_of("tel:+4920189098723;phone-context=x") == "+4920189098723"
    assert user_of("4920189098723") == ""
