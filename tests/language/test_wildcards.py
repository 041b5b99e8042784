"""Wildcards: `{property}` in an action's fields. No payload can change the shape of what is sent."""

from __future__ import annotations

from decimal import Decimal
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventwire.errors import Rejected
from eventwire.fields import Context, Field, FieldType
from eventwire.language.findings import LanguageError
from eventwire.language.models import read_model
from eventwire.language.wildcards import (
    SLOW_RENDERS,
    Fields,
    MissingValue,
    Statement,
    TemplateError,
    UnsafeValue,
    check_template,
    parse_template,
    wildcards_for,
)

PAYLOAD = {
    "id": 1,
    "name": "Ana",
    "amount": 99.5,
    "price": Decimal("1.10"),
    "active": True,
    "nothing": None,
    "address": {"city": "São Paulo", "country": "BR"},
    "tags": ["new", "vip"],
    "signed-up": "2026-11-23T15:00:00Z",
    "odd name": "x",
}
EVENT = {
    "id": "run-1",
    "name": "new-customer",
    "time": "2026-11-23T15:00:00Z",
    "source": "cli",
    "environment": "test",
}


def render(value, context=Context.TEXT, field_type=None, payload=PAYLOAD):
    """What a template gives: rendered often enough to be compiled, and the same every time."""
    template = parse_template(value, context, field_type)
    results = {repr(template.render(payload, EVENT)) for _ in range(SLOW_RENDERS + 2)}
    assert len(results) == 1
    return template.render(payload, EVENT)


def refusal(value, context=Context.TEXT, field_type=None, payload=PAYLOAD):
    """The error of a template, which is the same before and after it is compiled."""
    template = parse_template(value, context, field_type)
    errors = []
    for _ in range(SLOW_RENDERS + 2):
        with pytest.raises(TemplateError) as refused:
            template.render(payload, EVENT)
        errors.append(refused.value)
    assert len({(type(error), error.message) for error in errors}) == 1
    return errors[0]


# What comes of a template


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("plain", "plain"),
        ("Hi {name}!", "Hi Ana!"),
        ("{id}", 1),
        ("{ id }", 1),
        ("{tags}", ["new", "vip"]),
        ("{nothing}", None),
        ("{id} ", "1 "),
        ("{address.city}, {tags[1]}", "São Paulo, vip"),
        ("{active} {nothing} {amount} {price}", "true null 99.5 1.10"),
        ("{{id}}", "{id}"),
        ("{{{id}}}", "{1}"),
        ("{signed-up}", "2026-11-23T15:00:00Z"),
        ("{`odd name`}", "x"),
        ("{event.id} {event.environment}", "run-1 test"),
        ({"a": "{id}", "b": ["{name}", 3, True], "c{{": "x"}, {"a": 1, "b": ["Ana", 3, True], "c{": "x"}),
        (5, 5),
        ([], []),
    ],
)
def test_what_comes_of_a_template(value, rendered):
    found = render(value)
    assert (type(found), found) == (type(rendered), rendered)


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("{missing | default: 0}", 0),
        ("{missing | default: 'none'}", "none"),
        ('{missing | default: "a\\"}b"}', 'a"}b'),
        ("{nothing | default: 1.50}", Decimal("1.50")),
        ("{nothing | default: false}", False),
        ("{name | default: 0}", "Ana"),
        ("{address | json}", '{"city":"São Paulo","country":"BR"}'),
        ("{name | upper}{name|lower}", "ANAana"),
        ("{missing | default: ' a ' | trim | upper}", "A"),
        ('{signed-up | date: "%d.%m.%Y"}', "23.11.2026"),
        ("{amount | round: 0}", 100),
        ("{amount | round: 2} {price | round: 1}", "99.50 1.1"),
        ("{id | round: 2}", Decimal("1.00")),
    ],
)
def test_pipes_shape_values(value, rendered):
    found = render(value)
    assert (type(found), found) == (type(rendered), rendered)


