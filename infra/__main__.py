"""`pulumi up`: read the settings, build the stack, export what a person wants to know."""

import pulumi

from infra.rules import SECRETS
from infra.settings import parse_settings
from infra.stack import build

config = pulumi.Config("sportcoach")
secrets = {name: value for name in SECRETS if (value := config.get(name))}
settings = parse_settings(pulumi.get_stack(), config.get_object("settings"), secrets)
for name, value in build(settings, config).items():
    pulumi.export(name, value)
