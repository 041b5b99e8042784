"""What every service of the catalogue keeps to."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from eventwire.errors import Rejected, ServiceError, Unavailable
from eventwire.fields import Context, Field, FieldType
from eventwire.language.models import Model
from eventwire.language.payloads import encode_json
from eventwire.language.wildcards import parse_template
from eventwire.project.field_values import check_fields
from eventwire.project.report import Report
from eventwire.project.schema import project_schema
from eventwire.project.toml import Document
from eventwire.services import catalog
from eventwire.services.catalog import BUILT_IN, UnknownService, find_service, service_names
from eventwire.services.declare import Repetition, Target
from tests.services.batches import place_of, send_together
from tests.services.lines import line_to

SERVICES = [find_service(name) for name in BUILT_IN]
TOGETHER = [service for service in SERVICES if service.run_many]
OVER_A_NETWORK = [service for service in TOGETHER if service.modules]
OPERATIONS = [(service, operation) for service in SERVICES for operation in service.operations]
RESERVED = {"service-account", "action", "retry", "timeout-seconds", "on-success", "on-failure"}
PAYLOAD = {
    "id": 7,
    "name": "Ana",
    "email": "ana@example.com",
    "amount": 5,
    "address": {"city": "Recife"},
    "signed-up": "2026-01-02",
}
ENVELOPE = {"id": "r", "name": "e", "time": "2026-01-02T03:04:05Z", "source": "cli", "environment": "test"}


def ids(pairs):
    return [f"{service.name} {operation.name}" for service, operation in pairs]


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_a_service_says_what_it_is(service):
    assert service.label and service.summary.endswith(".") and service.documentation.startswith("https://")
    assert service.operations
    assert len({each.name for each in service.fields}) == len(service.fields)
    assert bool(service.extra) == bool(service.modules)
    assert not any(each.secret and each.default for each in service.fields)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=ids(OPERATIONS))
def test_an_operation_says_what_it_does(service, operation):
    assert operation.summary.endswith(".")
    assert not {each.name for each in operation.fields} & RESERVED
    assert not any(each.secret for each in operation.fields)
    for group in operation.exclusive:
        assert set(group) <= {each.name for each in operation.fields}


@pytest.mark.parametrize(
    "field",
    [each for service in SERVICES for each in service.fields] + [each for _, o in OPERATIONS for each in o.fields],
    ids=lambda each: each.name,
)
def test_a_field_is_whole(field: Field):
    assert field.label and not field.label.endswith(".")
    assert not field.choices or field.default in (*field.choices, None)
    assert (
        field.default is not None
        or field.example is not None
        or field.choices
        or field.secret
        or field.type is FieldType.BOOLEAN
    )
    if field.type is FieldType.INTEGER and field.default is not None:
        assert isinstance(field.default, int)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=ids(OPERATIONS))
def test_the_example_is_right_renders_and_makes_a_request(service, operation, tmp_path):
    (tmp_path / "x.toml").write_text("")
    report = Report(Document.read(tmp_path / "x.toml"))
    open_model = Model({}, {"type": "object"}, open=True)
    check_fields(report, operation.fields, operation.example, (), operation.name, open_model, operation.exclusive)
    assert [problem.message for problem in report.problems() if problem.severity == "error"] == []
    declared = {each.name: each for each in operation.fields}
    defaults = {each.name: each.default for each in operation.fields if each.default is not None}
    rendered = {
        name: parse_template(value, declared[name].context, declared[name].type).render(PAYLOAD, ENVELOPE)
        for name, value in operation.example.items()
    }
    settings = {each.name: each.default for each in service.fields if each.default is not None} | {
        "from": "a@b.example"
    }
    request = operation.build(defaults | rendered, Target(settings, "test", "ew_key"))
    assert json.loads(encode_json(request))
    assert operation.repetition_of(defaults | rendered) in Repetition


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=ids(OPERATIONS))
def test_updates_and_deletes_need_a_condition(service, operation):
    if operation.name in ("update", "delete"):
        assert next(each for each in operation.fields if each.name == "where").required
        with pytest.raises(Rejected):
            operation.build({"table": "t", "values": {"a": 1}, "where": {}}, Target({}, "test", "k"))


def test_declarations_are_read_without_any_client_library():
    clients = sorted({module for service in SERVICES for module in service.modules} | {"asyncio"})
    code = (
        "import sys\n"
        "from eventwire.services.catalog import BUILT_IN, find_service\n"
        "for name in BUILT_IN: find_service(name)\n"
        f"print([name for name in {clients!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    allowed = "['asyncio']"  # the file service waits for its disk in a thread
    assert done.stdout.strip() in ("[]", allowed)


def test_an_unknown_service_is_recognised():
    with pytest.raises(UnknownService, match="no service called") as raised:
        find_service("postgres")
    assert raised.value.next_step == "Did you mean postgresql?"


def test_a_service_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "probe_service.py").write_text("from tests.engine.probe import SERVICE\n")
    info = tmp_path / "probe_service-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: probe-service\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[eventwire.services]\nprobe = probe_service:SERVICE\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalog.outside_services.cache_clear()
    catalog.find_service.cache_clear()
    try:
        assert find_service("probe").label == "Probe"
        assert "probe" in service_names()
        assert "probe" in json.dumps(project_schema())
    finally:
        catalog.outside_services.cache_clear()
        catalog.find_service.cache_clear()


def test_every_context_is_used_by_a_field():
    used = {each.context for _, operation in OPERATIONS for each in operation.fields}
    assert used == set(Context)


MIXES = {
    "one": ["good"],
    "all good": ["good"] * 40,
    "one bad neighbour": [*["good"] * 20, "bad", *["good"] * 20],
    "one that cannot be sent": [*["good"] * 5, "unfit", *["good"] * 5],
    "all bad": ["bad"] * 30,
    "none can be sent": ["unfit"] * 3,
    "everything at once": ["other", "good", "bad", "good", "unfit", "other", *["good", "bad"] * 10],
}


def described(outcome):
    """An outcome as it can be compared: a response, or what an error says."""
    if not isinstance(outcome, ServiceError):
        return outcome
    return type(outcome).__name__, outcome.as_dict(), outcome.response, getattr(outcome, "sent", None)


async def send_each(service, connection, pairs):
    """The outcomes of requests sent one after the other."""
    found = []
    for operation, request in pairs:
        try:
            found.append(await operation.send(connection, request))
        except ServiceError as error:
            found.append(error)
    return found


def outcomes_at(place, service, mix, send):
    """What a mix of requests gives, sent in one of the two ways."""

    async def run():
        connection = await service.connect(place.credentials())
        try:
            return await send(service, connection, [place.pair(kind, n) for n, kind in enumerate(mix, start=1)])
        finally:
            await connection.close()

    return [described(each) for each in asyncio.run(run())]


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
@pytest.mark.parametrize("service", TOGETHER, ids=lambda each: each.name)
def test_requests_sent_together_have_the_outcomes_they_have_alone(service, mix, tmp_path):
    with place_of(service.name, tmp_path / "alone") as place:
        alone = outcomes_at(place, service, mix, send_each)
        effects = place.effects()
    with place_of(service.name, tmp_path / "together") as place:
        together = outcomes_at(place, service, mix, send_together)
        assert place.effects() == effects == mix.count("good")
    assert together == alone


@pytest.mark.parametrize("service", OVER_A_NETWORK, ids=lambda each: each.name)
def test_a_connection_lost_under_way_leaves_the_outcome_of_each_open(service, tmp_path):
    async def run(place):
        server = place.credentials().settings
        async with line_to(server["host"], server["port"]) as line:
            connection = await service.connect(place.credentials(line.port))
            await send_together(service, connection, [place.pair("good", n) for n in range(1, 4)])
            await place.stall(line)
            sending = asyncio.create_task(
                send_together(service, connection, [place.pair("good", 4), place.pair("good", 5)])
            )
            async with asyncio.timeout(30):
                await place.stalled(line)
            line.close()
            try:
                return await sending
            finally:
                await connection.close()

    with place_of(service.name, tmp_path / "place") as place:
        outcomes = asyncio.run(run(place))
    assert [type(each) for each in outcomes] == [Unavailable] * 2
    assert [each.sent for each in outcomes] == [True] * 2
    assert outcomes[0] is not outcomes[1]


@pytest.mark.parametrize("service", OVER_A_NETWORK, ids=lambda each: each.name)
def test_what_could_not_be_sent_together_was_not_sent(service, tmp_path):
    async def run(place):
        server = place.credentials().settings
        async with line_to(server["host"], server["port"]) as line:
            connection = await service.connect(place.credentials(line.port))
            await send_together(service, connection, [place.pair("good", n) for n in range(1, 4)])
            line.close()
            await asyncio.sleep(0.1)  # for the client to see it; where it has not, it cannot know whether it sends
            try:
                return await send_together(service, connection, [place.pair("good", n) for n in range(4, 24)])
            finally:
                await connection.close()

    with place_of(service.name, tmp_path / "place") as place:
        outcomes = asyncio.run(run(place))
        assert place.effects() == 3
    assert [type(each) for each in outcomes] == [Unavailable] * 20
    assert [each.sent for each in outcomes] == [False] * 20
