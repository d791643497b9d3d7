"""Who is notified: two topics, with e-mail, SMS, PagerDuty and Slack subscribed to them (M10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.documents.contract_document import pagerduty_secret, slack_secret
from infra.documents.policies import document
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import AlertsSettings, SlackSettings

ACCEPTED: Findings = {
    ("CKV2_AWS_57", "alerts-*"): "PagerDuty and Slack issue these values; the runbook rotates them",
}
PUBLISHERS = (
    "aps.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "events.rds.amazonaws.com",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsArgs:
    """`pagerduty` is the endpoint of PagerDuty's integration, a secret.

    `outside_key` is a key in us-east-1, for a stack that is probed from outside: alarms publish only to
    topics in their own region.
    """

    settings: AlertsSettings
    secrets_key: pulumi.Input[str]
    """Encrypts what sc-deploy's own pages need; operators set the values."""
    pagerduty: pulumi.Output[str] | None
    key: pulumi.Input[str]
    outside_key: pulumi.Input[str] | None = None


class Alerts(Component):
    """`critical` pages somebody, `warning` is read in the morning."""

    def __init__(self, name: str, environment: Environment, args: AlertsArgs) -> None:
        super().__init__(name, environment)
        main, us_east_1 = environment.providers.main, environment.providers.us_east_1
        self.critical = self._topic("critical", args.key, main)
        self.warning = self._topic("warning", args.key, main)
        self.outside: aws.sns.Topic | None = None
        self._page("", self.critical, args, main)
        if args.outside_key is not None:
            self.outside = self._topic("outside", args.outside_key, us_east_1)
            self._page("outside-", self.outside, args, us_east_1)
        for index, address in enumerate(args.settings.emails):
            self._subscribe(f"email-warning-{index}", self.warning, "email", address, main)
        if args.settings.slack is not None:
            self._slack(args.settings.slack)
        if args.settings.pagerduty:
            self._secret("pagerduty-key", pagerduty_secret(environment), "Routing key of Events API v2", args)
        if args.settings.slack_webhook:
            self._secret("slack-webhook", slack_secret(environment), "Address of an incoming webhook", args)
        self.register_outputs({"critical": self.critical.arn, "warning": self.warning.arn})

    def _secret(self, name: str, secret_name: str, what: str, args: AlertsArgs) -> None:
        aws.secretsmanager.Secret(
            f"{self.name}-{name}",
            name=secret_name,
            kms_key_id=args.secrets_key,
            description=f"{what}, read by sc-deploy: aws secretsmanager put-secret-value",
            opts=self.options(),
        )

    def _page(self, prefix: str, topic: aws.sns.Topic, args: AlertsArgs, provider: aws.Provider) -> None:
        """Everybody who is paged."""
        for index, address in enumerate(args.settings.emails):
            self._subscribe(f"{prefix}email-{index}", topic, "email", address, provider)
        for index, number in enumerate(args.settings.sms):
            self._subscribe(f"{prefix}sms-{index}", topic, "sms", number, provider)
        if args.pagerduty is not None:
            self._subscribe(f"{prefix}pagerduty", topic, "https", args.pagerduty, provider)

    def _topic(self, severity: str, key: pulumi.Input[str], provider: aws.Provider) -> aws.sns.Topic:
        topic = aws.sns.Topic(
            f"{self.name}-{severity}",
            name=f"{self.environment.name}-{severity}",
            display_name=f"SportCoach {self.environment.stack} {severity}",
            kms_master_key_id=key,
            opts=self.options(provider=provider),
        )
        aws.sns.TopicPolicy(
            f"{self.name}-{severity}",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(topic_policy(topic.arn, self.environment.account_id)),
            opts=self.options(provider=provider),
        )
        return topic

    def _subscribe(
        self,
        name: str,
        topic: aws.sns.Topic,
        protocol: str,
        endpoint: pulumi.Input[str],
        provider: aws.Provider,
    ) -> None:
        aws.sns.TopicSubscription(
            f"{self.name}-{name}",
            topic=topic.arn,
            protocol=protocol,
            endpoint=endpoint,
            endpoint_auto_confirms=protocol == "https",
            opts=self.options(provider=provider),
        )

    def _slack(self, slack: SlackSettings) -> None:
        role = self.role(
            "slack",
            trust=service_trust("chatbot.amazonaws.com", account_id=self.environment.account_id),
            managed=["CloudWatchReadOnlyAccess"],
        )
        aws.chatbot.SlackChannelConfiguration(
            f"{self.name}-slack",
            configuration_name=self.environment.name,
            slack_team_id=slack.workspace_id,
            slack_channel_id=slack.channel_id,
            iam_role_arn=role.arn,
            # Whatever the channel asks for, it has read access only.
            guardrail_policy_arns=["arn:aws:iam::aws:policy/CloudWatchReadOnlyAccess"],
            sns_topic_arns=[t.arn for t in (self.critical, self.warning, self.outside) if t is not None],
            logging_level="ERROR",
            opts=self.options(),
        )


def topic_policy(topic_arn: pulumi.Input[str], account_id: str) -> dict[str, Any]:
    """Services of this account may publish, over TLS only."""
    return document(
        [
            {
                "Sid": "ServicesOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": list(PUBLISHERS)},
                "Action": ["sns:GetTopicAttributes", "sns:Publish"],
                "Resource": topic_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            },
            {
                # EventBridge sends no source account to a topic: a condition would never hold, and security
                # findings would be dropped ("Use resource-based policies", SNS).
                "Sid": "SecurityFindings",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": topic_arn,
            },
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": topic_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]
    )