def test_a_field_that_is_text_makes_text_of_a_value():
    assert render("{id}", Context.TEXT, FieldType.STRING) == "1"
    assert render("{price}", Context.VALUE, FieldType.STRING) == "1.10"
    assert render({"a": "{id}"}, Context.VALUE, FieldType.TABLE) == {"a": 1}


def test_a_field_of_numbers_refuses_text():
    assert render("{id}", Context.VALUE, FieldType.INTEGER) == 1
    assert refusal("{name}", Context.VALUE, FieldType.INTEGER).message == (
        '{name}: name is the text "Ana", but the field takes an integer. Nothing was sent.'
    )
    assert refusal("{amount}", Context.VALUE, FieldType.INTEGER)


def test_in_a_literal_field_braces_are_ordinary():
    assert render('{"a": {name}}', Context.LITERAL) == '{"a": {name}}'


def test_further_roots_lead_to_other_values():
    template = parse_template("{response.id} for {name}", Context.TEXT, roots=("event", "response"))
    assert template.render(PAYLOAD, EVENT, {"response": {"id": "ch_1"}}) == "ch_1 for Ana"


def test_a_property_called_event_is_told_from_the_envelope():
    assert render("{`event`.id} {event.id}", payload={"event": {"id": "own"}}) == "own run-1"
    assert render("{event}", payload={"event": "own"}) == "own"


# What goes wrong when it is rendered


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("{missing}", MissingValue, "{missing}: missing is missing. Nothing was sent."),
        ("{address.zip}!", MissingValue, "{address.zip}: address.zip is missing. Nothing was sent."),
        ("{tags[2]}", MissingValue, "{tags[2]}: tags[2] is missing. Nothing was sent."),
        ("{name[0]}", MissingValue, "{name[0]}: name[0] is missing. Nothing was sent."),
        ("{name.first}", MissingValue, "{name.first}: name.first is missing. Nothing was sent."),
        ("{missing | upper}", MissingValue, "{missing | upper}: missing is missing. Nothing was sent."),
        ("{tags}!", TemplateError, "{tags}: tags is a list, which is no text. Nothing was sent."),
        (
            "{name | round: 1}",
            TemplateError,
            '{name | round: 1}: name is the text "Ana", but the pipe round takes a number. Nothing was sent.',
        ),
        (
            "{nothing | upper}",
            TemplateError,
            "{nothing | upper}: nothing is null, but the pipe upper takes text. Nothing was sent.",
        ),
    ],
)
def test_a_value_that_cannot_be_written_sends_nothing(value, kind, message):
    error = refusal(value)
    assert (type(error), error.message) == (kind, message)
    assert isinstance(error, Rejected)


def test_a_missing_value_says_how_to_give_it_a_default():
    assert refusal("{missing}").next_step == "Send it, or give it a default: {missing | default: …}."


# What cannot be read


