"""``voiceai``: the table of commands.

To add one: a module with a ``typer.Typer`` called ``app``, and a line in ``COMMANDS``.
"""

import gc
import importlib
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from voiceai.errors import VoiceaiError

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("voiceai.cli.serve", "Take calls."),
    "demo": ("voiceai.cli.demo", "One call on the embedded default, shown as it happens."),
    "chat": ("voiceai.cli.chat", "Talk to an assistant in text."),
    "doctor": ("voiceai.cli.doctor", "What is wrong, and the fix."),
    "asterisk": ("voiceai.cli.asterisk", "Configuration files for Asterisk."),
    "pipelines": ("voiceai.cli.pipelines", "What can be said: list, show, check and draw it."),
    "assistants": ("voiceai.cli.assistants", "Who answers which number."),
    "calls": ("voiceai.cli.calls", "What was said."),
    "bench": ("voiceai.cli.bench", "Measure this machine: jitter, CPU, set-up, turn latency."),
    "settings": ("voiceai.cli.settings", "Every setting, its default and where it came from."),
}
"""Name to module and help, in the order of ``--help``; a module is imported when it runs."""


class LazyGroup(TyperGroup):
    """Imports a command when it is called, not when it is listed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, text) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=text))
        self._listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the table of commands without importing any."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, or its line in the table while that is shown."""
        if self._listing or cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        _silence_imports()
        module = _imported(COMMANDS[cmd_name][0])
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run; what an operator can put right is one message and an exit code."""
        try:
            return super().invoke(ctx)
        except (VoiceaiError, ExceptionGroup) as exc:
            cause = _only_cause(exc)
            if not isinstance(cause, VoiceaiError):
                raise
            Console(stderr=True).print(
                f"error: {cause}", markup=False, highlight=False, soft_wrap=True
            )
            raise typer.Exit(cause.exit_code) from exc


def _imported(name: str) -> Any:
    """Import a module; looking for garbage meanwhile would take a sixth of the time."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _silence_imports() -> None:
    """Keep libraries from greeting when they are imported; a command says where its log goes."""
    from loguru import logger  # noqa: PLC0415 - the listing of commands needs none

    logger.remove()


def _only_cause(error: BaseException) -> BaseException:
    """Return what a task group wrapped, if it is one thing."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def voiceai() -> None:
    """Self-hosted voice-AI telephone system for Asterisk 22.

    Exit codes: 0 all is well, 1 findings or failure, 2 usage or configuration.
    """


def run() -> None:
    """Entry point of the console script."""
    app(prog_name="voiceai")
