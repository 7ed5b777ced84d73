#!/usr/bin/env python3
"""docs/template.schema.json, by which editors complete, explain and check, against the program's own
parser: the same keys, each explained and with examples, and the same answers."""

import functools
import http.client
import json
import os
import re

import yaml

from _server import PATIENCE_S, Server, check, equal, run

with open("docs/template.schema.json", encoding="utf-8") as file:
    SCHEMA = json.load(file)
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
         "boolean": bool, "null": type(None)}


# --- the part of JSON Schema that the document uses -----------------------------------------------


def is_type(value, name):
    if isinstance(value, bool) and name in ("integer", "number"):
        return False
    return isinstance(value, TYPES[name])


def is_listed(schema, value):
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return (any(is_type(value, k) for k in kinds) and value in schema.get("enum", [value]) and
            value == schema.get("const", value))


def fits_text(schema, value):
    return (schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)) and
            re.search(schema.get("pattern", ""), value) is not None)


def fits_object(schema, value):
    named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, inner in value.items():
        if name in named:
            if not fits(named[name], inner):
                return False
        elif others is False or (isinstance(others, dict) and not fits(others, inner)):
            return False
    return all(name in value for name in schema.get("required", []))


def fits_list(schema, value):
    return (schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and
            all(fits(schema.get("items", {}), item) for item in value))


def fits_parts(schema, value):
    return (("$ref" not in schema or fits(at(schema["$ref"]), value)) and
            ("anyOf" not in schema or any(fits(s, value) for s in schema["anyOf"])) and
            ("oneOf" not in schema or sum(fits(s, value) for s in schema["oneOf"]) == 1) and
            ("not" not in schema or not fits(schema["not"], value)))


def fits(schema, value):
    if not is_listed(schema, value) or not fits_parts(schema, value):
        return False
    if isinstance(value, str):
        return fits_text(schema, value)
    if isinstance(value, dict):
        return fits_object(schema, value)
    if isinstance(value, list):
        return fits_list(schema, value)
    if is_type(value, "number"):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


def at(reference):
    place = SCHEMA
    for piece in reference.removeprefix("#/").split("/"):
        place = place[piece]
    return place


# --- what the program says ------------------------------------------------------------------------