@pytest.mark.parametrize(
    ("text", "rule", "part"),
    [
        ("a { b", "unclosed-brace", "{ b"),
        ("a {b", "unclosed-brace", "{b"),
        ("a {b |", "unclosed-brace", "{b |"),
        ("a } b", "unopened-brace", "}"),
        ("a {} b", "empty-wildcard", "{}"),
        ("{a b}", "bad-wildcard", "b"),
        ('{"a": 1}', "bad-wildcard", '"'),
        ("{a..b}", "bad-wildcard", "."),
        ("{a | uper}", "unknown-pipe", "uper"),
        ("{a | }", "unknown-pipe", "}"),
        ("{a | round}", "bad-argument", "round"),
        ("{a | round: 1.5}", "bad-argument", "round: 1.5"),
        ("{a | upper: 1}", "bad-argument", "upper: 1"),
        ("{a | default}", "bad-argument", "default"),
        ("{a | default: x}", "bad-argument", "x"),
        ("{a | date: 5}", "bad-argument", "date: 5"),
        ('{a | default: "\\q"}', "bad-argument", '"\\q"'),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, rule, part):
    with pytest.raises(LanguageError) as refused:
        parse_template(text, Context.TEXT)
    (finding,) = refused.value.findings
    assert (finding.rule, text[finding.start : finding.end]) == (rule, part)


def test_an_unknown_pipe_says_which_was_meant():
    with pytest.raises(LanguageError, match=r"Did you mean upper\?"):
        parse_template("{a | uper}", Context.TEXT)


def test_every_mistake_in_a_table_is_found_with_its_keys():
    with pytest.raises(LanguageError) as refused:
        parse_template({"a": ["{", {"b": "}"}], "{c}": 1, "ok": "{d}"}, Context.JSON)
    assert [(finding.rule, finding.keys) for finding in refused.value.findings] == [
        ("unclosed-brace", ("a", 0)),
        ("unopened-brace", ("a", 1, "b")),
        ("wildcard-in-key", ("{c}",)),
    ]


@pytest.mark.parametrize("text", ["{" * 99_999, "}" * 99_999, "{a" * 50_000, "{a|" * 50_000, '{a|default:"' * 9_999])
def test_hostile_text_is_refused_in_linear_time(text):
    with pytest.raises(LanguageError):
        parse_template(text, Context.TEXT)


def test_ten_thousand_wildcards_are_rendered():
    assert render("{name}" * 10_000) == "Ana" * 10_000


# Contexts


def test_in_sql_every_value_is_bound():
    assert render("SELECT '{{x}}' WHERE a = {name} AND b = ANY({tags})", Context.SQL) == Statement(
        ("SELECT '{x}' WHERE a = ", " AND b = ANY(", ")"), ("Ana", ["new", "vip"])
    )
    assert render("SELECT 1", Context.SQL) == Statement(("SELECT 1",), ())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("SELECT '{name}'", "a text in quotes"),
        ('SELECT "{name}"', "a quoted name"),
        ("SELECT `{name}`", "a quoted name"),
        ("SELECT 'it''s {name}'", "a text in quotes"),
        ("SELECT 1 -- {name}", "a comment"),
        ("SELECT /* {name} */ 1", "a comment"),
        ("SELECT $$ {name} $$", "a text in dollar quotes"),
        ("SELECT $a$ $$ {name} $a$", "a text in dollar quotes"),
    ],
)
def test_no_wildcard_stands_inside_quotes_in_sql(text, where):
    with pytest.raises(LanguageError) as refused:
        parse_template(text, Context.SQL)
    (finding,) = refused.value.findings
    assert finding.message == f"{{name}} stands in {where}, where no value can be bound."
    assert text[finding.start : finding.end] == "{name}"


@pytest.mark.parametrize("text", ["SELECT '' || {name}", "SELECT 'a' -- b\n, {name}", "SELECT /* a */ {name}"])
def test_after_quotes_and_comments_wildcards_are_bound(text):
    assert render(text, Context.SQL).values == ("Ana",)


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("https://x.example/{v}", "..", 'makes the segment ".."'),
        ("https://x.example/{v}/b", ".", 'makes the segment "."'),
        ("https://x.example/.{v}/b", ".", 'makes the segment ".."'),
        ("https://x.example/a/{v}", "", "is empty"),
        ("{v}", "", "is empty"),
        ("https://{v}.shop.example/a", "a/b", "is no part of a host's name"),
        ("https://{v}.shop.example/a", "user@evil.example", "is no part of a host's name"),
        ("https://{v}.shop.example/a", "x" * 64, "is no part of a host's name"),
        ("https://shop.example:{v}/a", "65536", "is no port"),
        ("https://api.{v}.shop.example/a", "evil.example#", "is no part of a host's name"),
        ("//{v}.shop.example/a", "evil.example:80", "is no part of a host's name"),
    ],
)
def test_no_value_changes_where_an_address_leads(text, value, reason):
    error = refusal(text, Context.URL, payload={"v": value})
    assert type(error) is UnsafeValue
    assert reason in error.message


