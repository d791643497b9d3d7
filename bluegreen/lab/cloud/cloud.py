"""The simulated region: one object that answers AWS calls and moves with its clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from botocore import xform_name

from bluegreen.lab.cloud.asg.attachments import Attachments
from bluegreen.lab.cloud.asg.fleet import Fleet
from bluegreen.lab.cloud.asg.groups import Groups
from bluegreen.lab.cloud.asg.policies import Policies
from bluegreen.lab.cloud.asg.processes import Processes
from bluegreen.lab.cloud.asg.state import State as Scaling
from bluegreen.lab.cloud.asg.tracking import Tracking
from bluegreen.lab.cloud.behaviour import BehaviourOf, always_well
from bluegreen.lab.cloud.clock import Clock
from bluegreen.lab.cloud.commands import Commands, ShellRunner, run_shell
from bluegreen.lab.cloud.elb.balancers import Balancers
from bluegreen.lab.cloud.elb.groups import TargetGroups
from bluegreen.lab.cloud.elb.rules import Rules
from bluegreen.lab.cloud.elb.state import State as Balancing
from bluegreen.lab.cloud.elb.tagging import Tagging
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.elb.view import snapshot
from bluegreen.lab.cloud.errors import CloudError, not_modelled
from bluegreen.lab.cloud.instances import Instances
from bluegreen.lab.cloud.lag import ReadLag
from bluegreen.lab.cloud.machine_images import MachineImages
from bluegreen.lab.cloud.metrics.alarms import Alarms
from bluegreen.lab.cloud.metrics.balancer import BalancerMetrics
from bluegreen.lab.cloud.metrics.queries import Queries
from bluegreen.lab.cloud.metrics.store import Store
from bluegreen.lab.cloud.quotas import ServiceQuotas
from bluegreen.lab.cloud.rds.instances import Instances as DatabaseInstances
from bluegreen.lab.cloud.rds.servers import NoServers, Servers
from bluegreen.lab.cloud.rds.snapshots import Snapshots
from bluegreen.lab.cloud.rds.state import State as Databases
from bluegreen.lab.cloud.schedules import Schedules
from bluegreen.lab.cloud.settings import HealthSource, Settings
from bluegreen.lab.cloud.templates import LaunchTemplates
from bluegreen.lab.cloud.throttle import Throttle
from bluegreen.lab.cloud.traffic import Traffic
from bluegreen.lab.cloud.world import Document, World, copied, operations_of

_ALIASES = {"elbv2": "elastic-load-balancing-v2", "autoscaling": "auto-scaling"}
_WHOLE = ("elastic-load-balancing-v2", "auto-scaling", "rds", "scheduler")
"""Services of which nothing may be answered by somebody else: their state is here."""
_STEP_SECONDS = 1.0
_MOST_STEPS = 7200


def service_key(service: str) -> str:
    """Botocore's hyphenated service id for a service id or a client name."""
    key = service.lower().replace(" ", "-")
    return _ALIASES.get(key, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One finished call, as the `after_call` hooks hear of it."""

    service: str
    operation: str
    params: Document
    error: CloudError | None


class Cloud:
    """One region and account of the modelled AWS services.

    Every method is safe to call from several threads. State that depends on time moves when
    `call` or `advance` is called, in steps of at most a second.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings | None = None,
        *,
        behaviour: BehaviourOf = always_well,
        runner: ShellRunner = run_shell,
        servers: Servers | None = None,
    ) -> None:
        self.clock = clock
        self.settings = settings or Settings()
        self.lock = threading.RLock()
        self.after_call: list[Callable[[Call], None]] = []
        self.world = World(self.settings, clock.now())
        self.templates = LaunchTemplates(self.world)
        self.images = MachineImages()
        self.instances = Instances(self.world, self.templates, self.images)
        self.balancing = Balancing(self.world)
        self.targets = Targets(self.world, self.balancing, self.instances, behaviour)
        self.scaling = Scaling(self.world)
        self.fleet = Fleet(
            self.world,
            self.scaling,
            templates=self.templates,
            instances=self.instances,
            balancing=self.balancing,
            targets=self.targets,
            behaviour=behaviour,
        )
        self.databases = Databases(self.world, servers or NoServers())
        self.metrics = Store(self.world)
        self.tracking = Tracking(
            self.world,
            self.scaling,
            balancing=self.balancing,
            targets=self.targets,
            metrics=self.metrics,
        )
        self._lag = ReadLag(self.world, self.instances)
        self.balancer_metrics = BalancerMetrics(self.balancing, self.metrics)
        self.schedules = Schedules(self.world, self._modify_rule)
        real_time = self.settings.health is HealthSource.REPORTED
        self.commands = Commands(self.world, self.instances, runner, threaded=real_time)
        self.traffic = Traffic(
            self.world,
            state=self.balancing,
            targets=self.targets,
            metrics=self.balancer_metrics,
            behaviour=behaviour,
        )
        self._throttle = Throttle()
        self._operations = self._services()
        self._ticks: list[Callable[[], None]] = [
            self.instances.tick,
            self.balancing.tick,
            self.fleet.tick,
            self.targets.tick,
            self.schedules.tick,
            self.commands.tick,
            self.traffic.tick,
            self.databases.servers.tick,
            self.tracking.tick,
        ]

    def _services(self) -> dict[str, dict[str, Callable[[Document], Document]]]:
        world, balancing, scaling = self.world, self.balancing, self.scaling
        queries, copies = Queries(world, self.metrics), Snapshots(self.databases)
        return {
            "elastic-load-balancing-v2": operations_of(
                Balancers(world, balancing),
                Rules(world, balancing),
                TargetGroups(world, balancing),
                self.targets,
                Tagging(world, balancing),
            ),
            "auto-scaling": operations_of(
                Groups(world, scaling, templates=self.templates, balancing=balancing, fleet=self.fleet),
                Attachments(scaling),
                Policies(world, scaling, balancing),
                Processes(world, scaling),
                self.fleet.hooks,
            ),
            "ec2": operations_of(self.templates, self.instances, self.images),
            "cloudwatch": operations_of(queries, Alarms(world, queries)),
            "scheduler": operations_of(self.schedules),
            "ssm": operations_of(self.commands),
            "rds": operations_of(DatabaseInstances(self.databases, copies), copies),
            "service-quotas": operations_of(ServiceQuotas(world)),
        }

    def handles(self, service: str, operation: str) -> bool:
        """Whether `call` knows the operation, or must refuse it because the service is modelled whole."""
        return service_key(service) in _WHOLE or self.models(service, operation)

    def models(self, service: str, operation: str) -> bool:
        """Whether `call` can answer the operation."""
        return xform_name(operation) in self._operations.get(service_key(service), {})

    def call(self, service: str, operation: str, params: Document) -> Document:
        """Answer one AWS call (`operation` as in the API, e.g. `ModifyRule`).

        Raises CloudError with AWS's code where AWS would refuse.
        """
        key = service_key(service)
        with self.lock:
            self.advance()
            error: CloudError | None = None
            try:
                if self.settings.throttling:
                    self._throttle.take(key, operation, self.world.at)
                answer = self._answer(key, operation, copied(params))
                self._lag.created(key, operation, params, answer)
                return self._lag.apply(key, operation, params, answer)
            except CloudError as caught:
                error = caught
                raise
            finally:
                for hook in self.after_call:
                    hook(Call(service=key, operation=operation, params=params, error=error))

    def _answer(self, service: str, operation: str, params: Document) -> Document:
        handler = self._operations.get(service, {}).get(xform_name(operation))
        if handler is None:
            raise not_modelled(service, operation, "rest-json" if service == "scheduler" else "query")
        return handler(params)

    def _modify_rule(self, params: Document) -> Document:
        return self._answer("elastic-load-balancing-v2", "ModifyRule", params)

    def advance(self) -> None:
        """Bring every time-driven state up to the clock."""
        with self.lock:
            now = self.clock.now()
            step = max(_STEP_SECONDS, (now - self.world.at) / _MOST_STEPS)
            while self.world.at < now:
                self.world.at = min(self.world.at + step, now)
                for tick in self._ticks:
                    tick()

    def slow(self, stretch: int) -> None:
        """Give what shares this machine `stretch` times longer: health checks, grace, drains."""
        with self.lock:
            self.world.stretch = stretch
            self.balancing.revision += 1

    def snapshot(self) -> Document:
        """What the data plane sees now; see elb.view.snapshot."""
        with self.lock:
            self.advance()
            return snapshot(self.balancing, self.instances, stretch=self.world.stretch)
