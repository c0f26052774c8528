"""The lists of models of upstreams of every dialect, as the official SDKs of all three read them.

There is a token for each dialect that an upstream speaks. Each check that held is a line.
"""

import os

import anthropic
import openai
from google import genai
from google.genai import errors

URL = os.environ["GATEWAY_URL"]
HOST = URL.removesuffix("/v1")


def check(name, held):
    if not held:
        raise SystemExit(f"does not hold: {name}")
    print(name)


def google(token, version):
    options = {"base_url": HOST, "api_version": version} if version else {"base_url": HOST}
    return genai.Client(api_key=token, http_options=options)


for spoken in ["openai", "anthropic", "gemini"]:
    token = f"{os.environ['GATEWAY_TOKEN']}-{spoken}"

    client = openai.OpenAI(api_key=token, base_url=URL)
    [model] = client.models.list()
    held = (model.id, model.object, type(model.created), type(model.owned_by)) == ("v/m", "model", int, str)
    check(f"{spoken} openai list", held)
    check(f"{spoken} openai one", client.models.retrieve("v/m").id == "v/m")

    client = anthropic.Anthropic(api_key=token, base_url=HOST)
    [model] = client.models.list()
    held = (model.id, model.type, model.display_name == "", model.max_input_tokens) == ("v/m", "model", False, 1000)
    check(f"{spoken} anthropic list", held and model.created_at.year in (1970, 2025))
    check(f"{spoken} anthropic one", client.models.retrieve("v/m").id == "v/m")
    try:
        client.models.retrieve("other")
        check(f"{spoken} anthropic missing", False)
    except anthropic.NotFoundError as error:
        check(f"{spoken} anthropic missing", error.type == "not_found_error")

    # Without a version it is the one that the SDK asks for by itself.
    for version in [None, "v1", "v1beta", "v1alpha"]:
        client = google(token, version)
        [model] = client.models.list()
        held = (model.name, model.input_token_limit) == ("models/v/m", 1000)
        check(f"{spoken} google {version} list", held)
        check(f"{spoken} google {version} one", client.models.get(model="v/m").name == "models/v/m")
    [model] = client.models.list(config={"page_size": 5})
    check(f"{spoken} google page", model.name == "models/v/m")

try:
    anthropic.Anthropic(api_key="nobody", base_url=HOST).models.list()
    check("anthropic nobody", False)
except anthropic.AuthenticationError as error:
    check("anthropic nobody", error.type == "authentication_error")
client = google("nobody", None)
try:
    list(client.models.list())
    check("google nobody", False)
except errors.ClientError as error:
    check("google nobody", (error.code, error.status) == (401, "UNAUTHENTICATED"))
