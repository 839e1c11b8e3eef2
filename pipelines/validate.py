"""What is wrong with a pipeline beyond its shape: services, their parameters, this machine."""

import importlib.util
from dataclasses import replace

from pydantic import ValidationError

from pipelines.document import Document, KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.fallback.assemble import Candidate
from pipelines.findings import Finding, nearest_name
from pipelines.loader import LoadedPipeline
from pipelines.mistakes import findings_of
from pipelines.pending import pending
from pipelines.registry import KINDS, REGISTRY, Kind, Registry
from pipelines.resources import Resources
from pipelines.services.entry import ServiceEntry
from pipelines.spec import PipelineSpec, ServiceSpec, Spec


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
    findings = [_not_yet(path, document) for path in pending(spec)]
    for kind in KINDS:
        findings.extend(_service(kind, spec, document, resources, registry))
    if resources and spec.turn.vad.model == "silero-torch":
        findings.extend(_torch(document))
    if resources:
        findings.extend(_filters(spec, document))
    return findings


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


def _service(
    kind: Kind,
    spec: PipelineSpec,
    document: Document,
    resources: Resources | None,
    registry: Registry,
) -> list[Finding]:
    service: ServiceSpec = getattr(spec, kind)
    mark = document.locate((kind, "service"))
    entry = registry[kind].get(service.service)
    if entry is None:
        return [_unknown(kind, service, registry).at(mark.file, mark.line, mark.column)]
    try:
        params = entry.params.model_validate(service.params)
    except ValidationError as error:
        return findings_of(error, entry.params, document, (kind,))
    found: list[Finding] = []
    if entry.languages is not None and spec.language_code not in entry.languages:
        known = ", ".join(sorted(entry.languages))
        message = f"'{service.service}' knows {known}, not {spec.language_code}"
        fix = "use whisper" if kind == "stt" else "use local"
        found.append(Finding(message, path=f"{kind}.service", fix=fix))
    missing = entry.check(resources, params, spec) if resources else None
    if missing:
        found.append(replace(missing, path=f"{kind}.service"))
    return [finding.at(mark.file, mark.line, mark.column) for finding in found]


def _not_yet(path: KeyPath, document: Document) -> Finding:
    mark = document.locate(path)
    finding = Finding("is not supported yet", path=show_path(path))
    return finding.at(mark.file, mark.line, mark.column)


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
