"""ReactiveHub's projects, read and translated as a whole."""

from __future__ import annotations

import pytest

from tests.importing.sources import imported, messages, problems, source, with_event

EVENT = "id: a\nmodel: {id: Number}\nfilters: []\n"


def test_every_mistake_is_told_at_once_with_file_and_line(tmp_path):
    folder = source(
        tmp_path,
        {
            ".rhubrc": "{}",
            "events/a.yaml": "- id: a\n",
            "events/b.yaml": "id: b\nid: c\nmodel: [1]\n",
            "events/c.yaml": """\
                name: no id
                model: [String]
                filters:
                  - id: on-event
                    condition: 5
                    actions:
                      - type: REDIS
                        action: SET
                        template: text
                        onSuccess: [{}]
                      - text
                  - condition: total > 5
                """,
            "events/d.yaml": "id: {a: 1}\nfilters: all\n",
            "events/e.yaml": "id: 'open\n",
        },
    )
    assert problems(folder) == [
        "events/a.yaml:1:1: An event is a table with id, model and filters.",
        'events/b.yaml:2:1: The key "id" stands here a second time.',
        'events/c.yaml:1:1: "id" is missing.',
        'events/c.yaml:2:1: "model" has to be a table.',
        "events/c.yaml:5:5: A condition is text, or null where the filter always matches.",
        'events/c.yaml:7:9: "id" is missing.',
        'events/c.yaml:7:9: "serviceAccountId" is missing.',
        'events/c.yaml:9:9: "template" has to be a table.',
        "events/c.yaml:10:21: onSuccess names the events that it raises.",
        'events/c.yaml:11:9: Each of "actions" is a table.',
        'events/c.yaml:12:5: "id" is missing.',
        'events/d.yaml:1:1: "id" has to be text.',
        'events/d.yaml:2:1: "filters" has to be a list.',
        "events/e.yaml:2:1: This is not YAML: found unexpected end of stream.",
    ]


def test_a_folder_without_events_is_no_project(tmp_path):
    assert problems(tmp_path) == ["events: There is no event here."]


@pytest.mark.parametrize(
    "settings",
    [
        '{"name": "My Shop", "token": "hush", "events": {"folder": "evs"}}',
        "name: My Shop\ntoken: hush\nevents:\n  folder: evs\n",
        '{\n\t"name": "My Shop",\n\t"token": "hush",\n\t"events": {"folder": "evs"}\n}',
        "name = My Shop\ntoken = hush\n[events]\nfolder = evs\n",
    ],
)
def test_rhubrc_is_json_yaml_or_ini(tmp_path, settings):
    result = imported(source(tmp_path, {".rhubrc": settings, "evs/a.yml": EVENT}))
    assert result.name == "my-shop"
    assert [event.name for event in result.events] == ["a"]
    assert any('"token" may hold a secret, and was not copied.' in each for each in messages(result))
    assert "hush" not in str(result.as_dict())


def test_rhubrc_may_be_missing_and_may_be_nothing_at_all(tmp_path):
    folder = source(tmp_path / "corner-shop", {"events/a.yaml": EVENT})
    assert imported(folder).name == "corner-shop"
    (folder / ".rhubrc").write_text("just words\n", encoding="utf-8")
    assert problems(folder) == [".rhubrc: This is neither JSON nor YAML nor INI."]


def test_names_become_names_and_those_that_meet_are_told_apart(tmp_path):
    text = "id: {}\nmodel: {{id: Number}}\nfilters: []\n"
    ids = ["NewCustomer", "new_customer", "new customer", "x" * 70, "7up", "payment.new-card"]
    files = {f"events/{number}.yaml": text.format(each) for number, each in enumerate(ids)}
    result = imported(source(tmp_path, {".rhubrc": "{}", **files}))
    assert [each.name for each in result.events] == [
        *("new-customer", "new-customer-2", "new-customer-3", "x" * 63, "up", "payment-new-card")
    ]
    assert [each for each in messages(result) if "taken already" in each] == [
        'events/1.yaml:1:1: The name new-customer is taken already: the event "new_customer" is called new-customer-2 here.',
        'events/2.yaml:1:1: The name new-customer is taken already: the event "new customer" is called new-customer-3 here.',
    ]


def test_filters_without_a_condition_always_match(tmp_path):
    text = """\
        id: a
        model: {n: Number}
        filters:
          - {id: On Event, condition: null}
          - {id: other, condition: '  '}
          - {id: on-event, condition: n > 5}
        """
    result = imported(with_event(tmp_path, text))
    found = [(each.name, each.where) for each in result.events[0].filters]
    assert found == [("on-event", None), ("other", "true"), ("on-event-if", "n > 5")]
    assert len(messages(result)) == 2


def test_whatever_has_no_counterpart_is_listed_with_its_place(tmp_path):
    folder = source(
        tmp_path,
        {
            ".rhubrc": '{"namespace": "shop", "region": "us"}',
            "listeners/till/paid.yaml": "listener: paid",
            "queries/loyal.yml": "id: loyal",
            "events/a.yaml": """\
                id: a
                model: {n: Number}
                retention: 30
                filters:
                  - id: f
                    condition: n > 5
                    color: red
                    actions:
                      - id: x
                        async: true
                        priority: 5
                        type: REDIS
                        action: INCR
                        serviceAccountId: cache
                        template: {key: k}
                        onSuccess: [one, {eventId: two, payload: {n: 1}}]
                        onFailure: three
                """,
        },
    )
    result = imported(folder)
    assert result.name == "shop"
    assert [each.partition(": ")[0] for each in messages(result)] == [
        *(".rhubrc:1:23", "events/a.yaml:3:1", "events/a.yaml:7:5", "events/a.yaml:10:9", "events/a.yaml:11:9"),
        *("events/a.yaml:16:21", "events/a.yaml:16:26", "events/a.yaml:17:9"),
        *("listeners/till/paid.yaml", "queries/loyal.yml"),
    ]
    assert 'The action "x" raises two on success; it is left out: there is no such event.' in messages(result)[6]


def test_a_filter_that_does_not_translate_takes_its_actions_with_it(tmp_path):
    text = """\
        id: a
        model: {n: Number}
        filters:
          - id: f
            condition: n > 5 OR n < 2
            actions: [{id: x, type: REDIS, action: INCR, serviceAccountId: c, template: {key: k}}]
        """
    result = imported(with_event(tmp_path, text))
    assert result.filters == []
    assert result.actions == []
    assert "left out with its actions" in messages(result)[0]


def test_an_event_without_a_model_is_listed(tmp_path):
    result = imported(with_event(tmp_path, "id: a\nfilters: []\n"))
    assert messages(result) == ["events/order.yaml:1:1: The event has no model."]
