"""boto3 clients whose calls are answered in process: what is never sent needs no request.

botocore finds the endpoint, validates, serializes and names its user agent for every call before it asks
whether somebody answers in its place; that was a quarter of what a simulated release costs. Parameters are
still accepted or refused as by botocore; the request is made where nobody answers.
"""

from __future__ import annotations

from typing import Any

from bluegreen.lab.api.acceptance import accepts

_MAKE = "lab_request"


def shorten(events: Any) -> None:
    """Let the clients that a session makes from now on leave out their requests until `complete`."""
    events.register("creating-client-class", _add)


def complete(request: dict[str, Any], context: dict[str, Any]) -> None:
    """Make the request that was left out: nobody has answered the call."""
    make = context.pop(_MAKE, None)
    if make is not None:
        request.update(make())


def _short(model: Any) -> bool:
    """Not where botocore needs the request before it asks who answers: for a checksum or a signed URL."""
    signed = model.input_shape is not None and "PreSignedUrl" in model.input_shape.members
    return not (model.http_checksum or model.http_checksum_required or signed)


class _Unsent:
    """Overrides two steps of botocore's BaseClient, whose base it is given."""

    meta: Any

    def _resolve_endpoint_ruleset(
        self, operation_model: Any, params: Any, request_context: dict[str, Any], **rest: Any
    ) -> Any:
        if _short(operation_model):
            return self.meta.endpoint_url, {}, {}
        return super()._resolve_endpoint_ruleset(operation_model, params, request_context, **rest)  # type: ignore[misc]  # botocore's

    def _convert_to_request_dict(
        self, api_params: Any, operation_model: Any, endpoint_url: str, context: Any, **rest: Any
    ) -> Any:
        def make() -> Any:
            url, headers, properties = super(_Unsent, self)._resolve_endpoint_ruleset(  # type: ignore[misc]
                operation_model, api_params, context
            )
            if properties:
                context["endpoint_properties"] = properties
            return full(
                api_params=api_params,
                operation_model=operation_model,
                endpoint_url=url,
                context=context,
                headers=headers,
            )

        full = super()._convert_to_request_dict  # type: ignore[misc]  # botocore's
        if not _short(operation_model):
            return full(
                api_params=api_params,
                operation_model=operation_model,
                endpoint_url=endpoint_url,
                context=context,
                **rest,
            )
        if not accepts(operation_model, api_params):
            return make()
        context[_MAKE] = make
        # botocore looks into the body where RDS can copy from another region.
        return {"headers": {}, "body": {}, "context": context}


def _add(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _Unsent)
