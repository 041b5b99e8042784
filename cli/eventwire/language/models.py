"""Models: an event's properties and their types. Everything about them can be imported from here.

A model comes from the shorthand of the project file (`read_model`), from a JSON Schema (`model_from_schema`), or from a
sample payload (`infer_model` writes the shorthand). `compile_model` makes the function that validates payloads.
"""

from __future__ import annotations

from eventwire.language.inference import infer_model, shorthand
from eventwire.language.properties import ANYTHING, KIND_LABELS, Kind, Model, Property
from eventwire.language.schemas import model_from_schema
from eventwire.language.shorthand import property_schema, read_model, schema_problem
from eventwire.language.validation import Validator, Violations, compile_model, describe_value

__all__ = [
    "ANYTHING",
    "KIND_LABELS",
    "Kind",
    "Model",
    "Property",
    "Validator",
    "Violations",
    "compile_model",
    "describe_value",
    "infer_model",
    "model_from_schema",
    "property_schema",
    "read_model",
    "schema_problem",
    "shorthand",
]
