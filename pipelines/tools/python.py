"""The tool ``python``: a function of the operator's own."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from loguru import logger

from pipelines.document import KeyPath
from pipelines.findings import nearest_name
from pipelines.own_code import import_own, wrong_use
from pipelines.resources import Resources
from pipelines.tool_specs import PythonTool
from pipelines.tools.answer import ToolFailed

MAX_THREADS = 16
"""Of all conversations; who comes later waits for one, within the time of the tool."""


def find_function(tool: PythonTool, path: KeyPath) -> Callable[..., Any]:
    """Return the function; imports its module.

    Raises:
        SpecError: There is no such function, or it takes other arguments.
    """
    module_name, _, name = tool.use.partition(":")
    module = import_own(module_name, (*path, "use"))
    found = getattr(module, name, None)
    if not callable(found):
        functions = [key for key, value in vars(module).items() if callable(value)]
        nearest = nearest_name(name, functions)
        message = f"{module_name} has no function '{name}'"
        raise wrong_use(message, (*path, "use"), nearest=nearest)
    function: Callable[..., Any] = found
    required = {key: None for key, one in tool.parameters.items() if one.required}
    try:
        inspect.signature(function).bind(**dict.fromkeys(tool.parameters))
        inspect.signature(function).bind(**required)
    except TypeError as error:
        raise wrong_use(f"{name}: {error}", (*path, "parameters")) from error
    return function


async def call_function(
    tool: PythonTool, values: Mapping[str, Any], resources: Resources
) -> object:
    """Call the function; one that is not a coroutine runs in a thread.

    Returns:
        What it returns.

    Raises:
        ToolFailed: It raises something, or takes too long; a thread is left to finish.
    """
    function = find_function(tool, ())
    try:
        async with asyncio.timeout(tool.timeout_ms / 1000):
            if inspect.iscoroutinefunction(function):
                return await function(**values)
            call = partial(contextvars.copy_context().run, function, **values)
            return await asyncio.get_running_loop().run_in_executor(_threads(resources), call)
    except TimeoutError:
        raise ToolFailed(f"no answer within {tool.timeout_ms} ms") from None
    except Exception as error:
        logger.bind(tool=tool.name).opt(exception=error).error("tool.python")
        raise ToolFailed(f"it failed: {type(error).__name__}") from error


def _threads(resources: Resources) -> ThreadPoolExecutor:
    """Return threads that nobody else needs: asyncio's own ones also look up host names."""

    def make() -> ThreadPoolExecutor:
        threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="tool")
        resources.on_close(partial(threads.shutdown, wait=False, cancel_futures=True))
        return threads

    return resources.engine("tool threads", make)
