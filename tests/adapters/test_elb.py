"""Target groups, rules and weights against the simulated load balancer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.elb.calls import ElbCalls
from bluegreen.adapters.aws.elb.rule_documents import rule_from
from bluegreen.contract import Tag, Tier, TierContract
from bluegreen.domain.stack import Health
from bluegreen.errors import CloudUnavailable, Refused
from bluegreen.ports import PREVIEW_HEADER

from .conftest import Stack, lost, refused, spec, tags

TOKEN = "token-1234567890"


@pytest.fixture
def balancer(stack: Stack) -> ElbBalancer:
    return ElbBalancer(stack.elb(), stack.contract)


@pytest.fixture
def tier(stack: Stack) -> TierContract:
    return stack.contract.tier(Tier.APP)


def foreign_rule(stack: Stack, priority: int, actions: list[dict[str, Any]] | None = None) -> str:
    answer = stack.raw("elbv2").create_rule(
        ListenerArn=stack.contract.listener_arn,
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=actions or [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )
    return str(answer["Rules"][0]["RuleArn"])


def actions_of(stack: Stack, arn: str) -> list[dict[str, Any]]:
    return list(stack.raw("elbv2").describe_rules(RuleArns=[arn])["Rules"][0]["Actions"])


def two_groups(balancer: ElbBalancer, tier: TierContract) -> tuple[str, str]:
    return tuple(balancer.ensure_target_group(tier, spec(n), tags(n)).arn for n in (1, 2))  # type: ignore[return-value]  # two


class TestTargetGroups:
    def test_is_made_as_the_contract_says(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        made = balancer.ensure_target_group(tier, spec(), tags())

        elb = stack.raw("elbv2")
        found = elb.describe_target_groups(TargetGroupArns=[made.arn])["TargetGroups"][0]
        assert (found["Port"], found["VpcId"], found["HealthCheckPath"]) == (8080, "vpc-0abc", "/healthz")
        assert found["Matcher"] == {"HttpCode": "200"}
        attributes = elb.describe_target_group_attributes(TargetGroupArn=made.arn)["Attributes"]
        assert {"Key": "deregistration_delay.timeout_seconds", "Value": "60"} in attributes
        assert balancer.target_groups() == (made,)

    def test_second_call_changes_nothing(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        first = balancer.ensure_target_group(tier, spec(), tags())
        stack.region.calls.clear()
        assert balancer.ensure_target_group(tier, spec(), tags()) == first
        assert {call for call in stack.region.calls if not call.startswith("Describe")} == set()

    def test_lost_answer_is_recognised(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        stack.fault("CreateTargetGroup", lost(), after=True)
        with pytest.raises(CloudUnavailable, match="may or may not have taken effect"):
            balancer.ensure_target_group(tier, spec(), tags())

        made = balancer.ensure_target_group(tier, spec(), tags())

        assert [group.arn for group in balancer.target_groups()] == [made.arn]
        attributes = stack.raw("elbv2").describe_target_group_attributes(TargetGroupArn=made.arn)[
            "Attributes"
        ]
        assert {"Key": "deregistration_delay.timeout_seconds", "Value": "60"} in attributes

    def test_duplicate_name_after_an_internal_retry(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        """botocore sent it twice: the first took effect, the second hears that the name is taken."""
        made = balancer.ensure_target_group(tier, spec(), tags())
        stack.fault("DescribeTargetGroups", refused("TargetGroupNotFound"))
        stack.fault("CreateTargetGroup", refused("DuplicateTargetGroupName"))
        assert balancer.ensure_target_group(tier, spec(), tags()).arn == made.arn

    def test_foreign_one_of_that_name_is_refused(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        stack.raw("elbv2").create_target_group(
            Name="sc-test-app-1", Protocol="HTTP", Port=8080, VpcId="vpc-0abc"
        )
        with pytest.raises(Refused, match="sc-test-app-1 was not made by sc-deploy"):
            balancer.ensure_target_group(tier, spec(), tags())
        assert balancer.target_groups() == ()

    def test_one_of_another_deployment_or_tier_is_refused(
        self, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        balancer.ensure_target_group(tier, spec(), tags(2))
        balancer.ensure_target_group(tier, spec(3), tags(3, **{str(Tag.TIER): "web"}))
        for number in (1, 3):
            with pytest.raises(Refused):
                balancer.ensure_target_group(tier, spec(number), tags(number))

    @pytest.mark.parametrize("name", ["sc-test-app-" + "1" * 21, "internal-app", "a_b", "-a", ""])
    def test_bad_name_is_refused_before_any_call(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract, name: str
    ) -> None:
        with pytest.raises(Refused, match="at most 32"):
            balancer.ensure_target_group(tier, spec(name=name), tags())
        assert stack.region.calls == []

    def test_quota_names_number_and_remedy(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        stack.fault("CreateTargetGroup", refused("TooManyTargetGroups", "too many"))
        with pytest.raises(Refused, match=r"limit 3000 target groups, all used") as caught:
            balancer.ensure_target_group(tier, spec(), tags())
        assert "teardown" in caught.value.next_step

    def test_delete_spares_the_foreign_and_forgives_the_absent(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        elb = stack.raw("elbv2")
        other = elb.create_target_group(Name="other", Protocol="HTTP", Port=80, VpcId="vpc-0abc")
        arn = other["TargetGroups"][0]["TargetGroupArn"]
        with pytest.raises(Refused, match="not made by sc-deploy"):
            balancer.delete_target_group(arn)
        made = balancer.ensure_target_group(tier, spec(), tags())
        balancer.delete_target_group(made.arn)
        balancer.delete_target_group(made.arn)
        assert [one["TargetGroupArn"] for one in elb.describe_target_groups()["TargetGroups"]] == [arn]

    def test_health_counts_states(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        made = balancer.ensure_target_group(tier, spec(), tags())
        assert balancer.health(made.arn) == Health()
        assert balancer.health(made.arn.replace(made.arn[-4:], "dead")) == Health()

    def test_many_tags_go_in_batches_of_twenty(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        elb = stack.raw("elbv2")
        for number in range(45):
            elb.create_target_group(
                Name=f"sc-test-app-{number}",
                Protocol="HTTP",
                Port=80,
                VpcId="vpc-0abc",
                Tags=[{"Key": k, "Value": v} for k, v in tags(number).items()],
            )
        stack.region.calls.clear()
        assert len(balancer.target_groups()) == 45
        assert stack.region.count() == {"DescribeTargetGroups": 1, "DescribeTags": 3}


class TestWeights:
    def test_creates_the_live_rule(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        blue, _ = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        assert (rule.priority, dict(rule.weights), rule.path_patterns) == (100, {blue: 100}, ("/*",))
        assert balancer.rules() == (rule,)

    def test_moves_weights_in_three_calls(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        stack.region.calls.clear()

        rule = balancer.set_weights(tier, {blue: 95, green: 5}, tags())

        assert dict(rule.weights) == {blue: 95, green: 5}
        assert stack.region.count() == {"DescribeRules": 2, "DescribeTags": 1, "ModifyRule": 1}
        config = actions_of(stack, rule.arn)[0]["ForwardConfig"]
        assert {one["TargetGroupArn"]: one["Weight"] for one in config["TargetGroups"]} == {
            blue: 95,
            green: 5,
        }

    def test_writes_nothing_when_already_so(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 95, green: 5}, tags())
        stack.region.calls.clear()
        balancer.set_weights(tier, {green: 5, blue: 95}, tags())
        assert "ModifyRule" not in stack.region.calls

    def test_zero_weight_stays_in_the_rule(self, balancer: ElbBalancer, tier: TierContract) -> None:
        blue, green = two_groups(balancer, tier)
        assert dict(balancer.set_weights(tier, {blue: 0, green: 100}, tags()).weights) == {
            blue: 0,
            green: 100,
        }

    @pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": 1000}, {"a": -1}, dict.fromkeys("abcdef", 1)])
    def test_impossible_weights_are_refused_before_any_call(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract, weights: dict[str, int]
    ) -> None:
        with pytest.raises(Refused, match="1 to 5 target groups with weights from 0 to 999"):
            balancer.set_weights(tier, weights, tags())
        assert stack.region.calls == []

    def test_a_rollback_need_not_wait_for_the_budget_of_others(
        self, stack: Stack, tier: TierContract
    ) -> None:
        calls = stack.elb()
        balancer = ElbBalancer(calls, stack.contract)
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 90, green: 10}, tags())
        while calls.budget.bucket("modify_rule").tokens >= 7:
            calls.budget.take("modify_rule")
        begun = stack.clock.now()
        balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True)
        assert stack.clock.now() == begun
        balancer.set_weights(tier, {blue: 90, green: 10}, tags())
        assert stack.clock.now() > begun

    def test_existing_stickiness_is_kept(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        actions = actions_of(stack, rule.arn)
        actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 77}
        stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=actions)
        balancer.set_weights(tier, {blue: 5, green: 95}, tags())
        sticky = actions_of(stack, rule.arn)[0]["ForwardConfig"]["TargetGroupStickinessConfig"]
        assert sticky == {"Enabled": True, "DurationSeconds": 77}

    def test_stickiness_of_the_contract_is_set(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, _ = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        sticky_tier = stack.with_tier(stickiness={"seconds": 600}).tier(Tier.APP)
        rule = balancer.set_weights(sticky_tier, {blue: 100}, tags())
        sticky = actions_of(stack, rule.arn)[0]["ForwardConfig"]["TargetGroupStickinessConfig"]
        assert sticky == {"Enabled": True, "DurationSeconds": 600}

    def test_a_rollback_keeps_nobody_by_a_cookie(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        """A cookie beats the weight 0; also where somebody switched the stickiness on by hand."""
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 50, green: 50}, tags())
        actions = actions_of(stack, rule.arn)
        actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 77}
        stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=actions)
        rule = balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True)
        assert dict(rule.weights) == {blue: 100}
        assert balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True).weights == rule.weights

    def test_foreign_rule_at_the_priority_is_refused(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, _ = two_groups(balancer, tier)
        arn = foreign_rule(stack, 100)
        before = actions_of(stack, arn)
        with pytest.raises(Refused, match="priority 100 was not made by sc-deploy"):
            balancer.set_weights(tier, {blue: 100}, tags())
        assert actions_of(stack, arn) == before

    @pytest.mark.parametrize(
        ("action", "words"),
        [
            (
                {
                    "Type": "fixed-response",
                    "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"},
                },
                "a fixed answer",
            ),
            (
                {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Host": "status.example"}},
                "a redirect",
            ),
        ],
    )
    def test_a_fixed_answer_or_redirect_stops_a_shift_but_not_a_rollback(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract, action: dict[str, Any], words: str
    ) -> None:
        """Somebody showed a page of their own in the incident; the rollback brings users back."""
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 50, green: 50}, tags())
        stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=[{"Order": 1, **action}])
        with pytest.raises(Refused, match="more than forward"):
            balancer.set_weights(tier, {blue: 25, green: 75}, tags())
        back = balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True)
        assert (back.weights, back.replaced) == ({blue: 100, green: 0}, words)
        assert [one["Type"] for one in actions_of(stack, rule.arn)] == ["forward"]
        assert balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True).replaced == ""

    def test_rule_with_authentication_is_refused_and_stays_guarded_when_urgent(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        login = {
            "Type": "authenticate-oidc",
            "Order": 1,
            "AuthenticateOidcConfig": {
                "Issuer": "https://id.example",
                "AuthorizationEndpoint": "https://id.example/a",
                "TokenEndpoint": "https://id.example/t",
                "UserInfoEndpoint": "https://id.example/u",
                "ClientId": "c",
                "ClientSecret": "s",
            },
        }
        actions = [login, actions_of(stack, rule.arn)[0] | {"Order": 2}]
        for listener in stack.cloud.balancing.listeners.values():
            listener.protocol = "HTTPS"  # nobody logs in without it
        stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=actions)
        assert balancer.rules()[0].forwards is False
        with pytest.raises(Refused, match="more than forward"):
            balancer.set_weights(tier, {blue: 0, green: 100}, tags())
        back = balancer.set_weights(tier, {blue: 0, green: 100}, tags(), urgent=True)
        assert (back.weights, back.replaced) == ({blue: 0, green: 100}, "")
        guard, onward = actions_of(stack, rule.arn)
        assert (guard["Type"], onward["Type"]) == ("authenticate-oidc", "forward")
        assert guard["Order"] < onward["Order"]
        sent = guard["AuthenticateOidcConfig"]
        assert (sent.get("ClientSecret"), sent["UseExistingClientSecret"]) == (None, True)

    def test_conditions_added_by_hand_stop_a_shift_but_not_a_rollback(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 50, green: 50}, tags())
        by_hand = [
            {"Field": "path-pattern", "Values": ["/*"]},
            {"Field": "host-header", "Values": ["a.example"]},
        ]
        stack.raw("elbv2").modify_rule(RuleArn=rule.arn, Conditions=by_hand)
        with pytest.raises(Refused, match="host-header"):
            balancer.set_weights(tier, {blue: 5, green: 95}, tags())
        back = balancer.set_weights(tier, {blue: 100, green: 0}, tags(), urgent=True)
        assert dict(back.weights) == {blue: 100, green: 0}
        left = stack.raw("elbv2").describe_rules(RuleArns=[rule.arn])["Rules"][0]["Conditions"]
        assert len(left) == 2

    def test_changed_path_patterns_follow_the_contract(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, _ = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        wider = stack.with_tier(path_patterns=["/api/*", "/*"]).tier(Tier.APP)
        balancer.set_weights(wider, {blue: 100}, tags())
        assert balancer.rules()[0].path_patterns == ("/api/*", "/*")

    def test_lost_answers_are_recognised(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        for operation, weights in (("CreateRule", {blue: 100}), ("ModifyRule", {blue: 95, green: 5})):
            stack.fault(operation, lost(), after=True)
            with pytest.raises(CloudUnavailable):
                balancer.set_weights(tier, weights, tags())
            assert dict(balancer.set_weights(tier, weights, tags()).weights) == weights
        assert len(balancer.rules()) == 1

    def test_create_answered_with_priority_in_use_finds_its_own_rule(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        """botocore's own retry: the rule was made by the first attempt, after we had looked."""
        blue, _ = two_groups(balancer, tier)
        made = False

        def before(operation: str, params: dict[str, Any]) -> None:
            nonlocal made
            if operation == "CreateRule" and not made:
                made = True
                stack.cloud.call("elbv2", "CreateRule", params)

        stack.region.before = before
        assert dict(balancer.set_weights(tier, {blue: 100}, tags()).weights) == {blue: 100}
        assert len(balancer.rules()) == 1

    def test_read_back_that_differs_is_an_error(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        """Somebody else writes the same rule between our write and our read."""
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        undo = {"RuleArn": rule.arn, "Actions": actions_of(stack, rule.arn)}

        def before(operation: str, params: dict[str, Any]) -> None:
            if operation == "DescribeRules" and params.get("RuleArns"):
                stack.cloud.call("elbv2", "ModifyRule", undo)

        stack.region.before = before
        with pytest.raises(CloudUnavailable, match=r"sc-test-app-2=50.*but reads back sc-test-app-1=100"):
            balancer.set_weights(tier, {blue: 50, green: 50}, tags())

    def test_late_read_back_is_waited_for(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        stale = balancer.rules()
        wanted = {blue: 50, green: 50}
        begun = stack.clock.now()
        reads = 0
        real = stack.cloud.call

        def call(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
            nonlocal reads
            answer = real(service, operation, params)
            if operation == "DescribeRules" and params.get("RuleArns"):
                reads += 1
                if reads <= 2:
                    old = json.loads(json.dumps(answer))
                    groups = [{"TargetGroupArn": blue, "Weight": stale[0].weights[blue]}]
                    old["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"] = groups
                    return dict(old)
            return answer

        stack.cloud.call = call  # type: ignore[method-assign]  # a read that lags behind
        assert dict(balancer.set_weights(tier, wanted, tags()).weights) == wanted
        assert reads == 3
        assert stack.clock.now() - begun == pytest.approx(0.7, abs=0.01)

    def test_denied_says_which_permission(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        stack.fault("ModifyRule", refused("AccessDenied", "User x is not authorized", 403))
        with pytest.raises(Refused) as caught:
            balancer.set_weights(tier, {blue: 50, green: 50}, tags())
        assert "elasticloadbalancing:ModifyRule" in caught.value.next_step

    def test_too_many_rules(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        blue, _ = two_groups(balancer, tier)
        for number in range(100):
            foreign_rule(stack, 1000 + number)
        with pytest.raises(Refused, match="limit 100 rules per application load balancer, all used"):
            balancer.set_weights(tier, {blue: 100}, tags())

    def test_throttled_call_drains_the_bucket(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.set_weights(tier, {blue: 100}, tags())
        stack.fault("ModifyRule", refused("Throttling", "Rate exceeded"))
        with pytest.raises(CloudUnavailable, match="Throttling"):
            balancer.set_weights(tier, {blue: 50, green: 50}, tags())
        assert balancer._calls.budget.bucket("ModifyRule").tokens == 0


class TestPreview:
    def test_leads_to_green_alone(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        _, green = two_groups(balancer, tier)
        rule = balancer.ensure_preview(tier, green, TOKEN, tags(2))
        assert (rule.priority, rule.preview_token, list(rule.weights)) == (10, TOKEN, [green])
        assert rule.path_patterns == ("/*",)
        seen = stack.raw("elbv2").describe_rules(RuleArns=[rule.arn])["Rules"][0]["Conditions"]
        headers = [one["HttpHeaderConfig"] for one in seen if one["Field"] == "http-header"]
        assert headers == [{"HttpHeaderName": PREVIEW_HEADER, "Values": [TOKEN]}]

    def test_second_call_changes_nothing(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        _, green = two_groups(balancer, tier)
        first = balancer.ensure_preview(tier, green, TOKEN, tags(2))
        stack.region.calls.clear()
        assert balancer.ensure_preview(tier, green, TOKEN, tags(2)) == first
        assert stack.region.count() == {"DescribeRules": 1, "DescribeTags": 1}

    def test_another_token_replaces_the_one_that_is_there(
        self, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        _, green = two_groups(balancer, tier)
        balancer.ensure_preview(tier, green, "token-of-before", tags(2))
        balancer.ensure_preview(tier, green, TOKEN, tags(2))
        assert [rule.preview_token for rule in balancer.rules()] == [TOKEN]

    def test_takes_over_the_preview_an_earlier_deployment_left(
        self, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        old = balancer.ensure_preview(tier, blue, "token-of-before", tags(1))
        new = balancer.ensure_preview(tier, green, TOKEN, tags(2))
        assert new.arn == old.arn
        assert [
            (rule.preview_token, list(rule.weights), rule.tags[Tag.DEPLOYMENT]) for rule in balancer.rules()
        ] == [(TOKEN, [green], "2")]

    def test_interrupted_take_over_is_completed(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.ensure_preview(tier, blue, "token-of-before", tags(1))
        for operation in ("AddTags", "ModifyRule"):
            stack.fault(operation, lost(), after=True)
            with pytest.raises(CloudUnavailable):
                balancer.ensure_preview(tier, green, TOKEN, tags(2))
        rule = balancer.ensure_preview(tier, green, TOKEN, tags(2))
        assert balancer.rules() == (rule,)
        assert (rule.preview_token, list(rule.weights), rule.tags[Tag.DEPLOYMENT]) == (TOKEN, [green], "2")

    def test_foreign_rule_at_the_priority_is_refused(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        _, green = two_groups(balancer, tier)
        foreign_rule(stack, 10)
        with pytest.raises(Refused, match="priority 10 was not made by sc-deploy"):
            balancer.ensure_preview(tier, green, TOKEN, tags(2))

    @pytest.mark.parametrize("token", ["", "short", "with*wildcard", "with space x"])
    def test_bad_token_is_refused(self, balancer: ElbBalancer, tier: TierContract, token: str) -> None:
        with pytest.raises(Refused, match="preview token"):
            balancer.ensure_preview(tier, "arn", token, tags())

    def test_live_rule_is_not_taken_for_a_preview(self, balancer: ElbBalancer, tier: TierContract) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.ensure_preview(tier, green, TOKEN, tags(2))
        live = balancer.set_weights(tier, {blue: 100}, tags())
        assert live.preview_token is None
        assert {rule.preview_token for rule in balancer.rules()} == {None, TOKEN}


class TestOwnership:
    def test_delete_rule(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        other = foreign_rule(stack, 50)
        with pytest.raises(Refused, match="not made by sc-deploy"):
            balancer.delete_rule(other)
        blue, _ = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        balancer.delete_rule(rule.arn)
        balancer.delete_rule(rule.arn)
        assert [one.arn for one in balancer.rules()] == [other]

    def test_tag(self, stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
        blue, green = two_groups(balancer, tier)
        balancer.tag([blue, green], {"sportcoach:color": "blue"})
        assert [group.tags["sportcoach:color"] for group in balancer.target_groups()] == ["blue", "blue"]
        with pytest.raises(Refused):
            balancer.tag([foreign_rule(stack, 50)], {"a": "b"})

    def test_rule_deleted_between_two_looks(
        self, stack: Stack, balancer: ElbBalancer, tier: TierContract
    ) -> None:
        """The tags of rules seen before are read beside the rules; one that is gone must not break that."""
        blue, green = two_groups(balancer, tier)
        rule = balancer.set_weights(tier, {blue: 100}, tags())
        balancer.ensure_preview(tier, green, TOKEN, tags(2))
        balancer.rules()
        stack.raw("elbv2").delete_rule(RuleArn=rule.arn)
        assert [one.preview_token for one in balancer.rules()] == [TOKEN]


def test_rule_deleted_between_the_look_and_its_tags(
    stack: Stack, balancer: ElbBalancer, tier: TierContract
) -> None:
    """Three tiers delete their preview rules at the same time, each looking at all rules first."""
    blue, green = two_groups(balancer, tier)
    rule = balancer.set_weights(tier, {blue: 100}, tags())
    preview = balancer.ensure_preview(tier, green, TOKEN, tags(2))
    fresh = ElbBalancer(stack.elb(), stack.contract)

    def before(operation: str, params: dict[str, Any]) -> None:
        if operation == "DescribeTags" and len(params["ResourceArns"]) == 2:
            stack.cloud.call("elbv2", "DeleteRule", {"RuleArn": preview.arn})

    stack.region.before = before
    assert [one.arn for one in fresh.rules()] == [rule.arn]


def test_room(stack: Stack, balancer: ElbBalancer, tier: TierContract) -> None:
    assert balancer.room() == {"rules": 100, "target-groups": 100}
    blue, _ = two_groups(balancer, tier)
    balancer.set_weights(tier, {blue: 100}, tags())
    foreign_rule(stack, 50)
    assert balancer.room() == {"rules": 98, "target-groups": 99}


def test_room_is_what_the_narrower_quota_leaves(
    stack: Stack, balancer: ElbBalancer, tier: TierContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {
        "rules-per-application-load-balancer": 100,
        "target-groups": 5,
        "target-groups-per-application-load-balancer": 100,
    }
    two_groups(balancer, tier)
    monkeypatch.setattr(ElbCalls, "limits", lambda _: limits)
    assert balancer.room()["target-groups"] == 3


def test_a_weight_that_the_api_leaves_out_is_one() -> None:
    action = {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "a"}, {"TargetGroupArn": "b", "Weight": 0}]},
    }
    document = {"RuleArn": "r", "Priority": "1", "Conditions": [], "Actions": [action]}
    assert rule_from(document, {}).weights == {"a": 1, "b": 0}
    alone = {"Type": "forward", "TargetGroupArn": "a"}
    assert rule_from({**document, "Actions": [alone]}, {}).weights == {"a": 1}