@pytest.mark.parametrize(
    ("text", "value", "address"),
    [
        ("https://x.example/{v}?a={v}#{v}", "a/b?c#d", "https://x.example/a%2Fb%3Fc%23d?a=a%2Fb%3Fc%23d#a%2Fb%3Fc%23d"),
        ("https://x.example/?a={v}", "", "https://x.example/?a="),
        ("https://x.example/?a={v}", "..", "https://x.example/?a=.."),
        ("https://x.example/{v}.json", "..", "https://x.example/...json"),
        ("https://{v}.example/", "shop-1", "https://shop-1.example/"),
        ("{v}", "https://evil.example/", "https%3A%2F%2Fevil.example%2F"),
        ("/customers/{v}", 7, "/customers/7"),
    ],
)
def test_in_an_address_each_value_is_one_component(text, value, address):
    assert render(text, Context.URL, payload={"v": value}) == address


def test_no_wildcard_chooses_the_scheme():
    with pytest.raises(LanguageError, match="stands where the address names its scheme"):
        parse_template("{v}://x.example", Context.URL)


@pytest.mark.parametrize("context", [Context.URL, Context.HEADER, Context.IDENTIFIER, Context.PATH])
def test_null_is_no_name(context):
    assert type(refusal("a{nothing}", context)) is MissingValue


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\x7f"])
def test_a_header_refuses_control_characters(value):
    assert type(refusal("Bearer {v}", Context.HEADER, payload={"v": value})) is UnsafeValue
    assert render("Bearer {v}", Context.HEADER, payload={"v": "a\tb"}) == "Bearer a\tb"


@pytest.mark.parametrize("value", ["", "a\x00b"])
def test_a_name_refuses_what_no_name_can_be(value):
    assert type(refusal("{v}", Context.IDENTIFIER, payload={"v": value})) is UnsafeValue


def test_html_is_escaped():
    payload = {"v": "<script>alert('x') & \"y\"</script>"}
    assert render("<b>{v}</b>", Context.HTML, payload=payload) == (
        "<b>&lt;script&gt;alert(&#x27;x&#x27;) &amp; &quot;y&quot;&lt;/script&gt;</b>"
    )


@pytest.mark.parametrize("value", ["..", ".", "", "/etc/passwd", "a/b", "a\\b", "a\x00", "..\\x"])
def test_a_path_refuses_what_would_leave_its_folder(value):
    assert type(refusal("out/{v}", Context.PATH, payload={"v": value})) is UnsafeValue


def test_two_harmless_values_cannot_climb_out_together():
    assert type(refusal("out/{v}{v}/x", Context.PATH, payload={"v": "."})) is UnsafeValue
    assert render("out/{v}{v}.txt", Context.PATH, payload={"v": "."}) == "out/...txt"


# Whatever a payload holds


TEXTS = st.text() | st.sampled_from(
    [
        "'; DROP TABLE x; --",
        "../../etc",
        "{name}",
        "{{",
        "%2e%2e",
        "a&b=c",
        "x\r\ny: z",
        "</b>",
        "\u202e",
        "🤖",
        "\\",
        "#?/",
    ]
)


@given(TEXTS, TEXTS)
def test_an_address_keeps_its_shape(first, second):
    template = parse_template("https://x.example/a/{first}/b?q={second}&r=1", Context.URL)
    try:
        address = template.render({"first": first, "second": second}, EVENT)
    except UnsafeValue:
        assert first in ("", ".", "..")
        return
    split = urlsplit(address)
    assert (split.scheme, split.netloc, split.fragment) == ("https", "x.example", "")
    assert [unquote(segment) for segment in split.path.split("/")] == ["", "a", first, "b"]
    assert parse_qs(split.query, keep_blank_values=True) == {"q": [second], "r": ["1"]}


@given(TEXTS)
def test_a_statement_never_holds_a_value(value):
    template = parse_template("INSERT INTO t VALUES ({v}, 'x')", Context.SQL)
    assert template.render({"v": value}, EVENT) == Statement(("INSERT INTO t VALUES (", ", 'x')"), (value,))


