"""Every error of a project at once, each with its place, a sentence and the next step."""

from __future__ import annotations

import json

import pytest

from eventwire.errors import ProjectError
from eventwire.project.read import check_project, read_project
from eventwire.project.sarif import sarif
from tests.project.projects import SHOP, write


def problems(folder, text):
    return check_project(write(folder, text))


def the_error(folder, text):
    """The one error, and that a run would stop at it."""
    errors = [problem for problem in problems(folder, text) if problem.severity == "error"]
    with pytest.raises(ProjectError) as raised:
        read_project(folder)
    assert [problem.message for problem in raised.value.problems] == [problem.message for problem in errors]
    assert len(errors) == 1, errors
    return errors[0]


def test_a_good_project_has_no_errors(tmp_path):
    assert [problem.rule for problem in problems(tmp_path, SHOP)] == []
    project = read_project(tmp_path)
    assert list(project.events["new-customer"].filters) == ["on-event", "big"]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message", "next_step"),
    [
        ("where = 'amount", "where = 'amonut", 26, 10, "The model has no property amonut.", "Did you mean amount?"),
        (
            '"lines"\naction',
            '"liens"\naction',
            20,
            19,
            'The action "keep" uses the service account "liens", which does not exist.',
            "Did you mean lines?",
        ),
        ('"append"', '"apend"', 21, 10, 'File has no action "apend".', "Did you mean append?"),
        ('"file"', '"flie"', 6, 11, 'There is no service called "flie".', "Did you mean file?"),
        ("description", "descripton", 10, 1, '"descripton" means nothing here.', "Did you mean description?"),
        ("folder = ", "flder = ", 7, 10, None, None),
        ("line = {", "lien = {", 23, 1, None, None),
        ("{name}", "{nmae}", 23, 31, "{nmae}: the model has no nmae.", "Did you mean name?"),
        ('"integer"', '"integr"', 13, None, None, None),
        ('[project]\nname = "shop"', '[project]\nname = "The Shop"', 3, 8, None, "For example: the-shop"),
        (
            "[events.new-customer.filters.big]",
            '[events.new-customer.filters."Big one"]',
            25,
            30,
            None,
            "For example: big-one",
        ),
        ("where = 'amount > 100'", "where = 5", 26, 9, '"where" has to be text.', "Make it text."),
        (
            "where = 'amount > 100'",
            "",
            25,
            None,
            '[events.new-customer.filters.big] has no "where".',
            "Give it: where = …",
        ),
        ("where = 'amount > 100'", "where = 'amount > \"much\"'", 26, None, None, None),
        ("where = 'amount > 100'", "where = 'name = \"unclosed'", 26, None, None, None),
        (
            'action = "append"',
            'action = "append"\ntimeout-seconds = 0',
            22,
            None,
            '"timeout-seconds" has to be more than 0 and at most 86400.',
            None,
        ),
        (
            'action = "append"',
            'action = "append"\nretry = { attempts = 1000 }',
            22,
            None,
            '"attempts" has to be from 1 to 100.',
            None,
        ),
        (
            'action = "append"',
            'action = "append"\nretry = { max-age-seconds = 0 }',
            22,
            None,
            '"max-age-seconds" has to be more than 0 and at most 31536000.',
            None,
        ),
        (
            'name = "shop"',
            'name = "shop"\nretention-days = 0',
            4,
            18,
            '"retention-days" has to be from 1 to 36500.',
            "Make it from 1 to 36500.",
        ),
        (
            'service = "file"',
            'service = "file"\nmax-concurrent = "3"',
            7,
            18,
            '"max-concurrent" has to be an integer.',
            None,
        ),
        ('service = "file"', 'service = "file"\nmax-per-second = nan', 7, 18, None, None),
        ('service = "file"', 'service = "file"\nmax-concurent = 3', 7, 1, None, "Did you mean max-concurrent?"),
    ],
)
def test_each_error_has_its_place_and_next_step(tmp_path, old, new, line, column, message, next_step):
    text = SHOP.replace(old, new, 1)
    assert text != SHOP
    if old in ("folder = ", "line = {"):
        errors = [problem for problem in problems(tmp_path, text) if problem.severity == "error"]
        assert {problem.rule for problem in errors} == {"unknown-field", "missing-field"}
        error = next(problem for problem in errors if problem.rule == "unknown-field")
    else:
        error = the_error(tmp_path, text)
    assert error.place.path == "eventwire.toml"
    assert error.place.line == line
    assert column is None or error.place.column == column
    assert message is None or error.message == message
    assert error.next_step
    assert next_step is None or error.next_step == next_step


