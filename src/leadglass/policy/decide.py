"""Cedar asked, answers joined.

Policies are Cedar policies (https://docs.cedarpolicy.com), checked against ``policies/leadglass.cedarschema``. One request
is many questions, asked in one batch: may the action be done at all, may each region that was asked for be shown, may the
identity; each of them as things stand and as they would stand after one or two more people approved. Cedar skips a policy
that errs, so that an erring forbid would open what it should close: here an error, a diagnostic or a missing answer is a
forbid, and a file that does not load closes the site.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import reduce
from importlib import resources

import cedarpy
from cedarpy import pst

from leadglass.errors import InputError, RefusedError
from leadglass.model.access import (
    Action,
    Actor,
    Circumstances,
    CoverShape,
    CoverStyle,
    Decision,
    Duty,
    Grant,
    Outcome,
    Request,
    Role,
    SealProfile,
    Showing,
    Strength,
)
from leadglass.model.region import RegionKind

MAX_FILE = 1 << 20
"""Characters in one policy file."""
MAX_JOINTS = 128
"""Clauses, operators, members and conditionals in one policy."""
MAX_BRACKETS = 32
"""Brackets inside each other."""
MAX_RECIPIENT = 1000
"""Characters in a request's recipient."""

APPROVERS = (Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD)
"""The roles whose approval counts."""

_SCHEMA = "leadglass.cedarschema"
_COUNTS = ("approvers", "officers", "heads")


@dataclass(frozen=True)
class Terms:
    """What permits say of a copy: how it is marked, how its covered regions look, and for whom it is sealed.

    Each type lists its values from the most careful to the least, and of several permits the most careful value counts:
    a permit more must not make a copy tell more than the others meant it to.
    """

    mark: Strength = Strength.STANDARD
    style: CoverStyle = CoverStyle.MOSAIC
    shape: CoverShape = CoverShape.GRID
    seal: SealProfile = SealProfile.SHREDDABLE

    @staticmethod
    def of(made: Decision | Grant) -> Terms:
        """What a decision or a grant says of a copy."""
        return Terms(made.mark, made.style, made.shape, made.seal)

    def careful(self, other: Terms) -> Terms:
        """The more careful of the two in each respect."""
        return Terms(
            min(self.mark, other.mark, key=tuple(Strength).index),
            min(self.style, other.style, key=tuple(CoverStyle).index),
            min(self.shape, other.shape, key=tuple(CoverShape).index),
            min(self.seal, other.seal, key=tuple(SealProfile).index),
        )


@dataclass(frozen=True)
class _Engine:
    """Policies and schema as Cedar holds them; ``names``, ``reasons`` and ``terms`` are annotations by Cedar's policy id."""

    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    names: Mapping[str, str]
    reasons: Mapping[str, str]
    terms: Mapping[str, Terms]


@dataclass(frozen=True, eq=False)
class Policies:
    """A policy set that decides, or says in ``problem`` why it forbids everything.

    ``digest`` is the SHA-256 over the names and texts of the files, lower-case hex.
    """

    digest: str
    problem: str | None
    _engine: _Engine | None = field(repr=False)


def shipped() -> Mapping[str, str]:
    """The example policies by file name, which a new site copies and a hospital then edits."""
    folder = resources.files(__package__) / "policies"
    return {
        item.name: item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".cedar")
    }


def load(files: Mapping[str, str], *, schema: str | None = None) -> Policies:
    """The policies in ``files`` (name to text), checked against ``schema``, by default the packaged one.

    Never raises for what is in a file: a syntax error, an unknown word, a template, a file without a policy, or a
    policy that an approval could close, gives ``Policies`` that forbid everything and say why.
    """
    digest = _digest(files)
    try:
        return Policies(
            digest, problem=None, _engine=_engine(files, schema=_packaged_schema() if schema is None else schema)
        )
    except _PolicyProblemError as problem:
        return Policies(digest, problem=str(problem), _engine=None)


