"""Answers by the rules of the current node, for the service ``scripted`` (pure)."""

from pipelines.flows.progress import Progress
from pipelines.rules import Reply, Responder, Script
from pipelines.spec import ToolSpec


class StepResponder:
    """One conversation's use of the rules of its flow.

    Args:
        script: The pipeline's own: for nodes without rules, and for what nobody understood.
        progress: Where the conversation is.
    """

    def __init__(self, script: Script, progress: Progress) -> None:
        self._script = Responder(script)
        self._progress = progress
        self._take_back = self._script.take_back

    def answer(self, heard: str) -> Reply:
        """Return the answer to what the caller said."""
        self._take_back = _nothing
        node = self._progress.current
        if not node.rules:
            self._take_back = self._script.take_back
            return self._script.answer(heard)
        found = self._progress.matching(heard)
        if found is None:
            return self.not_understood()
        rule, groups = found
        say = self._progress.fill(rule.say, groups)
        if not rule.tool:
            return Reply(say)
        name, arguments = next(iter(rule.tool.items()))
        function = node.functions.get(name)
        if function is None:
            return Reply(say, ToolSpec.model_validate({name: arguments}))
        parameters = self._progress.parameters_of(function)
        return Reply(say, call=(name, self._progress.given(arguments, parameters, groups)))

    def not_understood(self) -> Reply:
        """Return the node's next ``otherwise``, or the pipeline's."""
        if self._progress.current.otherwise:
            self._take_back = self._progress.take_back
            return Reply(self._progress.not_understood())
        self._take_back = self._script.take_back
        return self._script.not_understood()

    def take_back(self) -> None:
        """Forget the latest answer: the same ``otherwise`` is next again."""
        self._take_back()


def _nothing() -> None:
    return None
