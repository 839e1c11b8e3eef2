"""What is wrong with a pipeline beyond its shape: services, their parameters, this machine."""

import importlib.util
from dataclasses import replace

from pydantic import ValidationError

from pipelines.document import Document, KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.fallback.assemble import Candidate
from pipelines.findings import Finding, nearest_name
from pipelines.flows.check import check_beginnings, check_flow
from pipelines.loader import LoadedPipeline
from pipelines.mistakes import findings_of, in_order, place
from pipelines.own_processors import check_processors
from pipelines.registry import KINDS, REGISTRY, Kind, Registry
from pipelines.resources import Resources
from pipelines.services.entry import ServiceEntry
from pipelines.spec import PipelineSpec, ServiceSpec, Spec
from pipelines.tools.check import check_tools


def validate(
    pipeline: LoadedPipeline | PipelineSpec,
    *,
    resources: Resources | None = None,
    registry: Registry = REGISTRY,
) -> list[Finding]:
    """Return what is wrong with a pipeline; nothing if it can be built.

    Args:
        pipeline: With its text, so that findings have a line, or without.
        resources: Also say what is missing on this machine, which is quick: no model is read.
        registry: Of services.
    """
    if isinstance(pipeline, LoadedPipeline):
        spec, document = pipeline.spec, pipeline.document
    else:
        spec, document = pipeline, Document(pipeline.name, {}, {}, {})
    findings: list[Finding] = []
    for kind in KINDS:
        findings.extend(_Stage(kind, spec, document, registry).findings(resources))
    findings.extend(check_processors(spec, document))
    findings.extend(check_tools(spec, document, resources))
    findings.extend(check_flow(spec, document))
    findings.extend(_leaderless(spec, document, registry))
    if resources and spec.turn.vad.model == "silero-torch":
        findings.extend(_torch(document))
    if resources:
        findings.extend(_filters(spec, document))
    return in_order(findings, document.file)


def entry_of(spec: PipelineSpec, kind: Kind, registry: Registry = REGISTRY) -> ServiceEntry:
    """Return a stage's entry.

    Raises:
        SpecError: There is no such service.
    """
    service: ServiceSpec = getattr(spec, kind)
    entry = registry[kind].get(service.service)
    if entry is None:
        finding = _unknown(kind, service, registry)
        raise SpecError(replace(finding, file=spec.name))
    return entry


def params_of(spec: PipelineSpec, kind: Kind, registry: Registry = REGISTRY) -> Spec:
    """Return a stage's checked parameters.

    Raises:
        SpecError: There is no such service, or a parameter is wrong.
    """
    entry = entry_of(spec, kind, registry)
    service: ServiceSpec = getattr(spec, kind)
    try:
        return entry.params.model_validate(service.params)
    except ValidationError as error:
        document = Document(spec.name, {}, {}, {})
        raise SpecError(*findings_of(error, entry.params, document, (kind,))) from error


def candidates_of(
    spec: PipelineSpec, kind: Kind, registry: Registry = REGISTRY
) -> tuple[Candidate, ...]:
    """Return a stage's service and those that take its place, with checked parameters.

    Raises:
        SpecError: There is no such service, or a parameter is wrong.
    """
    service: ServiceSpec = getattr(spec, kind)
    candidates = []
    for index, one in enumerate(service.chain):
        path: KeyPath = (kind, "fallback", index - 1) if index else (kind,)
        entry = registry[kind].get(one.service)
        if entry is None:
            finding = _unknown(kind, one, registry)
            place = show_path((*path, "service"))
            raise SpecError(replace(finding, file=spec.name, path=place))
        try:
            params = entry.params.model_validate(one.params)
        except ValidationError as error:
            document = Document(spec.name, {}, {}, {})
            raise SpecError(*findings_of(error, entry.params, document, path)) from error
        candidates.append(Candidate(one.service, entry, params, one.first_byte_ms))
    return tuple(candidates)