def decide(request: Request, *, actor: Actor, circumstances: Circumstances, policies: Policies) -> Decision:
    """What ``policies`` answer to ``request``.

    PERMIT where the approvals in ``circumstances`` are enough, NEEDS_APPROVAL where one or two more would be
    (``approvals_needed`` says how many more), else FORBID. The fewest approvals that open the action and at least one
    of the regions asked for are the ones asked for; regions and identity are answered as those approvals open them.
    What was not asked for is covered. How a copy is marked and sealed and how its covered regions look, the permits say that
    open the action (``@mark``, ``@style``, ``@shape``, ``@seal``): the most careful of them in each respect. A restored file
    is the whole received one, so restore is open only where every region and the identity are, whatever was asked. To shred
    shows nothing: the action alone is asked.

    Raises:
        InputError: the recipient is longer than ``MAX_RECIPIENT`` characters.
    """
    if len(request.recipient) > MAX_RECIPIENT:
        raise InputError(f"the recipient is longer than {MAX_RECIPIENT} characters ({len(request.recipient)})")
    prospects = _prospects(request, actor=actor, circumstances=circumstances, policies=policies)
    chosen = next((prospect for prospect in prospects if prospect.opens), None)
    if chosen is None:
        return Decision(
            outcome=Outcome.FORBID,
            regions=dict.fromkeys(circumstances.kinds, Showing.COVER),
            identity=False,
            approvals_needed=0,
            roles=(),
            reasons=prospects[-1].refusals,
            policies=policies.digest,
        )
    return Decision(
        outcome=Outcome.NEEDS_APPROVAL if chosen.more else Outcome.PERMIT,
        regions={kind: Showing.SHOW if kind in chosen.shown else Showing.COVER for kind in circumstances.kinds},
        identity=chosen.named,
        approvals_needed=len(chosen.more),
        roles=_approving_roles(chosen, prospects),
        reasons=_once((*_approval_reasons(chosen, prospects), *_restore_reasons(request), *chosen.refusals)),
        policies=policies.digest,
        mark=chosen.action.terms.mark,
        style=chosen.action.terms.style,
        shape=chosen.action.terms.shape,
        seal=chosen.action.terms.seal,
    )


def check_duty(actor: Actor, duty: Duty, *, policies: Policies) -> None:
    """Return where ``actor`` may do ``duty`` at this site.

    Raises:
        RefusedError: they may not; ``reasons`` say why.
    """
    words = duty.value.replace("_", " ")
    question = _Question(duty.value, "Site", "site", {}, subject=words)
    (answer,) = _ask([question], actor=actor, policies=policies)
    if not answer.allowed:
        raise RefusedError(f"this account may not {words}", reasons=answer.reasons)


# Asking


@dataclass(frozen=True)
class _Question:
    """One question to Cedar; ``subject`` is what a refusal calls it."""

    action: str
    type: str
    id: str
    context: Mapping[str, object]
    subject: str


@dataclass(frozen=True)
class _Answer:
    """``reasons`` say why not; empty where allowed. ``terms`` are what the permits say of a copy."""

    allowed: bool
    reasons: tuple[str, ...] = ()
    terms: Terms = Terms()