@given(TEXTS)
def test_markup_keeps_its_elements(value):
    written = parse_template("<p title='{v}'>{v}</p>", Context.HTML).render({"v": value}, EVENT)
    assert written.count("<") == 2
    assert written.count("'") == 2
    assert unescape(written) == f"<p title='{value}'>{value}</p>" or "&" in value


@given(TEXTS)
def test_a_header_stays_one_line(value):
    try:
        written = parse_template("x {v}", Context.HEADER).render({"v": value}, EVENT)
    except UnsafeValue:
        return
    assert written == f"x {value}"
    assert not set(written) & {"\r", "\n", "\x00"}


@given(TEXTS)
def test_a_path_stays_in_its_folder(value):
    try:
        written = parse_template("out/{v}/file", Context.PATH).render({"v": value}, EVENT)
    except UnsafeValue:
        return
    assert written.split("/") == ["out", value, "file"]
    assert value not in (".", "..", "")


@given(TEXTS)
def test_values_are_never_templates_themselves(value):
    assert render({"a": "{v}", "b": "<{v}>"}, Context.JSON, payload={"v": value}) == {"a": value, "b": f"<{value}>"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.sampled_from(
    ["{a}", "{a.b}", "{b[0]}", "{a[1].b}", "{c | default: 1}", "{c | json}", "{event.id}", "{{", "x'"]
)
TEMPLATES = st.recursive(
    st.lists(PLACES, max_size=3).map("".join),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "'", "\n"]), inner, max_size=3),
    max_leaves=5,
)


@given(TEMPLATES, st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.sampled_from(["text", "json", "html"]))
def test_a_compiled_template_gives_what_it_gave_step_by_step(value, payload, context):
    template = parse_template(value, Context(context))
    results = []
    for _ in range(SLOW_RENDERS + 2):
        try:
            results.append(repr(template.render(payload, EVENT)))
        except TemplateError as error:
            results.append(f"{type(error)} {error}")
    assert len(set(results)) == 1


@given(st.text())
def test_any_text_is_a_template_once_its_braces_are_doubled(text):
    assert render(text.replace("{", "{{").replace("}", "}}")) == text


# Checked against a model


MODEL = read_model(
    {
        "id": "integer",
        "name": "string",
        "amount": "number?",
        "address": {"city": "string"},
        "tags": "string[]",
        "active": "boolean",
        "on": "date",
    }
)
VALUES = Field("values", "Values", FieldType.TABLE, Context.VALUE)
BODY = Field("body", "Body", FieldType.STRING, Context.TEXT)
COUNT = Field("count", "Count", FieldType.INTEGER, Context.VALUE)
DATA = Field("data", "Data", FieldType.ANY, Context.JSON)
QUERY = Field("statement", "Statement", FieldType.STRING, Context.SQL)


def findings(value, field):
    return check_template(parse_template(value, field.context, field.type), MODEL, field)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": "{id}", "b": "{tags}", "c": "{address}"}, VALUES),
        ("{name} {id} {active} {on | date: '%d'} {amount | default: 0 | round: 2}", BODY),
        ("{id}", COUNT),
        ("{amount | default: 0 | round: 0}", COUNT),
        ("{address}", DATA),
        ("{event.time | date: '%Y'}", BODY),
        ("{tags | json}", BODY),
        ("SELECT {tags}, {address}", QUERY),
    ],
)
def test_wildcards_that_fit(value, field):
    assert findings(value, field) == []


