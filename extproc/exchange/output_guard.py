"""Judges what a provider says before it moves on: an attempt's whole answer, or its stream piece by piece.

    items of a stream ──> lanes ──judged──> the same items, as far as they may go, with what was taken out or put back

Nothing goes that was not judged, and what goes is written anew from what was judged. A stream's end is held as far as
a finding may still come of it; a block comes before any of what it is about has gone, but for a text that was split
over others on purpose: of that, the rest does not go. What the canary rule looks for is looked for in the order of
arrival too, across choices and fields. Read next: ``output_strings``, ``output_lanes``, ``output_checks``,
``output_wire``; ``policy.guard`` asks the scanners.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from extproc.dialects.dialect import Answer, Aside, Chunk, Done, Ping, StreamItem, Unreadable
from extproc.dialects.provider_json import read_object, write_json
from extproc.exchange.output_checks import Tally, checks_of, reach_of_check
from extproc.exchange.output_lanes import Lane
from extproc.exchange.output_strings import PAYLOADS, Flow, Spot, strings_of
from extproc.exchange.output_wire import Wire
from extproc.guard.restoration import Restorer
from extproc.model.exchange import ExchangeContext
from extproc.model.guard import Direction, Finding, GuardSecrets, Leaf, Place, Scanned, Trust, Verdict
from extproc.model.guard_policy import Action, Check, GuardPolicy
from extproc.model.refusals import COMPLETION_BLOCKED, SCANNER_UNAVAILABLE, UPSTREAM_TOO_LARGE, Kind, Unavailable
from extproc.policy.guard import Found, GuardDesk, Subject, counted, find
from extproc.policy.guard_ports import CONTEXT_PLACE

_GATE_BEFORE = 1024
"""Characters before what is new that they are given with it."""
_MOST_LANES = 20_000
_MOST_WHOLE = 16 * 1024 * 1024
"""Characters that are kept for those who judge the whole; one text repeated in every chunk counts each time."""
_ASIDE, _EXTENSION = "#aside", "#extension"
_OPAQUE = "opaque"
"""The rule that finds what nothing here can decode, which some fields hold by their nature."""


@dataclass(slots=True, eq=False)
class Stopped(Exception):  # noqa: N818 - what it is
    """The answer does not go on."""

    kind: Kind


@dataclass(slots=True)
class _Held:
    """An item that waits, and which stretches of lanes it has."""

    item: StreamItem
    parts: list[tuple[Lane, Spot, int, int]] = field(default_factory=list)


class OutputGuard:
    """One attempt's. Used for one answer or one stream."""

    __slots__ = (
        "_checks",
        "_context",
        "_desk",
        "_edited",
        "_frame",
        "_is_done",
        "_keeps",
        "_kept",
        "_lanes",
        "_next_frame",
        "_queue",
        "_reach",
        "_reaches",
        "_restorer",
        "_spoke",
        "_stirred",
        "_subject",
        "_tally",
        "_whole",
        "_wire",
        "held_chars",
    )

    def __init__(self, desk: GuardDesk, policy: GuardPolicy, subject: Subject, secrets: GuardSecrets) -> None:
        self._desk = desk
        self._subject = subject
        self._checks = checks_of(policy, secrets)
        self._tally = Tally()
        self._lanes: dict[Place, Lane] = {}
        self._queue: deque[_Held] = deque()
        self._reaches = {check: reach_of_check(check) for check in self._checks.rules}
        self._reach = max(self._reaches.values(), default=0)
        self._restorer = Restorer(secrets.redactions) if policy.restores and secrets.redactions else None
        self._edited: set[int | None] = set()
        self._is_done = False
        self.held_chars = 0
        """How much text waits."""
        self._frame: dict[str, Any] = {}
        """What a chunk says beside its choices that was judged and may go as it is."""
        self._next_frame: dict[str, Any] = {}
        self._spoke: dict[object, set[Place]] = {}
        """The running texts that the last chunk of each choice went on with."""
        self._stirred: dict[Place, Lane] = {}
        """The lanes that have changed since they were looked at."""
        self._context = tuple(
            Leaf((CONTEXT_PLACE, number), text, Trust.HOSTILE) for number, text in enumerate(secrets.context)
        )
        self._keeps = bool(self._checks.whole or self._checks.late or (self._checks.gates and self._context))
        """Whether somebody asks for the whole text at its end."""
        self._kept = 0
        self._whole: dict[Place, list[str]] = {}
        leakage = self._checks.leakage
        self._wire = None if leakage is None else Wire(leakage, self._reaches[leakage])

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each check, as far as it was judged; none where nothing was."""
        return self._tally.verdicts(self._checks, self._subject.policy)

    async def stream(self, items: Sequence[StreamItem]) -> list[StreamItem]:
        """What may go on now; ``Done`` goes last, when all was judged.

        Raises:
            Stopped: policy lets it go no further, or a scanner that it does not do without gave no answer.
        """
        ready: list[StreamItem] = []
        for item in items:
            match item:
                case Ping():
                    ready.append(item)
                case Chunk(value):
                    self._queue.append(self._take_chunk(value))
                    self._end_lanes(value)
                case Aside(value):
                    own = dict(value)
                    self._queue.append(self._take(Aside(own), ((own, (_ASIDE,)),)))
                case Done():
                    self._queue.append(_Held(item))
                    self._finish()
        await self._judge()
        if self._next_frame != self._frame:
            is_edited = any(lane.edits for lane in self._lanes.values() if not lane.is_held)
            self._frame = {} if is_edited else self._next_frame
        return [*ready, *self._release()]

    async def answer(self, answer: Answer) -> Answer:
        """The whole answer, as it may go.

        Raises:
            Stopped: see ``stream``.
            Unreadable: it is no JSON object.
        """
        value: Any = read_object(answer.body) if answer.value is None else answer.value
        if value is None:
            raise Unreadable
        roots = [(value, ()), *([] if answer.extension is None else [(answer.extension, (_EXTENSION,))])]
        held = self._take(Done(), roots)
        self._queue.append(held)
        self._finish()
        await self._judge()
        self._release()
        for choice in _choices(value):
            self._without_logprobs(choice)
        return replace(answer, body=write_json(value), value=value)

    async def told(self, text: str, param: str | None) -> tuple[str, str | None]:
        """A provider's words about an error and the field that it names, as they may go; nothing where they may not."""
        box: dict[str, Any] = {"text": text, "param": param}
        try:
            self._queue.append(self._take(Done(), ((box, ("error",)),)))
            self._finish()
            await self._judge()
            self._release()
        except Stopped:
            box = {"text": "", "param": None}
        return box["text"], box["param"]

    def _take_chunk(self, value: dict[str, Any]) -> _Held:
        value.pop("obfuscation", None)
        frame = {name: each for name, each in value.items() if name != "choices"}
        self._next_frame = frame
        # Most chunks differ from the one before in what their choices say.
        return self._take(Chunk(value), (({"choices": value["choices"]} if frame == self._frame else value, ()),))

    def _take(self, item: StreamItem, roots: Iterable[tuple[object, Place]]) -> _Held:
        held = _Held(item)
        for value, place in roots:
            # Listed first: what is put in place of a key must not be met again.
            for spot in list(strings_of(value, *map(str, place))):
                lane = self._lane(spot)
                start, end = lane.take(spot.text)
                self._stirred[lane.place] = lane
                held.parts.append((lane, spot, start, end))
                self.held_chars += len(spot.text)
                if self._wire is not None and lane.flow is Flow.RUNNING:
                    self._wire.take(lane, spot.text)
                if self._keeps:
                    self._keep(lane, spot.text)
        return held

    def _keep(self, lane: Lane, text: str) -> None:
        self._whole.setdefault(lane.place, []).append(text)
        self._kept += len(text)
        if self._kept > _MOST_WHOLE:
            raise Stopped(UPSTREAM_TOO_LARGE)

    def _lane(self, spot: Spot) -> Lane:
        lane = self._lanes.get(spot.lane)
        if lane is None:
            if len(self._lanes) >= _MOST_LANES:
                raise Stopped(UPSTREAM_TOO_LARGE)
            lane = Lane(spot.lane, spot.flow, self._reach, spot.choice, spot.is_json)
            self._lanes[spot.lane] = lane
        return lane

    def _end_lanes(self, chunk: Mapping[str, Any]) -> None:
        """A text ends with its choice, and where another text of its choice begins; once, for some come in turns."""
        touched = {lane.place for lane, *_ in self._queue[-1].parts if lane.flow is Flow.RUNNING}
        for choice in _choices(chunk):
            index, is_end = choice.get("index"), isinstance(choice.get("finish_reason"), str)
            if not is_end and touched == self._spoke.get(index):
                continue
            self._spoke[index] = touched
            of_choice = [lane for lane in self._lanes.values() if lane.choice == index and lane.is_held]
            speaks = any(lane.place in touched for lane in of_choice)
            for lane in of_choice:
                if is_end or (speaks and lane.may_end and lane.flow is Flow.RUNNING and lane.place not in touched):
                    lane.is_ended = True
                    self._stirred[lane.place] = lane

    def _finish(self) -> None:
        self._is_done = True
        for lane in self._lanes.values():
            lane.is_ended = True
        self._stirred = dict(self._lanes)

    async def _judge(self) -> None:
        stirred = list(self._stirred.values())
        self._stirred.clear()
        due = [lane for lane in stirred if lane.is_due]
        if due:
            bounds = {lane.place: lane.bound(self._restorer) for lane in due}
            if self._checks.rules:
                leaves = tuple(_leaf(lane, lane.read_from) for lane in due)
                begins = {lane.place: lane.read_from for lane in due}
                self._count(await self._find(self._checks.rules, leaves), bounds, begins)
            if self._wire is not None:
                await self._judge_wire(self._wire)
            for lane in due:
                restorer = None if lane.flow is Flow.BESIDE else self._restorer
                if restorer is not None and lane.restore(restorer, bounds[lane.place]):
                    self._edited.add(lane.choice)
                back = max(0, lane.gate - _GATE_BEFORE) if self._checks.gates else None
                lane.settle(bounds[lane.place], back)
        if self._checks.gates:
            await self._judge_gates(stirred)
        if self._is_done:
            await self._judge_whole()

    async def _judge_gates(self, stirred: Iterable[Lane]) -> None:
        due = [lane for lane in stirred if lane.is_held and lane.is_at_gate]
        if not due and not self._is_done:
            return
        # Names and ids are no reason to ask by themselves: nothing else would go yet.
        due += [lane for lane in self._lanes.values() if not lane.is_held and lane.is_at_gate]
        if not due:
            return
        leaves = tuple(_leaf(lane, max(lane.base, lane.gate - _GATE_BEFORE)) for lane in due)
        begins = {leaf.place: lane.end - len(leaf.text) for leaf, lane in zip(leaves, due, strict=True)}
        found = await self._find(self._checks.gates, leaves)
        self._count(found, {lane.place: lane.end for lane in due}, begins, is_gate=True)
        for lane in due:
            lane.gate = lane.end

    async def _judge_whole(self) -> None:
        lanes = {lane.whole_place: lane for lane in map(self._lanes.__getitem__, self._whole)}
        leaves = tuple(
            Leaf(there, "".join(self._whole[lane.place]), Trust.MODEL, is_repeat=lane.flow is Flow.BESIDE)
            for there, lane in lanes.items()
        )
        if leaves and self._checks.whole:
            self._add_whole(await self._find(self._checks.whole, leaves), lanes)
        # Those that have seen it in pieces see it once more where there is something to hold the whole against.
        late = (*self._checks.late, *(self._checks.gates if self._context else ()))
        if leaves and late:
            self._add_whole(await self._find(late, (*leaves, *self._context)), lanes)
        for check in self._checks.all:
            if check not in self._tally.found:
                # There was nothing for it to judge.
                self._tally.add(check, None if check in self._checks.unfit else Scanned((), 0))

    def _add_whole(self, found: Found, lanes: Mapping[Place, Lane]) -> None:
        new: dict[Check, Scanned | Unavailable | None] = dict(found)
        for check, said in found.items():
            if isinstance(said, Scanned):
                findings = tuple(
                    each
                    for each in said.findings
                    if each.place in lanes and lanes[each.place].note(check.scanner, each.kind, each.start, each.end)
                )
                new[check] = replace(said, findings=findings)
        self._add(new)

    async def _judge_wire(self, wire: Wire) -> None:
        leaf = wire.leaf()
        if leaf is None:
            return
        self._add(await self._find((wire.check,), (leaf,)))

    async def _find(self, checks: tuple[Check, ...], leaves: tuple[Leaf, ...]) -> Found:
        return await find(self._desk, checks, leaves, Direction.OUTPUT, self._subject)

    def _count(
        self, found: Found, bounds: Mapping[Place, int], begins: Mapping[Place, int], *, is_gate: bool = False
    ) -> None:
        """Take what is certain and new of what was found in windows that begin there."""
        masked: list[tuple[Lane, Finding]] = []
        certain: dict[Check, Scanned | Unavailable | None] = {}
        for check, said in found.items():
            certain[check] = said
            if not isinstance(said, Scanned):
                continue
            new: list[Finding] = []
            for finding in counted(check, said):
                lane = self._lanes[finding.place]
                if check.scanner == _OPAQUE and lane.place[-1] in PAYLOADS:
                    continue
                shift = begins[lane.place]
                here = replace(finding, start=finding.start + shift, end=finding.end + shift)
                is_old = here.end <= (lane.gate if is_gate else lane.safe)
                if is_old or (here.start >= bounds[lane.place] and not self._is_certain(check, lane, here.start)):
                    continue
                if lane.note(check.scanner, here.kind, here.start, here.end):
                    new.append(here)
                if check.action is Action.REDACT:
                    masked.append((lane, here))
            certain[check] = replace(said, findings=tuple(new))
        self._add(certain)
        for lane, finding in sorted(masked, key=lambda each: (each[1].start, -each[1].end, each[1].kind)):
            self._edited.add(lane.choice)
            if lane.flow is not Flow.BESIDE:
                lane.mask(finding)

    def _is_certain(self, check: Check, lane: Lane, start: int) -> bool:
        """Whether a rule has seen enough of what another one still waits for."""
        reach = self._reaches.get(check, self._reach)
        return reach < self._reach and start < lane.certain(reach)

    def _add(self, found: Found) -> None:
        ending = [said for check, said in found.items() if self._tally.add(check, said)]
        if ending:
            raise Stopped(SCANNER_UNAVAILABLE if isinstance(ending[0], Unavailable) else COMPLETION_BLOCKED)

    def _release(self) -> list[StreamItem]:
        ready: list[StreamItem] = []
        while self._queue and all(self._may_go(lane, end) for lane, _, _, end in self._queue[0].parts):
            held = self._queue.popleft()
            for lane, spot, start, end in held.parts:
                self.held_chars -= len(spot.text)
                written = lane.written(start, end, spot.text)
                if written != spot.text:
                    spot.put(written)
            if isinstance(held.item, Chunk):
                for choice in _choices(held.item.value):
                    self._without_logprobs(choice)
            ready.append(held.item)
        return ready

    def _without_logprobs(self, choice: dict[str, Any]) -> None:
        """They would say what was taken out."""
        if choice.get("logprobs") is not None and choice.get("index") in self._edited:
            choice["logprobs"] = None

    def _may_go(self, lane: Lane, end: int) -> bool:
        return end <= lane.safe and (not self._checks.gates or end <= lane.gate)


def open_output_guard(desk: GuardDesk | None, context: ExchangeContext, secrets: GuardSecrets) -> OutputGuard | None:
    """The guard of one attempt, by the policy as it is now; None where nothing is to be judged.

    Raises:
        Unavailable: the policy cannot be had.
    """
    if desk is None:
        return None
    policy = desk.policies().of(context.organisation, context.team, context.project, context.key)
    if not policy.output and secrets == GuardSecrets():
        return None
    return OutputGuard(desk, policy, Subject(context.organisation, context.id, policy.version), secrets)


def _leaf(lane: Lane, begin: int) -> Leaf:
    # Of arguments it is a stretch of JSON: its strings cannot be told apart, so its escapes are read where they stand.
    return Leaf(lane.place, lane.text[begin - lane.base :], Trust.MODEL)


def _choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = value.get("choices") if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
