"""The lab's own API beside the AWS API: JSON for the data plane, the supervisor and people."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bluegreen.lab.api.protocol import Answer
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.faults import Effect, Fault, FaultPlan
from bluegreen.lab.machine import Gauge, Late

_Handler = Callable[[Mapping[str, str], Any], tuple[int, Any]]


@dataclass(slots=True)
class SideApi:
    """Answers `/_lab/*`; faults never touch it."""

    cloud: Cloud
    faults: FaultPlan
    gauge: Gauge
    processes: Callable[[], dict[str, int]]
    """Process id by instance id."""
    stop: Callable[[], None]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """One request; 400 for a body that is wrong, 404 for another path."""
        handler = self._handlers().get((method, path.removeprefix("/_lab/").strip("/")))
        if handler is None:
            return _json(404, {"error": f"no {method} {path}"})
        try:
            status, document = handler(query, json.loads(body) if body else {})
        except (ValueError, KeyError, TypeError, AttributeError, CloudError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(status, document)

    def _handlers(self) -> dict[tuple[str, str], _Handler]:
        return {
            ("GET", "ready"): lambda _query, _body: (200, {"ready": True}),
            ("GET", "snapshot"): self._snapshot,
            ("GET", "state"): self._state,
            ("GET", "machine"): lambda _query, _body: (200, self.gauge.document()),
            ("GET", "faults"): lambda _query, _body: (200, {"faults": self.faults.documents()}),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "conditions"): self._set_conditions,
            ("DELETE", "conditions"): self._clear_conditions,
            ("POST", "terminate"): self._terminate,
            ("POST", "database"): self._database,
            ("POST", "health"): self._health,
            ("POST", "metrics"): self._metrics,
            ("POST", "shutdown"): self._shutdown,
        }

    def _snapshot(self, query: Mapping[str, str], _: Any) -> tuple[int, Any]:
        with self.cloud.lock:
            self.cloud.advance()
            if query.get("version") == str(self.cloud.balancing.revision):
                return 304, None
            return 200, self.cloud.snapshot()

    def _health(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        with self.cloud.lock:
            self.cloud.advance()
            for one in body["targets"]:
                self.cloud.targets.report(
                    one["group"], one["id"], int(one["port"]), one["state"], one.get("reason") or ""
                )
        return 200, {"accepted": len(body["targets"])}

    def _metrics(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        with self.cloud.lock:
            self.cloud.advance()
            self.cloud.balancer_metrics.ingest(body)
        self.gauge.late(Late.COUNTS, time.time() - (body["at"] + 1))
        return 200, {}

    def _add_faults(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        given = body.get("faults", [body])
        for fault in [Fault.from_document(one) for one in given]:
            self.faults.add(fault)
        return 200, {"faults": self.faults.documents()}

    def _clear_faults(self, query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        """All, or those of `?effect=drop&service=cloudwatch`."""
        effect = query.get("effect")
        self.faults.clear(Effect(effect) if effect else None, query.get("service"))
        return 200, {"faults": self.faults.documents()}

    def _set_conditions(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        with self.cloud.lock:
            self.cloud.advance()
            self.cloud.world.conditions.set(body)
            return 200, {"conditions": self.cloud.world.conditions.document()}

    def _clear_conditions(self, query: Mapping[str, str], _: Any) -> tuple[int, Any]:
        """Those named in `?names=a,b`, or all."""
        with self.cloud.lock:
            self.cloud.advance()
            self.cloud.world.conditions.clear([one for one in query.get("names", "").split(",") if one])
            return 200, {"conditions": self.cloud.world.conditions.document()}

    def _terminate(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """Instances end as by a hand in the console, or (`lost`) without a word."""
        with self.cloud.lock:
            self.cloud.advance()
            chosen = [self.cloud.instances.all[one] for one in body["instances"]]
            for instance in chosen:
                (self.cloud.instances.lose if body.get("lost") else self.cloud.instances.terminate)(instance)
        return 200, {"terminated": len(chosen)}

    def _shutdown(self, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        self.stop()
        return 200, {"stopping": True}

    def _database(self, _: Mapping[str, str], body: Any) -> tuple[int, Any]:
        """A fault: every database is down (`on` false) until it is switched on again."""
        with self.cloud.lock:
            self.cloud.advance()
            self.cloud.databases.set_power(on=bool(body["on"]))
            switching = self.cloud.databases.switching
        failures = [str(error) for work in switching if (error := work.exception())]
        return (500, {"error": failures[0]}) if failures else (200, {"on": bool(body["on"])})

    def _databases(self) -> list[dict[str, Any]]:
        """Hold the lock."""
        state = self.cloud.databases
        state.settle()
        found = []
        for name, one in state.instances.items():
            pid, failure = state.servers.process(name)
            endpoint = state.instance_document(name).get("Endpoint")
            found.append(
                {
                    "name": name,
                    "status": state.instance_status(name),
                    "address": [endpoint["Address"], endpoint["Port"]] if endpoint else None,
                    "pid": pid,
                    "failure": one.failure() or failure,
                }
            )
        return found

    def _state(self, _query: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        """What a person wants to see: fleets, instances with process and address, health, faults."""
        processes = self.processes()
        with self.cloud.lock:
            self.cloud.advance()
            instances = [
                {
                    "id": one.id,
                    "state": one.state.value,
                    "address": list(one.address) if one.address else None,
                    "pid": processes.get(one.id),
                    "zone": one.zone,
                    "tags": dict(one.tags),
                }
                for one in self.cloud.instances.all.values()
            ]
            groups = [
                {
                    "name": group.name,
                    "arn": arn,
                    "targets": {
                        key[0]: self.cloud.targets.health_of(group, key)[0].value for key in group.targets
                    },
                }
                for arn, group in self.cloud.balancing.groups.items()
            ]
            fleets = [
                {
                    "name": one.name,
                    "desired": one.desired,
                    "instances": {name: member.lifecycle.value for name, member in one.members.items()},
                    "policies": list(one.policies),
                }
                for one in self.cloud.scaling.groups.values()
            ]
            databases = self._databases()
            conditions = self.cloud.world.conditions.document()
        faults = self.faults.documents()
        machine = self.gauge.document()["words"]
        return 200, {
            "fleets": fleets,
            "groups": groups,
            "instances": instances,
            "databases": databases,
            "faults": faults,
            "conditions": conditions,
            "machine": machine,
        }


def _json(status: int, document: Any) -> Answer:
    body = b"" if document is None else json.dumps(document).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)