class _Stage:
    """One stage's services, and what is wrong with each."""

    def __init__(
        self, kind: Kind, spec: PipelineSpec, document: Document, registry: Registry
    ) -> None:
        self._kind: Kind = kind
        self._spec = spec
        self._document = document
        self._registry = registry
        service: ServiceSpec = getattr(spec, kind)
        self._chain = service.chain

    def findings(self, resources: Resources | None) -> list[Finding]:
        """All of it; what one service lacks on this machine is a warning if another is ready."""
        wrong = [found for index in range(len(self._chain)) for found in self._written(index)]
        if resources is None:
            return wrong
        every = (self._missing(index, resources) for index in range(len(self._chain)))
        missing = [found for found in every if found]
        if sum(found.severity == "error" for found in missing) < len(self._chain):
            missing = [_softened(found) for found in missing]
        return [*wrong, *missing]

    def _written(self, index: int) -> list[Finding]:
        """What is wrong in the text."""
        service = self._chain[index]
        entry = self._registry[self._kind].get(service.service)
        if entry is None:
            return [self._place(_unknown(self._kind, service, self._registry), index)]
        try:
            entry.params.model_validate(service.params)
        except ValidationError as error:
            return findings_of(error, entry.params, self._document, self._path(index))
        if entry.languages is None or self._spec.language_code in entry.languages:
            return []
        known = ", ".join(sorted(entry.languages))
        message = f"'{service.service}' knows {known}, not {self._spec.language_code}"
        fix = "use whisper" if self._kind == "stt" else "use local"
        return [self._place(Finding(message, fix=fix), index)]

    def _missing(self, index: int, resources: Resources) -> Finding | None:
        """What a service lacks on this machine."""
        service = self._chain[index]
        entry = self._registry[self._kind].get(service.service)
        if entry is None:
            return None
        try:
            params = entry.params.model_validate(service.params)
        except ValidationError:
            return None
        missing = entry.check(resources, params, self._spec)
        return self._place(missing, index) if missing else None

    def _path(self, index: int) -> KeyPath:
        return (self._kind, "fallback", index - 1) if index else (self._kind,)

    def _place(self, finding: Finding, index: int) -> Finding:
        path = (*self._path(index), "service")
        return place(replace(finding, path=show_path(path)), self._document.locate(path))


def _softened(finding: Finding) -> Finding:
    return replace(finding, severity="warning") if finding.severity == "error" else finding


def _leaderless(spec: PipelineSpec, document: Document, registry: Registry) -> list[Finding]:
    """Say so if no language model of the chain can follow the flow, or begin its nodes."""
    names = [service.service for service in spec.llm.chain]
    entries = [registry["llm"].get(name) for name in names]
    if not spec.flow or any(entry is None or entry.calls_tools for entry in entries):
        return []
    if any(entry and entry.follows_rules for entry in entries):
        return check_beginnings(spec.flow, document)
    able = [name for name, one in registry["llm"].items() if one.calls_tools or one.follows_rules]
    path: KeyPath = ("llm", "service")
    fix = "use " + " or ".join(able)
    finding = Finding(f"'{names[0]}' cannot follow a flow", path=show_path(path), fix=fix)
    return [place(finding, document.locate(path))]


def _torch(document: Document) -> list[Finding]:
    missing = [name for name in ("silero_vad", "torch") if importlib.util.find_spec(name) is None]
    if not missing:
        return []
    mark = document.locate(("turn", "vad", "model"))
    finding = Finding(
        f"'silero-torch' needs {' and '.join(missing)}",
        path="turn.vad.model",
        fix="pip install -r requirements-silero.lock, or use silero, which is the same model",
    )
    return [finding.at(mark.file, mark.line, mark.column)]


def _filters(spec: PipelineSpec, document: Document) -> list[Finding]:
    wanted = {
        "echo_cancellation": ("pyaec", spec.audio.echo_cancellation),
        "noise_suppression": ("webrtc_noise_gain", spec.audio.noise_suppression != "off"),
    }
    findings = []
    for name, (package, asked) in wanted.items():
        if asked and importlib.util.find_spec(package) is None:
            mark = document.locate(("audio", name))
            finding = Finding(
                f"'{name}' needs the package {package.replace('_', '-')}",
                path=f"audio.{name}",
                fix="make audio-filters, or pip install -r requirements-audio-filters.lock",
            )
            findings.append(finding.at(mark.file, mark.line, mark.column))
    return findings


def _unknown(kind: Kind, service: ServiceSpec, registry: Registry) -> Finding:
    known = registry[kind]
    nearest = nearest_name(service.service, known)
    return Finding(
        f"there is no service '{service.service}'",
        path=f"{kind}.service",
        nearest=nearest,
        fix="" if nearest else "known here: " + ", ".join(sorted(known)),
    )
