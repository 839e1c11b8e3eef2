"""Digest authentication against the published examples."""

import pytest

from voiceai.bench.errors import SipError
from voiceai.bench.sip_digest import Challenge, Credentials, authorization, choose_challenge

MUFASA = Credentials("Mufasa", "Circle of Life")
CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_answers_as_rfc_7616_section_3_9_1_does(algorithm: str, response: str) -> None:
    challenge = choose_challenge("WWW-Authenticate", [CHALLENGE.format(algorithm=algorithm)])

    value = authorization(
        challenge,
        MUFASA,
        method="GET",
        uri="/dir/index.html",
        client_nonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )

    assert f'response="{response}"' in value
    assert "qop=auth, nc=00000001" in value
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in value
    assert challenge.answer_header == "Authorization"


def test_answers_a_challenge_without_quality_as_rfc_2069_does() -> None:
    """The example of RFC 2069 section 2.4, with the response of its erratum 749."""
    challenge = Challenge(
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "MD5",
        "5ccc069c403ebaf9f0171e9517f40e41",
        has_quality=False,
        header="Proxy-Authenticate",
    )

    value = authorization(
        challenge,
        Credentials("Mufasa", "CircleOfLife"),
        method="GET",
        uri="/dir/index.html",
        client_nonce="unused",
    )

    assert 'response="1949323746fe6a43ef61f9606e7febea"' in value
    assert "cnonce" not in value
    assert challenge.answer_header == "Proxy-Authorization"


def test_takes_the_first_challenge_that_it_knows() -> None:
    values = [
        'Basic realm="x"',
        'Digest realm="a", nonce="1", algorithm=SHA-512-256',
        'Digest realm="b", nonce="2", algorithm=SHA-256',
        'Digest realm="c", nonce="3"',
    ]

    assert choose_challenge("WWW-Authenticate", values).realm == "b"


@pytest.mark.parametrize(
    "value",
    ["", "Digest", 'Digest realm="x"', 'Digest realm="x", nonce="y", qop="auth-int"', "NTLM x"],
)
def test_a_challenge_that_cannot_be_answered_is_refused(value: str) -> None:
    with pytest.raises(SipError):
        choose_challenge("WWW-Authenticate", [value])
