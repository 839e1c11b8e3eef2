"""Whether calls pay for how the interpreter was built."""

import subprocess
import sys

import pytest

from voiceai import interpreter
from voiceai.interpreter import is_plainly_built


@pytest.mark.parametrize(
    ("arguments", "prefix", "plain"),
    [
        ("'--prefix=/opt/python' '--enable-shared'", "/opt/python", True),
        ("'--prefix=/opt/python' '--enable-optimizations' '--with-lto'", "/opt/python", False),
        ("'--enable-shared' '--prefix=/usr'", "/usr", False),
        (None, "/opt/python", False),
    ],
)
def test_a_python_that_was_built_plainly_is_known(
    monkeypatch: pytest.MonkeyPatch, arguments: str | None, prefix: str, *, plain: bool
) -> None:
    monkeypatch.setattr("sysconfig.get_config_var", {"CONFIG_ARGS": arguments}.get)
    monkeypatch.setattr("sys.base_prefix", prefix)

    assert is_plainly_built() is plain


def test_it_can_be_asked_before_anything_is_installed() -> None:
    asked = [sys.executable, "-I", "-S", interpreter.__file__]

    assert subprocess.run(asked, check=False).returncode == int(is_plainly_built())
