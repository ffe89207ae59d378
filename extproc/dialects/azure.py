"""The Azure OpenAI dialect: OpenAI's bodies at Azure's paths, with Azure's credentials.

    POST {base_path}/openai/deployments/{upstream_model}/chat/completions?api-version={api_version}

``upstream_model`` is the name of the deployment in the Azure resource, which need not be the model's. Options:
``api_version``; ``auth``, which is ``api-key`` (the vault's field is a key of the resource) or ``entra`` (the field is
an access token for https://cognitiveservices.azure.com/.default); ``limit_field`` (``output_limit``). What Azure adds
to answers and chunks passes on as it is: ``content_filter_results``, and ``prompt_filter_results`` in a first chunk
without choices.

Source: Azure OpenAI in Foundry Models REST API reference, data plane inference, and the ``AzureOpenAI`` client of the
openai SDK 3.54, read 2026-11. Read next: ``openai``.
"""

from urllib.parse import quote

from extproc.dialects.dialect import Outgoing
from extproc.dialects.openai import JSON_HEADERS, PATHS, OpenAi, write_body
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.plan import CredentialHeader
from extproc.model.secret import Secret

# What RFC 3986 allows in a path segment beside letters and digits, as the SDK quotes it: a slash never.
_SEGMENT = "!$&'()*+,;=:@"


class Azure(OpenAi):
    """Azure OpenAI: only where a request goes and how it proves itself differ."""

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """The same request at the deployment's path, with the version that the options name."""
        del now_s
        name = quote(deployment.upstream_model, safe=_SEGMENT)
        version = quote(deployment.options["api_version"], safe="")
        path = f"{deployment.base_path}/openai/deployments/{name}{PATHS[request.operation]}?api-version={version}"
        is_entra = deployment.options["auth"] == "entra"
        headers = tuple(_bearer(each) if is_entra else CredentialHeader("api-key", each) for each in credentials)
        return Outgoing(path, JSON_HEADERS, headers, write_body(request, deployment))


def _bearer(token: Secret) -> CredentialHeader:
    return CredentialHeader("authorization", Secret(f"Bearer {token.reveal()}"))
