"""Every path of an execution: the definition as it is, the real functions, and all that may happen around them.

A path begins with an input and ends with the sweep that follows the execution's end. Its steps are the definition's
own, evaluated by a JSONata interpreter; its tasks run the functions' own code against :class:`tests.aws.Aws`. What is
left to chance branches: the service's job statuses, and up to so many faults. Faults are errors at a task (each that
the definition tells apart, once, for good, or from now on), an abort or a time-out at any state, a job status that the
API does not document, a lost event; and, where it is the first fault of a path, the death of a function before each of
its calls of a service, and each such operation denied. Moments that no function and no expression can tell apart are
one, so that all paths are some thousand steps.

Left out: the copying of uploads inside StageBatch, whose answers are enumerated instead (its function has tests of its
own), and how long retries take.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.aws import MACHINE
from tests.model.judgement import Ended, judged
from tests.model.language import UNCATCHABLE, QueryEvaluationError, Scope, matching, repeated, told_apart
from tests.model.liveness import Liveness
from tests.model.rendering import Rendered
from tests.model.world import ARN, BEGIN, TOKEN, Answer, Snapshot, World

CRASH = "Runtime.ExitError"
FOREVER = "an execution goes on for ever"
LONGEST = 250
"""States of one execution; all paths that end have fewer."""

_CALL, _AWAIT = "arn:aws:states:::lambda:invoke", "arn:aws:states:::lambda:invoke.waitForTaskToken"
_SHARDS = {
    "uploads staged": [{"Staged": 1, "Refused": 1, "Duplicates": 0}, {"Staged": 1, "Refused": 0, "Duplicates": 1}],
    "all uploads refused": [{"Staged": 0, "Refused": 2, "Duplicates": 0}],
    "all uploads analysed before": [{"Staged": 0, "Refused": 0, "Duplicates": 2}],
    "no uploads": [],
}
_SHARD_FAILED = [{"Staged": 1, "Refused": 0, "Duplicates": 0}, {"Error": CRASH, "Cause": "killed"}]


class Moment(NamedTuple):
    """Where an execution is; ``excused`` if it can't report itself, ``broken`` are states that fail from now on."""

    state: str
    given: str
    variables: str
    world: Snapshot
    excused: bool = False
    broken: frozenset[str] = frozenset()


class Step(NamedTuple):
    """What may come next, in words, and how many faults it takes."""

    what: str
    faults: int
    to: Moment | Ended


class Complaint(NamedTuple):
    """A rule that a path breaks."""

    rule: str
    path: list[str]


