"""Slack: messages through an incoming webhook or a bot."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from eventwire.errors import Refused, Rejected, ServiceError, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.payloads import encode_json_bytes
from eventwire.services.declare import Credentials, Operation, Request, Service, Target, Values
from eventwire.services.web import Web, call, open_client, secrets_of

API = "https://slack.com/api"
# https://docs.slack.dev/reference/methods/chat.postMessage, errors
CREDENTIALS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope")
PASSING = ("ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error", "request_timeout")
NEXT_STEPS = {
    "channel_not_found": "Check the channel's name or id, and invite the bot to it.",
    "not_in_channel": "Invite the bot to the channel: /invite @bot",
    "missing_scope": "Give the bot the scope chat:write.",
}


class SlackWeb(Web, frozen=True):
    """The client, and where messages go."""

    webhook: str | None = None
    api: str = API


async def connect(credentials: Credentials) -> SlackWeb:
    """A client for the account's webhook, or with its bot's token; nothing is sent yet."""
    token = credentials.get("token")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    webhook = None if token else credentials.get("webhook-url")
    api = str(credentials.settings["api-base"]).rstrip("/")
    return SlackWeb(open_client(), "Slack", headers, secrets=secrets_of(credentials), webhook=webhook, api=api)


async def verify(web: SlackWeb) -> str:
    """Asks who the bot is; a webhook can only be tried by posting, which is not done."""
    if web.webhook:
        return "an incoming webhook; nothing was posted"
    answer = await call(web, "POST", f"{web.api}/auth.test")
    body = judged(answer)["body"]
    return f"Slack, {body.get('user', 'a bot')} in {body.get('team', 'a workspace')}"


def check_credentials(credentials: Credentials) -> str | None:
    """What can be seen without connecting: that there is one, and that a webhook's URL is one."""
    webhook, token = credentials.get("webhook-url"), credentials.get("token")
    kind = credentials.settings.get("kind")
    if kind == "bot" and token and not str(token).startswith("xox"):
        return "a bot's token begins with xoxb-."
    if kind == "webhook" and webhook and urlsplit(str(webhook)).scheme not in ("https", "http"):
        return "the webhook's URL is no https address."
    return None


def build(values: Values, target: Target) -> Request:
    """The message; Slack wants a channel of a bot, and a webhook has its own."""
    names = ("channel", "text", "blocks", "thread-ts", "username", "icon-emoji", "unfurl-links")
    message = {name.replace("-", "_"): values[name] for name in names if values.get(name) is not None}
    if not (message.get("text") or message.get("blocks")):
        raise Rejected("The message has neither text nor blocks.", next_step="Give it a text.")
    if target.settings.get("kind") == "bot" and not message.get("channel"):
        raise Rejected("A bot needs a channel to post to.", next_step='Give the action one: channel = "#sales"')
    return {"message": message}


async def send(web: SlackWeb, request: Request) -> Any:
    """Post the message. Raises Unavailable, Rejected."""
    headers = {"content-type": "application/json; charset=utf-8"}
    content = encode_json_bytes(request["message"])
    if web.webhook:
        try:
            return await call(web, "POST", web.webhook, headers=headers, content=content)
        except ServiceError as error:
            raise without_address(error, web.webhook) from None
    return judged(await call(web, "POST", f"{web.api}/chat.postMessage", headers=headers, content=content))


def without_address(error: ServiceError, webhook: str) -> ServiceError:
    """An error without the webhook's address, which is a secret."""
    error.message = error.message.replace(webhook, "the webhook")
    error.args = (error.message,)
    return error


def judged(answer: dict[str, Any]) -> dict[str, Any]:
    """Slack answers 200 to everything, and says in the body what came of it."""
    body = answer["body"]
    if isinstance(body, dict) and body.get("ok"):
        return answer
    word = str(body.get("error", "unknown_error")) if isinstance(body, dict) else "no JSON"
    words, step = f"Slack said {word}.", NEXT_STEPS.get(word)
    if word in CREDENTIALS:
        raise Refused(words, response=answer, next_step=step or "Give the account another token.")
    if word in PASSING:
        raise Unavailable(words, response=answer)
    raise Rejected(words, response=answer, next_step=step)


SERVICE = Service(
    name="slack",
    label="Slack",
    summary="Posts messages to Slack.",
    documentation="https://docs.slack.dev/messaging/",
    extra="slack",
    modules=("httpx", "pyreqwest.compatibility.httpx"),
    fields=(
        Field(
            "kind",
            "Kind",
            choices=("webhook", "bot"),
            default="webhook",
            help="An incoming webhook posts to its own channel; a bot to any it is in.",
        ),
        Field("webhook-url", "Incoming webhook's URL", secret=True, required=True, when=("kind", ("webhook",))),
        Field("token", "Bot's token", secret=True, required=True, when=("kind", ("bot",))),
        Field("api-base", "Address of the API", default=API),
    ),
    connect=connect,
    verify=verify,
    check_credentials=check_credentials,
    operations=(
        Operation(
            name="post-message",
            summary="Posts a message.",
            fields=(
                Field(
                    "text",
                    "Text",
                    context=Context.MRKDWN,
                    example="{name} signed up",
                    help="Slack's own markup works; values of the payload stay plain text.",
                ),
                Field("channel", "Channel", context=Context.TEXT, example="#sales", help="A bot needs one."),
                Field(
                    "blocks",
                    "Blocks",
                    type=FieldType.ANY,
                    context=Context.MRKDWN,
                    example=[{"type": "section", "text": {"type": "mrkdwn", "text": "*{name}* signed up"}}],
                    help="Block Kit, as Slack's own builder gives it.",
                ),
                Field("thread-ts", "Thread to answer in", context=Context.TEXT, example="1735689600.000100"),
                Field("username", "Name to post as", context=Context.TEXT, example="eventwire"),
                Field("icon-emoji", "Emoji to post as", example=":robot_face:"),
                Field("unfurl-links", "Show previews of links", type=FieldType.BOOLEAN, context=Context.VALUE),
            ),
            build=build,
            send=send,
            example={"text": "{name} signed up"},
        ),
    ),
)