def test_limits_of_retention_accounts_and_retries_are_read(tmp_path):
    project = read_project(write(tmp_path, SHOP))
    account, retry = project.accounts["lines"], project.actions()[0].retry
    assert (project.retention_days, account.max_concurrent, account.max_per_second) == (None, None, None)
    assert retry.max_age_seconds == 86400
    text = SHOP.replace('name = "shop"', 'name = "shop"\nretention-days = 30', 1)
    text = text.replace('service = "file"', 'service = "file"\nmax-concurrent = 4\nmax-per-second = 0.5')
    text = text.replace('action = "append"', 'action = "append"\nretry = { attempts = 9, max-age-seconds = 60 }')
    project = read_project(write(tmp_path, text))
    account, retry = project.accounts["lines"], project.actions()[0].retry
    assert (project.retention_days, account.max_concurrent, account.max_per_second) == (30, 4, 0.5)
    assert (retry.attempts, retry.max_age_seconds) == (9, 60)


def test_the_caret_stands_under_the_part_that_is_meant(tmp_path):
    error = the_error(tmp_path, SHOP.replace("amount > 100", 'address.country = "BR" AND adress.city = "x"'))
    line, caret = error.excerpt.split("\n")
    assert line[caret.index("^") : caret.rindex("^") + 1].startswith("adress")


def test_all_errors_come_at_once_in_the_order_of_the_file(tmp_path):
    text = SHOP.replace('"integer"', '"integr"').replace("descripton", "x").replace('"append"', '"apend"')
    found = problems(tmp_path, text.replace("description", "descripton"))
    assert [problem.rule for problem in found if problem.severity == "error"] == [
        "unknown-key",
        "unknown-type",
        "unknown-action",
    ]
    assert [problem.place.line for problem in found] == sorted(problem.place.line for problem in found)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('[project\nname = "x"', 1, "header is not closed"),
        ('[project]\nname = "x', 2, "closing quote is missing"),
        ('[project]\nname = "x"\nname = "y"', 3, "a second time"),
        ("[project]\nname = x", 2, "no valid value"),
    ],
)
def test_broken_toml_is_told_with_its_line(tmp_path, text, line, sentence):
    error = the_error(tmp_path, text)
    assert error.place.line == line
    assert sentence in error.message
    assert error.next_step


def test_a_file_that_is_not_utf8_says_where(tmp_path):
    (tmp_path / "eventwire.toml").write_bytes(b'[project]\nname = "caf\xe9"')
    with pytest.raises(ProjectError, match="not UTF-8") as raised:
        read_project(tmp_path)
    assert (raised.value.place.line, raised.value.place.column) == (2, 12)


def test_a_secret_in_the_file_is_an_error_that_does_not_show_it(tmp_path):
    text = (
        SHOP
        + '\n[service-accounts.db]\nservice = "postgresql"\ntest = { database = "d", user = "u", password = "hunter2" }\n'
    )
    error = the_error(tmp_path, text)
    assert error.rule == "secret-in-project"
    assert "hunter2" not in str(error)
    assert "add:service-account" in error.next_step


def test_a_sample_that_contradicts_the_model_names_every_violation(tmp_path):
    write(tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "new-customer.json").write_text(
        '{"id": "7", "plan": "gold", "address": {"city": "Recife"}}'
    )
    (problem,) = check_project(tmp_path)
    for part in ("id: must be an integer", "name: is missing", "plan:", "address.country: is missing"):
        assert part in problem.message