@pytest.mark.parametrize(
    ("value", "field", "rule", "message", "next_step"),
    [
        ("{idd}", BODY, "unknown-property", "{idd}: the model has no idd.", "Did you mean id?"),
        (
            {"a": ["{address.cty}"]},
            VALUES,
            "unknown-property",
            "{address.cty}: the model has no address.cty.",
            "Did you mean address.city?",
        ),
        ("{tags}", BODY, "field-type", "{tags} is a list, which is no text.", "Write it as JSON: {tags | json}."),
        (
            {"a": "x {address}"},
            VALUES,
            "field-type",
            "{address} is an object, which is no text.",
            "Write it as JSON: {address | json}.",
        ),
        ("{name}", COUNT, "field-type", "{name} is text, but count takes an integer.", None),
        (
            "n {id}",
            COUNT,
            "field-type",
            "count takes an integer, but {id} stands in a text here.",
            "Let the field be the wildcard alone: {id}.",
        ),
        (
            "{amount | default: 0}",
            COUNT,
            "field-type",
            "{amount | default: 0} is a number, but count takes an integer.",
            "Round it: {amount | round: 0}.",
        ),
        (
            "{name | round: 2}",
            BODY,
            "pipe-type",
            "{name | round: 2}: the pipe round takes a number, but its value is text.",
            None,
        ),
        (
            "{id | upper}",
            BODY,
            "pipe-type",
            "{id | upper}: the pipe upper takes text, but its value is an integer.",
            None,
        ),
    ],
)
def test_wildcards_that_do_not_fit(value, field, rule, message, next_step):
    (finding,) = findings(value, field)
    assert (finding.rule, finding.message, finding.next_step) == (rule, message, next_step)
    assert finding.severity == "error"


def test_an_unknown_part_of_the_envelope_says_what_there_is():
    (finding,) = findings("{event.nme}", BODY)
    assert finding.message.startswith("{event.nme}: there is no event.nme; there are event.id, event.name,")


def test_an_optional_property_without_default_is_warned_of():
    (finding,) = findings("a {amount}", BODY)
    assert (finding.rule, finding.severity) == ("no-default", "warning")
    assert finding.message == "{amount}: amount may be missing, and then the action fails."
    assert finding.next_step == "Give it a default: {amount | default: …}."
    assert findings("{tags[0]}", BODY)[0].rule == "no-default"


def test_findings_know_their_place_inside_a_table():
    (finding,) = findings({"a": {"b": ["x", "at {nme}"]}}, VALUES)
    assert (finding.keys, finding.start, finding.end) == (("a", "b", 1), 3, 8)


def test_wildcards_are_proposed_for_prompts():
    assert wildcards_for(read_model({"id": "integer", "address": {"city": "string"}})) == [
        *("{id}", "{address}", "{address.city}"),
        *("{event.id}", "{event.name}", "{event.time}", "{event.source}", "{event.environment}"),
    ]


def test_fields_that_are_rendered_together_are_what_each_is_alone():
    sources = {
        "table": ("customers", Context.IDENTIFIER, FieldType.STRING),
        "values": ({"id": "{id}", "name": "{name | upper}", "tags": ["{id}", 2]}, Context.VALUE, FieldType.TABLE),
        "key": ("c:{id}", Context.TEXT, FieldType.STRING),
        "note": ("{{{name}}}", Context.TEXT, None),
    }
    templates = {name: parse_template(*source) for name, source in sources.items()}
    fields = Fields(templates, {"when": "always", "key": "overridden", "list": ["a", {"b": 1}]})
    for payload in ({"id": 7, "name": "Ana"}, {"id": 1.5, "name": '"; DROP'}, {"id": "x", "name": ""}) * SLOW_RENDERS:
        expected = {name: each.render(payload, EVENT) for name, each in templates.items()}
        assert fields.render(payload, EVENT) == {"when": "always", "list": ["a", {"b": 1}], **expected}
    with pytest.raises(MissingValue, match="name is missing"):
        fields.render({"id": 7}, EVENT)


def test_fields_of_which_one_takes_a_number_only_refuse_another_also_after_many():
    templates = {
        "key": parse_template("{id}", Context.TEXT, FieldType.STRING),
        "seconds": parse_template("{ttl}", Context.VALUE, FieldType.INTEGER),
    }
    fields = Fields(templates, {})
    for _ in range(SLOW_RENDERS + 2):
        assert fields.render({"id": 7, "ttl": 5}, EVENT) == {"key": "7", "seconds": 5}
        with pytest.raises(TemplateError, match="takes an integer"):
            fields.render({"id": 7, "ttl": "soon"}, EVENT)