@dataclass(frozen=True)
class _Prospect:
    """What the policies would open if people with the roles ``more`` approved too."""

    action_alone: bool
    whole: bool
    more: tuple[Role, ...]
    action: _Answer
    regions: Mapping[RegionKind, _Answer]
    identity: _Answer | None

    @property
    def shown(self) -> tuple[RegionKind, ...]:
        return tuple(kind for kind, answer in self.regions.items() if answer.allowed)

    @property
    def named(self) -> bool:
        return self.identity is not None and self.identity.allowed

    @property
    def opens(self) -> bool:
        """Whether the request is open: the action, and a region (every one, and the identity, for a whole file)."""
        if self.action_alone:
            return self.action.allowed
        enough = self.named and len(self.shown) == len(self.regions) if self.whole else bool(self.shown)
        return self.action.allowed and enough

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why something asked for is closed."""
        if not self.action.allowed:
            return self.action.reasons
        parts = [reason for answer in self.regions.values() for reason in answer.reasons]
        parts += self.identity.reasons if self.identity else ()
        if self.opens:
            return _once(parts)
        if self.whole:
            return _once(("not everything in a restored file may be shown", *parts))
        return _once(("none of the regions asked for may be shown" if self.regions else "no region was asked for", *parts))


def _prospects(request: Request, *, actor: Actor, circumstances: Circumstances, policies: Policies) -> tuple[_Prospect, ...]:
    """As things stand first, then with one more approval of either role, then with both."""
    alone, whole = request.action is Action.SHRED, request.action is Action.RESTORE
    asked = [kind for kind in circumstances.kinds if (whole or kind in request.regions) and not alone]
    named = (whole or request.identity) and not alone
    steps: tuple[tuple[Role, ...], ...] = ((), *((role,) for role in APPROVERS), APPROVERS)
    questions = [
        question
        for more in steps
        for question in _questions(request, asked, named, context=_context(request, circumstances, more=more))
    ]
    answers = iter(_ask(questions, actor=actor, policies=policies))
    return tuple(
        _Prospect(
            action_alone=alone,
            whole=whole,
            more=more,
            action=next(answers),
            regions={kind: next(answers) for kind in asked},
            identity=next(answers) if named else None,
        )
        for more in steps
    )


def _questions(
    request: Request, asked: Sequence[RegionKind], named: bool, *, context: Mapping[str, object]
) -> Iterable[_Question]:
    action, purpose = request.action.value, request.purpose.value
    yield _Question(action, "Film", request.instance, context, subject=f"{action} for {purpose}")
    for kind in asked:
        yield _Question(action, "Region", kind.value, context, subject=f"{action} of {kind} for {purpose}")
    if named:
        subject = f"{action} of the patient's identity for {purpose}"
        yield _Question(action, "Identity", "patient", context, subject=subject)


def _context(request: Request, circumstances: Circumstances, *, more: Sequence[Role]) -> Mapping[str, object]:
    """The schema's ``Asked``, as if people with the roles ``more`` had approved as well."""
    return {
        "purpose": _uid("Purpose", request.purpose.value),
        "recipient": request.recipient,
        "to_self": circumstances.to_self,
        "reader": circumstances.reader,
        "referrer": circumstances.referrer,
        "pixels": _uid("Pixels", circumstances.pixels.value),
        "needed": [_uid("Region", kind.value) for kind in circumstances.needed],
        "approvers": circumstances.approvers + len(more),
        "officers": circumstances.officers + more.count(Role.SECURITY_OFFICER),
        "heads": circumstances.heads + more.count(Role.DEPARTMENT_HEAD),
    }


def _ask(questions: Sequence[_Question], *, actor: Actor, policies: Policies) -> list[_Answer]:
    """One answer a question, from one batch. What Cedar does not clearly allow is not allowed."""
    engine = policies._engine
    if engine is None:
        return [_Answer(False, (f"the site's policies do not load, so everything is closed: {policies.problem}",))] * len(
            questions
        )
    try:
        results = cedarpy.is_authorized_batch(
            [_cedar_request(question, actor, number) for number, question in enumerate(questions)],
            engine.policies,
            json.dumps([_person(actor)]),
            engine.schema,
        )
        answered = {result.correlation_id: result for result in results}
        return [_answer(question, answered.get(str(number)), engine) for number, question in enumerate(questions)]
    except Exception:  # whatever the engine raises, nothing was allowed
        return [_Answer(False, (_NO_ANSWER,))] * len(questions)


_NO_ANSWER = "the policy engine gave no answer, which counts as a forbid"


def _answer(question: _Question, result: cedarpy.AuthzResult | None, engine: _Engine) -> _Answer:
    if result is None or result.decision is cedarpy.Decision.NoDecision:
        return _Answer(False, (_NO_ANSWER,))
    if result.diagnostics.errors:
        # The engine's own words may quote a value of the request, so only the policies are named.
        ids = re.findall(r"`(policy\d+)`", " ".join(result.diagnostics.errors))
        names = ", ".join(_once(engine.names[id] for id in ids if id in engine.names)) or "the policies"
        return _Answer(False, (f"there was an error in {names}, which counts as a forbid",))
    if result.allowed:
        return _Answer(True, terms=_joined(engine.terms[id] for id in result.diagnostics.reasons if id in engine.terms))
    reasons = _once(engine.reasons[id] for id in sorted(result.diagnostics.reasons))
    return _Answer(False, reasons or (f"no policy permits {question.subject}",))


def _joined(said: Iterable[Terms]) -> Terms:
    """The most careful in each respect; what a permit without annotations means where nothing is said."""
    first, *others = tuple(said) or (Terms(),)
    return reduce(Terms.careful, others, first)