def test_a_schema_file_is_a_model(tmp_path):
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "amount": {"type": "number"}},
    }
    (tmp_path / "customer.json").write_text(json.dumps(schema))
    start, end = SHOP.index("[events.new-customer.model]"), SHOP.index("[events.new-customer.filters.on")
    text = SHOP[:start].replace('signed up"', 'signed up"\nschema = "customer.json"') + SHOP[end:]
    assert {problem.rule for problem in problems(tmp_path, text)} == {"no-default"}
    (tmp_path / "customer.json").write_text("{")
    assert "It is not JSON" in check_project(tmp_path)[0].message


def test_what_is_doubtful_is_a_warning_and_stops_nothing(tmp_path):
    text = SHOP.replace('{ id = "{id}", name = "{name}" }', '{ amount = "{amount}" }')
    text += '\n[service-accounts.unused]\nservice = "file"\ntest = { folder = "x" }\n'
    found = problems(tmp_path, text)
    assert {problem.rule for problem in found} == {"no-default", "unused-account"}
    assert {problem.severity for problem in found} == {"warning"}
    read_project(tmp_path)


def test_sarif_names_rule_file_line_and_column(tmp_path):
    log = sarif(problems(tmp_path, SHOP.replace("amount >", "amonut >")))
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "unknown-property"
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 26, "startColumn": 10}
    assert {"id": "unknown-property"} in log["runs"][0]["tool"]["driver"]["rules"]


def test_ten_thousand_filters_are_read(tmp_path):
    filters = "".join(f"\n[events.new-customer.filters.f{n}]\nwhere = 'amount > {n}'\n" for n in range(10_000))
    write(tmp_path, SHOP + filters)
    assert len(read_project(tmp_path).events["new-customer"].filters) == 10_002


@pytest.mark.parametrize(
    "line",
    [
        'test = { database = "d", user = "u", pasword = "hunter2" }',
        'test = { database = "d", user = "u", api-key = "hunter2" }',
        'test = { database = "d", user = "u", host = "postgresql://u:hunter2@db.example" }',
        'password = "hunter2"',
    ],
    ids=["misspelt", "by its name", "in an address", "beside the sets"],
)
def test_a_secret_is_known_by_its_name_or_its_form(tmp_path, line):
    found = problems(tmp_path, SHOP + f'\n[service-accounts.db]\nservice = "postgresql"\n{line}\n')
    assert "secret-in-project" in {problem.rule for problem in found}
    assert "hunter2" not in str(found)


def test_a_key_of_a_service_in_an_action_is_a_secret(tmp_path):
    error = the_error(tmp_path, SHOP.replace('"customers.ndjson"', '"sk_live_4eC39HqLyjWDarjtT1zdp7dc"'))
    assert error.rule == "secret-in-project"
    assert "sk_live_4" not in str(error)


@pytest.mark.parametrize(
    ("value", "next_step"),
    [
        ("2026-01-02", 'Put it in quotes: "2026-01-02"'),
        ("2026-01-02T03:04:05Z", 'Put it in quotes: "2026-01-02T03:04:05+00:00"'),
        ("inf", "Give a number, or leave it out."),
        ("[1, { b = nan }]", "Give a number, or leave it out."),
    ],
)
def test_what_json_cannot_hold_is_an_error_where_it_stands(tmp_path, value, next_step):
    error = the_error(tmp_path, SHOP.replace('id = "{id}"', f"id = {value}"))
    assert error.rule == "wrong-type"
    assert error.next_step == next_step
    assert error.place.line == 23


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('service = "file"', 'service = ""', '"service" is empty.'),
        ('service-account = "lines"', 'service-account = ""', '"service-account" is empty.'),
        ("where = 'amount > 100'", "where = ''", '"where" is empty.'),
        ('file = "customers.ndjson"', 'file = ""', '"file" is empty: file.'),
    ],
)
def test_what_has_to_be_there_cannot_be_empty(tmp_path, old, new, message):
    assert message in {problem.message for problem in problems(tmp_path, SHOP.replace(old, new, 1))}


