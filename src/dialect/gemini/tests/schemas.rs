//! Schemas: JSON Schema, and the subset of OpenAPI.

use serde_json::json;

use super::*;
use crate::dialect::neutral::request::Format;

fn tool(schema: &Value) -> Value {
    json!({"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]})
}

/// What takes the subset only.
fn oldest() -> Quirks {
    Quirks {
        json_schema: false,
        ..Quirks::default()
    }
}

fn subset(schema: &Value) -> (Value, Vec<String>) {
    let written = (FORMAT.write_request)(&read(&tool(schema)), &oldest()).unwrap();
    let function = written.body["tools"][0]["functionDeclarations"][0].clone();
    assert!(function.get("parametersJsonSchema").is_none());
    (function["parameters"].clone(), written.dropped)
}

#[test]
fn the_subset_becomes_json_schema() {
    let schema = json!({
        "type": "OBJECT",
        "property_ordering": ["b", "a"],
        "properties": {
            "nullable": {"type": "STRING", "nullable": true, "format": "enum", "enum": ["x"]},
            "type": {"anyOf": [{"type": "INTEGER", "format": "int64"}, {"type": "STRING"}], "nullable": true},
            "example": {"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER", "example": 3}},
        },
        "required": ["type"],
    });
    let body = json!({"contents": [], "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}],
        "generationConfig": {"responseSchema": schema}});
    let expected = json!({
        "type": "object",
        "properties": {
            "nullable": {"type": ["string", "null"], "enum": ["x", null]},
            "type": {"anyOf": [{"type": "integer", "format": "int64"}, {"type": "string"}, {"type": "null"}]},
            "example": {"type": "array", "minItems": 2, "items": {"type": "number"}},
        },
        "required": ["type"],
    });
    let request = read(&body);
    assert_eq!(request.tools[0].parameters.as_ref(), Some(&expected));
    assert!(matches!(&request.format, Some(Format::JsonSchema { schema, .. }) if *schema == expected));
}

#[test]
fn json_schema_in_capitals_is_read_as_well() {
    let body = json!({"contents": [], "generationConfig": {"responseMimeType": "application/json",
        "responseJsonSchema": {"type": "OBJECT", "properties": {"TYPE": {"type": "STRING", "const": "OBJECT"}}}}});
    let Some(Format::JsonSchema { schema, .. }) = read(&body).format else {
        panic!("no schema");
    };
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {"TYPE": {"type": "string", "const": "OBJECT"}}})
    );
}

#[test]
fn the_newer_member_is_preferred() {
    let body = json!({"contents": [], "tools": [{"functionDeclarations": [
        {"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": {"type": "object", "title": "new"}}]}]});
    assert_eq!(
        read(&body).tools[0].parameters,
        Some(json!({"type": "object", "title": "new"}))
    );
}

#[test]
fn a_tool_without_arguments_has_no_schema() {
    for schema in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false}),
    ] {
        let function = &write(&read(&tool(&schema))).body["tools"][0]["functionDeclarations"][0];
        assert_eq!(*function, json!({"name": "f"}), "{schema}");
    }
    let schema = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let function = &write(&read(&tool(&schema))).body["tools"][0]["functionDeclarations"][0];
    assert_eq!(function["parametersJsonSchema"], schema);
}

#[test]
fn an_old_upstream_gets_the_subset_and_every_keyword_that_is_missing_is_named() {
    let (written, dropped) = subset(&json!({
        "$schema": "x",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "a": {"type": ["string", "null"], "format": "uri", "pattern": "^x"},
            "b": {"oneOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
            "c": {"anyOf": [{"const": "x"}, {"type": "number", "exclusiveMinimum": 0}]},
            "d": {"$ref": "#/$defs/d", "description": "of mine"},
            "e": {"enum": [1, 2]},
            "f": {"type": "array"},
            "g": true,
            "h": {"type": ["string", "integer"]},
            "i": {"allOf": [{"type": "boolean"}]},
        },
        "required": ["a", "gone"],
        "$defs": {"d": {"type": "object", "properties": {"again": {"type": "string", "enum": ["", "y"]}}}},
    }));
    assert_eq!(
        written,
        json!({
            "type": "OBJECT",
            "properties": {
                "a": {"type": "STRING", "nullable": true, "pattern": "^x"},
                "b": {"type": "INTEGER", "nullable": true, "description": "d"},
                "c": {"anyOf": [{"type": "STRING", "enum": ["x"]}, {"type": "NUMBER"}]},
                "d": {"type": "OBJECT", "description": "of mine", "properties": {"again": {"type": "STRING"}}},
                "e": {"type": "INTEGER"},
                "f": {"type": "ARRAY", "items": {"type": "STRING"}},
                "g": {"type": "OBJECT"},
                "h": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
                "i": {"type": "BOOLEAN"},
            },
            "required": ["a"],
        })
    );
    assert_eq!(
        dropped,
        [
            "tools.parameters.additionalProperties",
            "tools.parameters.format",
            "tools.parameters.exclusiveMinimum",
            "tools.parameters.enum"
        ]
    );
}

#[test]
fn references_that_never_end_are_written_out_so_far() {
    let (_, dropped) = subset(&json!({"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}));
    assert_eq!(dropped, ["tools.parameters.$ref"]);
    let (written, dropped) = subset(&json!({"type": "object", "properties": {"a": {"$ref": "#/gone"}}}));
    assert_eq!(written["properties"]["a"], json!({"type": "OBJECT"}));
    assert_eq!(dropped, ["tools.parameters.$ref"]);
    let body = json!({"contents": [], "generationConfig": {"responseJsonSchema": {"type": "string", "maxLength": 3}}});
    let written = (FORMAT.write_request)(&read(&body), &oldest()).unwrap();
    let config = &written.body["generationConfig"];
    assert_eq!(config["responseSchema"], json!({"type": "STRING", "maxLength": 3}));
    assert_eq!(config["responseMimeType"], "application/json");
}