def _cedar_request(question: _Question, actor: Actor, number: int) -> dict[str, object]:
    return {
        "principal": _uid("Person", actor.name),
        "action": _uid("Action", question.action),
        "resource": _uid(question.type, question.id),
        "context": dict(question.context),
        "correlation_id": str(number),
    }


def _person(actor: Actor) -> dict[str, object]:
    return {
        "uid": _uid("Person", actor.name),
        "attrs": {} if actor.department is None else {"department": actor.department},
        "parents": [_uid("Role", role.value) for role in sorted(actor.roles)],
    }


def _uid(type: str, id: str) -> dict[str, str]:
    return {"type": type, "id": id}


# Saying


def _approving_roles(chosen: _Prospect, prospects: Iterable[_Prospect]) -> tuple[Role, ...]:
    """Who may approve: everyone it takes, or whoever alone opens the same."""
    if len(chosen.more) != 1:
        return chosen.more
    return tuple(
        prospect.more[0]
        for prospect in prospects
        if len(prospect.more) == 1 and prospect.opens and (prospect.shown, prospect.named) == (chosen.shown, chosen.named)
    )


def _approval_reasons(chosen: _Prospect, prospects: Iterable[_Prospect]) -> tuple[str, ...]:
    names = [f"a {role.value.replace('_', ' ')}" for role in _approving_roles(chosen, prospects)]
    match len(chosen.more):
        case 0:
            return ()
        case 1:
            return (f"this needs the approval of {' or '.join(names)}",)
        case _:
            return (f"this needs the approval of two people besides you: {' and '.join(names)}",)


def _restore_reasons(request: Request) -> tuple[str, ...]:
    if request.action is not Action.RESTORE:
        return ()
    return ("a restored file is the received one: every region and the patient's identity",)


def _once(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))


# Loading


class _PolicyProblemError(Exception):
    """Why the policies do not load: a sentence."""


def _packaged_schema() -> str:
    return (resources.files(__package__) / "policies" / _SCHEMA).read_text(encoding="utf-8")