class Parser:
    """The program's, asked over one connection."""

    connection = None

    @functools.lru_cache(maxsize=None)
    def answer(self, text):
        self.connection.request("POST", "/v1/templates/validate", text.encode(),
                                {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        said = json.loads(response.read())
        valid = response.status == 200
        assert valid or said["errors"], said
        return {"valid": valid, "errors": said.get("errors", [])}


parser = Parser()


def told(text):
    """The program's own answer about a template: valid or not, and its errors."""
    return parser.answer(text)


def with_key(where, name, value):
    """A template in which this key has this value."""
    task = {"name": "t", "queue": "q"}
    template = {"name": "a", "stages": [{"name": "s", "tasks": [{"name": "first", "queue": "q"}, task]}]}
    if where == "human":
        del task["queue"]
    target = {"template": template, "stage": template["stages"][0], "task": task}.get(where)
    if where in ("human", "retry", "timeout"):
        target = task[where] = {}
    if where == "defaults":
        target = template["defaults"] = {}
    if where == "schema":
        target = template["input"] = {}
    target[name] = value
    if name == "human":
        del task["queue"]
    if name == "needs":
        task["needs"] = ["first"] if value == ["make_food", "assign_executive"] else value
    if name == "output" and where == "template":
        target[name] = json.loads(json.dumps(value).replace("assign_executive", "first"))
    return template


OBJECTS = {"template": SCHEMA, "defaults": SCHEMA["properties"]["defaults"],
           "stage": SCHEMA["$defs"]["stage"], "task": SCHEMA["$defs"]["task"],
           "human": SCHEMA["$defs"]["task"]["properties"]["human"], "retry": SCHEMA["$defs"]["retry"],
           "timeout": SCHEMA["$defs"]["timeout"], "schema": SCHEMA["$defs"]["schema"]}


def keys():
    for where, schema in OBJECTS.items():
        for name, inner in schema["properties"].items():
            yield where, name, inner


# --- cases ----------------------------------------------------------------------------------------


def source_keys():
    """The keys in the parser's tables, by the table's name."""
    with open("src/core/template_parse.c", encoding="utf-8") as source:
        parser = source.read()
    with open("src/core/schema.c", encoding="utf-8") as source:
        parser += source.read()
    tables = re.findall(r"(\w+)\[\] = \{\n((?:\s*\{\"\w+\".*\n)+)", parser)
    return {table: re.findall(r'\{"(\w+)", (take_\w+)\}', rows) for table, rows in tables}


def the_same_keys():
    tables = source_keys()
    for where, table in {"template": "template_rules", "stage": "stage_rules", "task": "task_rules",
                         "human": "human_rules", "retry": "retry_rules", "timeout": "timeout_rules",
                         "defaults": "rules", "schema": "keywords"}.items():
        known = sorted(n for n, take in tables[table] if take != "take_later_kind")
        equal(f"the keys of {where} are those of the parser", sorted(OBJECTS[where]["properties"]), known)


def explained():
    for where, name, inner in keys():
        check(f"{where}.{name} is explained", len(inner.get("description", "")) > 10, inner)
        check(f"{where}.{name} has examples", inner.get("examples"), inner)
    for name, inner in SCHEMA["$defs"].items():
        check(f"{name} is explained", len(inner.get("description", "")) > 10, inner)


def examples_are_taken():
    for where, name, inner in keys():
        for example in inner["examples"] + ([inner["default"]] if "default" in inner else []):
            template = with_key(where, name, example)
            answer = told(json.dumps(template))
            check(f"{where}.{name}: {json.dumps(example)} is taken by both",
                  fits(SCHEMA, template) and answer["valid"], answer)


# For each kind of value, others that are none of it.
WRONG = [None, True, 0, -1, 1.5, 10 ** 7, "", "a b", "${ .input }", "none", "5", "x" * 5000, [], [1], [None],
         {}, {"colour": 1}]


def wrong_values():
    """What the schema refuses the parser refuses too. The parser knows more: needs, expressions,
    names that are there twice."""
    for where, name, inner in keys():
        disagreed = []
        for value in WRONG:
            template = with_key(where, name, value)
            if not fits(SCHEMA, template) and told(json.dumps(template))["valid"]:
                disagreed.append(value)
        equal(f"{where}.{name}: what the schema refuses is refused", disagreed, [])


def kinds_of_values():
    """What the parser refuses for the kind of a value the schema refuses too."""
    only_parser = re.compile(
        r"no task|in a circle|expression|\.input only|bytes|not yet|is here a second time|"
        r"needs itself|control character|is a stage already|may not be finished|jq")
    for where, name, inner in keys():
        disagreed = []
        for value in WRONG:
            template = with_key(where, name, value)
            if not fits(SCHEMA, template):
                continue
            answer = told(json.dumps(template))
            errors = [e["message"] for e in answer.get("errors", [])]
            if not all(only_parser.search(e) for e in errors):
                disagreed.append((value, errors))
        equal(f"{where}.{name}: what the parser refuses is refused", disagreed, [])


def cases_of_errors():
    with open("test/data/templates/errors.txt", encoding="utf-8") as source:
        blocks = re.findall(r"^== (.*)\n((?:.*\n)*?)--\n((?:.+\n)*)", source.read(), re.M)
    refused = re.compile(r"unknown key|must be|needs a name|needs stages|either queue or human|who does it|"
                         r"is no name|is no queue|give one of them")
    only_parser = re.compile("not yet|may not be finished")
    for title, text, errors in blocks:
        if only_parser.search(errors) or "earlier form" in title or not refused.search(errors):
            continue
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        check(f"the schema refuses it too: {title}", not fits(SCHEMA, value), text)


def whole_templates():
    for folder in ("examples", "test/table"):
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".yaml"):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as source:
                check(f"the schema takes {folder}/{name}", fits(SCHEMA, yaml.safe_load(source)), name)


with Server() as server:
    parser.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    run(the_same_keys, explained, examples_are_taken, wrong_values, kinds_of_values,
        cases_of_errors, whole_templates)
