"""`pulumi up`: read the settings, build the stack, export its outputs."""

import pulumi
from pulumi.runtime.config import is_config_secret

from infra.settings import SECRETS, parse_settings
from infra.stack import build

config = pulumi.Config("sportcoach")
secrets = {name: value for name in SECRETS if (value := config.get(name))}
plain = [name for name in secrets if not is_config_secret(config.full_key(name))]
settings = parse_settings(pulumi.get_stack(), config.get_object("settings"), secrets, plain=plain)
for name, value in build(settings, config).items():
    pulumi.export(name, value)