def _digest(files: Mapping[str, str]) -> str:
    digest = hashlib.sha256(b"leadglass/policies@v1")
    for name in sorted(files):
        for text in (name, files[name]):
            data = text.encode("utf-8", errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _engine(files: Mapping[str, str], *, schema: str) -> _Engine:
    try:
        handle = cedarpy.Schema.from_str(schema)
    except ValueError as error:
        raise _PolicyProblemError(f"{_SCHEMA}: {error}") from error
    if not files:
        raise _PolicyProblemError("there is no policy file")
    for name in sorted(files):
        _check_file(name, files[name], schema=handle)
    policies = cedarpy.PolicySet.from_str("\n".join(files[name] for name in sorted(files)))
    static = policies.to_pst().static_policies
    names = {id: policy.annotations.get("id") or id for id, policy in static.items()}
    return _Engine(
        policies=policies,
        schema=handle,
        names=names,
        reasons={
            id: policy.annotations.get("reason") or f"the policy {names[id]} forbids it" for id, policy in static.items()
        },
        terms={id: _terms(policy) for id, policy in static.items()},
    )


def _check_file(name: str, text: str, *, schema: cedarpy.Schema) -> None:
    """Return where every policy in the file parses, fits the schema and is of a kind that leadglass takes."""
    _check_size(name, text)
    try:
        parsed = cedarpy.policies_to_pst(text)
        errors = cedarpy.validate_policies(text, schema).errors
    except ValueError as error:
        raise _PolicyProblemError(f"{name}: {error}") from error
    names = {id: policy.annotations.get("id") or id for id, policy in parsed.static_policies.items()}
    if errors:
        said = sorted(re.sub(r"`(policy\d+)`", lambda found: f"`{names.get(found[1], found[1])}`", e.error) for e in errors)
        more = f" (and {len(said) - 3} more)" if len(said) > 3 else ""
        raise _PolicyProblemError(f"{name}: {'; '.join(said[:3])}{more}")
    if parsed.templates or parsed.template_links:
        raise _PolicyProblemError(f"{name}: policy templates decide nothing here; write the policy out")
    if not parsed.static_policies:
        raise _PolicyProblemError(f"{name}: there is no policy in it")
    for id, policy in parsed.static_policies.items():
        for word, values in _WORDS.items():
            if word in policy.annotations and policy.annotations[word] not in set(values):
                raise _PolicyProblemError(f"{name}: in policy `{names[id]}`, @{word} is one of {', '.join(values)}")
        if not _approvals_only_open(policy):
            raise _PolicyProblemError(
                f"{name}: for policy `{names[id]}`, an approval might close something; compare approvers, officers and "
                "heads only as `>= n`, in a permit's `when` or a forbid's `unless`"
            )


_WORDS: Mapping[str, type[StrEnum]] = {"mark": Strength, "style": CoverStyle, "shape": CoverShape, "seal": SealProfile}
"""What a permit may say of a copy: annotations, and their values."""


def _terms(policy: pst.Template) -> Terms:
    """What a checked policy's annotations say."""
    said = policy.annotations
    return Terms(
        Strength(said.get("mark", Terms.mark)),
        CoverStyle(said.get("style", Terms.style)),
        CoverShape(said.get("shape", Terms.shape)),
        SealProfile(said.get("seal", Terms.seal)),
    )


_TOKEN = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|\w+|&&|\|\||\S')
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_JOINTS = frozenset({"when", "unless", "if", "&&", "||", "!", ".", "+", "-", "*"})


def _check_size(name: str, text: str) -> None:
    """Return where the engine can parse the text: it recurses, and a deep enough nest ends the whole process."""
    if len(text) > MAX_FILE:
        raise _PolicyProblemError(f"{name}: longer than {MAX_FILE} characters")
    depth = joints = 0
    for found in _TOKEN.finditer(text):
        word = found[0]  # strings and comments are one token each, so that nothing in them counts
        depth += (word in _OPENING) - (word in _CLOSING)
        joints = 0 if word == ";" else joints + (word in _JOINTS)
        if depth > MAX_BRACKETS:
            raise _PolicyProblemError(f"{name}: brackets more than {MAX_BRACKETS} deep")
        if joints > MAX_JOINTS:
            raise _PolicyProblemError(f"{name}: a policy of more than {MAX_JOINTS} conditions; write it as several")


def _approvals_only_open(policy: pst.Template) -> bool:
    """Whether more approvals can only make a permit apply, and only make a forbid stop applying."""
    permits = policy.effect == "permit"
    steady = not (_mentions_approvals(policy) and any(_can_err(node) for node in _nodes(policy)))
    return steady and all(_grows(clause.expr, up=isinstance(clause, pst.When) == permits) for clause in policy.clauses)


def _grows(expr: object, *, up: bool) -> bool:
    """Whether ``expr`` can only become true (``up``) or only false as the counts of approvals grow."""
    match expr:
        case pst.BinaryOp(op="and" | "or", left=left, right=right):
            return _grows(left, up=up) and _grows(right, up=up)
        case pst.UnaryOp(op="not", arg=arg):
            return _grows(arg, up=not up)
        case pst.IfThenElse(cond=cond, then_expr=then, else_expr=other):
            return not _mentions_approvals(cond) and _grows(then, up=up) and _grows(other, up=up)
        case pst.BinaryOp(op=op, left=pst.GetAttr(base=pst.Var(name="context")), right=pst.LongLit()):
            return op in (("greater_eq", "greater") if up else ("less_eq", "less")) or not _mentions_approvals(expr)
        case _:
            return not _mentions_approvals(expr)


def _mentions_approvals(node: object) -> bool:
    """Whether a count stands anywhere in ``node``, or ``context`` as a whole does."""
    inside = list(_nodes(node))
    attributes = [part.attr for part in inside if isinstance(part, pst.GetAttr) and part.base == pst.Var("context")]
    return any(attr in _COUNTS for attr in attributes) or inside.count(pst.Var("context")) > len(attributes)


def _can_err(node: object) -> bool:
    """Arithmetic overflows; that a policy errs must not depend on approvals."""
    arithmetic = ("add", "sub", "mul", "offset", "duration_since")
    return (isinstance(node, pst.BinaryOp) and node.op in arithmetic) or (isinstance(node, pst.UnaryOp) and node.op == "neg")


def _nodes(node: object) -> Iterator[object]:
    """``node`` and every node below it."""
    yield node
    match node:
        case Mapping():
            below: Iterable[object] = node.values()
        case tuple():
            below = node
        case _ if is_dataclass(node):
            below = [getattr(node, part.name) for part in fields(node)]
        case _:
            return
    for part in below:
        yield from _nodes(part)