def test_an_account_without_settings_waits_for_them(tmp_path):
    (problem,) = problems(tmp_path, SHOP.replace('test = { folder = "out" }   # where lines go', ""))
    assert (problem.rule, problem.severity) == ("no-settings", "warning")
    assert problem.message == (
        'The service account "lines" waits for its credentials: it has settings neither for test nor for live.'
    )
    assert problem.next_step == (
        "Give them with: eventwire add:service-account lines --service file --test folder=FOLDER"
    )


def test_a_buttons_address_and_data_are_checked_for_what_they_become(tmp_path):
    button = '\n[events.new-customer.buttons.ban]\ntext = "Ban"\nurl = "{}"\nmeta = {{ {} }}\n'
    good = button.format("https://shop.example/{id}", 'customer = "{address}"')
    assert problems(tmp_path, SHOP + good) == []
    assert the_error(tmp_path, SHOP + button.format("{name}://x", "")).rule == "wildcard-in-scheme"
    assert the_error(tmp_path, SHOP + button.format("https://x", "at = 2026-01-01")).rule == "wrong-type"


def test_a_sample_that_cannot_be_read_has_a_place_and_a_next_step(tmp_path):
    write(tmp_path)
    (tmp_path / "samples" / "new-customer.json").mkdir(parents=True)
    (problem,) = check_project(tmp_path)
    assert str(problem.place) == "samples/new-customer.json"
    assert problem.next_step


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_says_how_to_begin(tmp_path, text):
    error = the_error(tmp_path, text)
    assert error.message == "[project] is missing."
    assert error.next_step.startswith("Begin the file with")


HOOK = """
[service-accounts.hook]
service = "http"
test = { SETTINGS }

[events.new-customer.filters.on-event.actions.call]
service-account = "hook"
action = "request"
url = "https://shop.example/"
"""


@pytest.mark.parametrize(
    ("settings", "line", "message"),
    [
        ("", 'headers = { Content-Length = "5" }', '"headers" cannot name Content-Length'),
        ("", 'headers = { transfer-ENCODING = "{name}" }', '"headers" cannot name transfer-ENCODING'),
        ("", 'idempotency-header = "Connection"', '"idempotency-header" cannot name Connection'),
        ('authentication = "header", header-name = "TE"', "", '"header-name" cannot name TE'),
    ],
)
def test_headers_that_frame_a_request_are_refused(tmp_path, settings, line, message):
    error = the_error(tmp_path, SHOP + HOOK.replace("SETTINGS", settings) + line)
    assert error.rule == "refused-word"
    assert error.message == f"{message}, which is set as the request is sent."
    assert error.next_step == "Remove it."


def test_a_host_header_is_allowed(tmp_path):
    assert problems(tmp_path, SHOP + HOOK.replace("SETTINGS", "") + 'headers = { Host = "shop.example" }') == []


def test_a_setting_beside_a_switch_that_is_off_means_nothing(tmp_path):
    account = '[service-accounts.cache]\nservice = "redis"\ntest = { ca-file = "ca.pem" }\n\n'
    error = the_error(tmp_path, SHOP.replace("[events.new-customer]\n", f"{account}[events.new-customer]\n"))
    assert (error.rule, error.message) == (
        "field-without-meaning",
        '"ca-file" means something only where tls is true.',
    )
    assert error.next_step == 'Remove it, or change "tls".'


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("javascript:alert(1)", "bad-url"),
        ("mailto:a@b.example", "bad-url"),
        ("{{x", "bad-url"),
        ("{name}", "bad-url"),
        ("{name}://shop.example", "wildcard-in-scheme"),
        ("https://{name}/x", "wildcard-as-host"),
        ("//shop.example", "bad-url"),
    ],
)
def test_a_buttons_address_is_one_that_can_be_called(tmp_path, url, rule):
    error = the_error(tmp_path, SHOP + f'\n[events.new-customer.buttons.ban]\ntext = "Ban"\nurl = "{url}"\n')
    assert error.rule == rule
    assert error.next_step