class Explorer:
    """All paths of one state machine.

    Attributes:
        complaints: rules that paths break, each with the first such path.
        entered: the states that were entered.
        steps: how many steps were looked at.
    """

    def __init__(self, machine: Rendered, world: World, *, faults: int) -> None:
        self._machine, self._world, self._faults = machine, world, faults
        self._states: dict[str, Any] = machine.definition["States"]
        self._liveness = Liveness(self._states)
        self._from: dict[Moment, tuple[Moment | None, str, int]] = {}
        self._before: defaultdict[Moment, list[Moment]] = defaultdict(list)
        self._ends: set[Moment] = set()
        self._waiting: list[deque[Moment]] = [deque() for _ in range(faults + 1)]
        self._judged: set[Ended] = set()
        self.complaints: dict[str, Complaint] = {}
        self.entered: set[str] = set()
        self.steps = 0
        self._context: dict[str, Any] = {}
        self._until: frozenset[str] = frozenset()

    def explore(self, given: Any, world: Snapshot, *, until: frozenset[str] = frozenset(), first: bool = False) -> None:
        """Follow all paths of an execution.

        Args:
            given: its input.
            world: as it begins.
            until: states behind which paths are as those of another input, which are followed no further.
            first: go on only until a rule is broken (default: look for all that are).
        """
        self._until = until
        self._context = {
            "Execution": {"Id": ARN, "Name": "run-1", "StartTime": BEGIN.isoformat(), "Input": given},
            "StateMachine": {"Id": MACHINE},
            "Task": {"Token": TOKEN},
        }
        begin = Moment(self._machine.definition["StartAt"], json.dumps(given), "{}", world)
        self._reach(begin, None, f"the input {json.dumps(given)}", 0)
        # Moments that take fewer faults come first, so that none is looked at twice.
        for used, waiting in enumerate(self._waiting):
            while waiting:
                if first and self.complaints:
                    waiting.clear()
                    continue
                self._look(waiting.popleft(), used)
        if not self.complaints:
            self._see_whether_all_end()

    def _look(self, moment: Moment, used: int) -> None:
        for step in self._following(moment, self._faults - used):
            self.steps += 1
            if used + step.faults > self._faults:
                continue
            if isinstance(step.to, Ended):
                if not step.faults:
                    self._ends.add(moment)
                self._end(moment, step.what, step.to, self._faults - used - step.faults)
                continue
            reached = self._reach(step.to, moment, step.what, used + step.faults)
            if not step.faults:
                self._before[reached].append(moment)

    def _see_whether_all_end(self) -> None:
        """Complain of a moment from which no path without further faults leads to an end."""
        ending, new = set(self._ends), [*self._ends]
        while new:
            new = [each for moment in new for each in self._before[moment] if each not in ending]
            ending.update(new)
        if endless := next((moment for moment in self._from if moment not in ending), None):
            self._complain(FOREVER, endless)

    @property
    def moments(self) -> int:
        """How many moments were looked at."""
        return len(self._from)

    def _reach(self, moment: Moment, before: Moment | None, what: str, used: int) -> Moment:
        variables, given = self._liveness.kept(moment.state, json.loads(moment.variables), json.loads(moment.given))
        # Nothing depends on how often the job was polled, or looked at since its output was there.
        counted = {name: min(value, 2) for name, value in variables.items() if name in ("polls", "looks")}
        kept = json.dumps({**variables, **counted}, sort_keys=True)
        moment = moment._replace(variables=kept, given=json.dumps(given, sort_keys=True))
        if moment.state in self._until:
            self._ends.add(moment)
            return moment
        if moment in self._from:
            return moment
        depth = self._from[before][2] + 1 if before else 0
        self._from[moment] = (before, what, depth)
        self.entered.add(moment.state)
        if moment.state not in self._states:
            self._complain(f"there is no state {moment.state}", moment)
        elif depth > LONGEST:
            self._complain(FOREVER, moment)
        else:
            self._waiting[used].append(moment)
        return moment

    def _complain(self, rule: str, moment: Moment, *more: str) -> None:
        if rule in self.complaints:
            return
        path: list[str] = [text for text in more if text]
        at: Moment | None = moment
        while at:
            at, what, _ = self._from[(here := at)]
            path.insert(0, f"{here.state}{' <- ' + what if what else ''}")
        self.complaints[rule] = Complaint(rule, path)

    def _end(self, moment: Moment, what: str, ended: Ended, left: int) -> None:
        # The same end with more faults left has been looked at before.
        if ended in self._judged:
            return
        self._judged.add(ended)
        for rule, then in judged(self._world, self._machine, ended, left, first=left == self._faults):
            self._complain(rule, moment, what, then)

    # --- what may come next ---

    def _following(self, moment: Moment, left: int) -> Iterator[Step]:
        state = self._states[moment.state]
        kind = state["Type"]
        if left and kind in ("Task", "Wait", "Map"):
            # Two names of one thing: neither lets the execution report itself.
            status = "TIMED_OUT" if kind == "Wait" else "ABORTED"
            yield Step(f"{status} before it", 1, Ended(moment.world, status, excused=True))
        try:
            yield from getattr(self, f"_{kind.lower()}")(moment, state, left)
        except QueryEvaluationError as error:
            self._complain(f"{moment.state}: an expression fails", moment, str(error))
            yield self._failed(moment, state, "States.QueryEvaluationError", str(error), what="")

    def _scope(self, moment: Moment, **states: Any) -> Scope:
        return Scope(json.loads(moment.variables), input=json.loads(moment.given), context=self._context, **states)

    def _next(self, moment: Moment, clause: dict[str, Any], scope: Scope, default: Any, *, name: str = "") -> Moment:
        """The moment after a state, or after its Choice or Catch ``clause``."""
        output = scope.evaluated(clause["Output"]) if "Output" in clause else default
        variables = {**json.loads(moment.variables), **scope.evaluated(clause.get("Assign", {}))}
        return moment._replace(
            state=name or clause["Next"],
            given=json.dumps(output, sort_keys=True),
            variables=json.dumps(variables, sort_keys=True),
        )

    def _choice(self, moment: Moment, state: dict[str, Any], _: int) -> Iterator[Step]:
        scope = self._scope(moment)
        given = json.loads(moment.given)
        for clause in state["Choices"]:
            if scope.evaluated(clause["Condition"]) is True:
                yield Step("", 0, self._next(moment, clause, scope, given))
                return
        if "Default" not in state:
            self._complain(f"{moment.state}: no choice fits", moment)
            yield Step("", 0, Ended(moment.world, "FAILED", "States.NoChoiceMatched"))
            return
        yield Step("", 0, moment._replace(state=state["Default"]))

    def _wait(self, moment: Moment, state: dict[str, Any], _: int) -> Iterator[Step]:
        scope = self._scope(moment)
        seconds = scope.evaluated(state["Seconds"])
        following = self._next(moment, state, scope, json.loads(moment.given))
        if not isinstance(seconds, int | float):
            raise QueryEvaluationError(f"{state['Seconds']}: {seconds!r}")
        for what, faults, world in self._world.passed(moment.world, unseen=bool(moment.broken)):
            yield Step(what, faults, following._replace(world=world))

    def _succeed(self, moment: Moment, state: dict[str, Any], _: int) -> Iterator[Step]:
        yield Step("", 0, Ended(moment.world, "SUCCEEDED", output=moment.given))

    def _fail(self, moment: Moment, state: dict[str, Any], _: int) -> Iterator[Step]:
        told = self._scope(moment).evaluated({name: state[name] for name in ("Error", "Cause")})
        yield Step("", 0, Ended(moment.world, "FAILED", told["Error"], told["Cause"]))

    def _pass(self, moment: Moment, state: dict[str, Any], _: int) -> Iterator[Step]:
        yield Step("", 0, self._next(moment, state, self._scope(moment), json.loads(moment.given)))

    def _map(self, moment: Moment, state: dict[str, Any], left: int) -> Iterator[Step]:
        given = json.loads(moment.given)
        place = state["ResultPath"].removeprefix("$.")
        ways = {**_SHARDS, **({"a shard fails": _SHARD_FAILED} if left else {})}
        for what, shards in ways.items():
            following = moment._replace(state=state["Next"], given=json.dumps({**given, place: shards}))
            yield Step(what, shards is _SHARD_FAILED, following)
        if left:
            yield self._failed(moment, state, "States.ItemReaderFailed", "no", what="the list can't be read", faults=1)

    def _task(self, moment: Moment, state: dict[str, Any], left: int) -> Iterator[Step]:
        arguments = self._scope(moment).evaluated(state["Arguments"])
        handler, payload = self._machine.handlers[arguments["FunctionName"]], arguments["Payload"]
        if state["Resource"] == _AWAIT:
            yield from self._await(moment, state, payload, left)
            return
        if state["Resource"] != _CALL:
            raise NotImplementedError(state["Resource"])
        if moment.state in moment.broken:
            yield self._failed(moment, state, CRASH, "killed", what="fails again")
            return
        answer = self._world.call(handler, payload, moment.world)
        yield self._answered(moment, state, answer, what="")
        if not left:
            return
        late = (handler, json.dumps(payload))
        yield Step("ABORTED while it runs", 1, Ended(moment.world, "ABORTED", excused=True, late=late))
        for error in told_apart(state, CRASH):
            if error == CRASH and not repeated(state, error) and self._gives_up(state):
                self._complain(f"{moment.state}: one passing fault ends the execution", moment, error)
            yield self._failed(moment, state, error, "injected", what=f"{error} for good", faults=1)
        # Later ones would only begin nearer to the limit.
        if self._comes_back(moment.state) and json.loads(moment.variables).get("polls", 0) < 2:
            broken = moment._replace(broken=moment.broken | {moment.state})
            yield self._failed(broken, state, CRASH, "killed", what="fails from now on", faults=1)
        for error in UNCATCHABLE[1:]:
            yield self._failed(moment, state, error, "too large", what=error, faults=1, world=answer.world)
        if left < self._faults:
            return
        for number in range(2, answer.calls + 2):
            crashed = self._world.call(handler, payload, moment.world, crash_at=number).world
            again = self._world.call(handler, payload, crashed)
            yield self._answered(moment, state, again, what=f"killed before call {number}, once", faults=1)
            what = f"killed before call {number}, then not reachable"
            yield self._failed(moment, state, CRASH, "killed", what=what, faults=1, world=crashed)
        for operation in answer.operations:
            denied = self._world.call(handler, payload, moment.world, denied=operation)
            yield self._answered(moment, state, denied, what=f"{operation} is denied", faults=1)

    def _answered(self, moment: Moment, state: dict[str, Any], answer: Answer, *, what: str, faults: int = 0) -> Step:
        if answer.error:
            error, message = answer.error, answer.message
            return self._failed(
                moment, state, error, message, what=what or f"raises {error}", faults=faults, world=answer.world
            )
        after = moment._replace(world=answer.world)
        result = {"Payload": answer.result}
        return Step(what, faults, self._next(after, state, self._scope(after, result=result), result))

    def _failed(
        self,
        moment: Moment,
        state: dict[str, Any],
        error: str,
        cause: str,
        *,
        what: str,
        faults: int = 0,
        world: Snapshot | None = None,
    ) -> Step:
        """What follows an error that stays although the state may be repeated."""
        after = moment._replace(world=world or moment.world)
        clauses = state.get("Catch", [])
        number = matching(clauses, error)
        if number is None:
            # The last function of all may fail for good, and some errors can't be caught.
            excused = moment.excused or error in UNCATCHABLE or (bool(faults) and self._reports(state))
            return Step(what, faults, Ended(after.world, "FAILED", error, cause, excused=excused))
        clause, told = clauses[number], {"Error": error, "Cause": cause}
        if "ResultPath" in clause:
            place = clause["ResultPath"].removeprefix("$.")
            given = json.dumps({**json.loads(moment.given), place: told})
            return Step(what, faults, after._replace(state=clause["Next"], given=given))
        return Step(what, faults, self._next(after, clause, self._scope(after, errorOutput=told), told))

    def _await(self, moment: Moment, state: dict[str, Any], payload: Any, left: int) -> Iterator[Step]:
        """A task whose function keeps a token: it is woken by the job's output, or times out."""
        self._scope(moment).evaluated(state["TimeoutSeconds"])
        handler = self._machine.handler("await_output")
        self._world.set(moment.world)
        self._world.aws.waiting.add(TOKEN)
        waiting = self._world.seen()
        kept = self._world.call(handler, payload, waiting)
        if left:
            yield self._failed(moment, state, CRASH, "killed", what="keeps no token", faults=1)
        for what, faults, world in self._world.passed(kept.world):
            told = self._world.call(handler, self._put(world, payload["JobId"]), world)
            self._world.set(told.world)
            woken = bool(self._world.aws.woken)
            self._world.aws.waiting, self._world.aws.woken = set(), []
            after = moment._replace(world=self._world.seen())
            if woken:
                following = self._next(after, state, self._scope(after, result={}), {})
                yield Step(f"{what}; woken", faults, following)
            # Events may be lost, or come late.
            yield self._failed(after, state, "States.Timeout", "", what=f"{what}; times out", faults=faults)

    def _put(self, world: Snapshot, job_id: str) -> dict[str, Any]:
        """The event of the job's archive, or of another object."""
        self._world.set(world)
        uri: str = self._world.aws.jobs[job_id]["OutputDataConfig"]["S3Uri"]
        key = uri.split("/", 3)[3] if uri in self._world.aws.objects else "another"
        return {"detail": {"object": {"key": key}}}

    # --- what the definition's graph says ---

    def _reports(self, state: dict[str, Any]) -> bool:
        function = state.get("Arguments", {}).get("FunctionName")
        return function in self._machine.handlers and self._machine.handlers[function].__module__.endswith(
            ".publish_failure"
        )

    def _gives_up(self, state: dict[str, Any]) -> bool:
        number = matching(state.get("Catch", []), CRASH)
        return number is None or self._reports(self._states.get(state["Catch"][number]["Next"], {}))

    def _comes_back(self, name: str) -> bool:
        """Whether a state that fails may be entered again."""
        number = matching(self._states[name].get("Catch", []), CRASH)
        reached, new = set(), {self._states[name]["Catch"][number]["Next"]} if number is not None else set()
        while new:
            reached |= new
            new = {after for each in new for after in self._leads(each)} - reached
        return name in reached

    def _leads(self, name: str) -> set[str]:
        state = self._states.get(name, {})
        clauses = [state, *state.get("Choices", []), {"Next": state["Default"]} if "Default" in state else {}]
        return {clause["Next"] for clause in clauses if "Next" in clause}
