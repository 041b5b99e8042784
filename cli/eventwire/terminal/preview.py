"""What an action would send for the event's sample, shown before it is written."""

from __future__ import annotations

from typing import Any

from eventwire.engine.plan import plan_operation
from eventwire.errors import ServiceError
from eventwire.project.model import Project
from eventwire.project.samples import read_sample
from eventwire.services.catalog import find_service
from eventwire.terminal.conditions import SAMPLE_ENVELOPE
from eventwire.terminal.operations import NewAction
from eventwire.terminal.requests import draw_request
from eventwire.terminal.session import Session


def preview(session: Session, project: Project, action: NewAction) -> None:
    """Show the request for the sample, or why it cannot be made."""
    sample = read_sample(project.folder, action.event)
    if sample is None:
        session.say("There is no sample to preview with; samples/ holds one for each event.")
        return
    session.say(session.style("For the sample, this is sent:", "heading", stream="stderr"))
    try:
        session.say(draw_request(request_of(project, action, sample)))
    except ServiceError as error:
        session.say(str(error))


def request_of(project: Project, action: NewAction, sample: dict[str, Any]) -> Any:
    """The request that an action makes of a sample. Raises Rejected."""
    if action.new_account:
        service = action.new_account.service
        settings: Any = action.new_account.sets["test"].settings
    else:
        account = project.accounts[action.account]
        service, settings = find_service(account.service), account.settings("test") or {}
    plan = plan_operation(service, action.operation, action.fields, settings)
    values = plan.fields.render(sample, {**SAMPLE_ENVELOPE, "name": action.event})
    return plan.request(values, "test", "ew_sample")
