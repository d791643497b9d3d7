"""`pulumi up`: read the settings, build the stack, export its outputs."""

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from infra.settings import SECRETS, SettingsError, parse_settings
from infra.stack import build

config = pulumi.Config("sportcoach")
given = [key for key in {**get_config_env(), **CONFIG.get()} if key.startswith(f"{config.name}:")]
secrets = {name: value for name in SECRETS if (value := config.get(name))}
plain = [name for name in secrets if not is_config_secret(config.full_key(name))]
try:
    settings = parse_settings(
        pulumi.get_stack(), config.get_object("settings"), secrets, plain=plain, given=given
    )
    outputs = build(settings, config)
except SettingsError as error:
    # The engine prints a RunError as it is, and everything else with a traceback.
    raise pulumi.RunError(str(error)) from error
for name, value in outputs.items():
    pulumi.export(name, value)
