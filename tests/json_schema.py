"""Checks documents against the JSON schemas in docs/: the parts of JSON Schema that ours use."""

TYPES = {
    "integer": int, "number": (int, float), "string": str, "array": list, "object": dict, "boolean": bool,
    "null": type(None),
}  # fmt: skip


def check(value, schema, root, place="$"):
    """Check the parts of JSON Schema that ours uses; unknown fields are errors here."""
    if "$ref" in schema:
        return check(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, place)
    if "anyOf" in schema:
        marks = {"stack": "sample", "comment": "comment", "values": "label"}
        kind = next((kind for mark, kind in marks.items() if mark in value), "node")
        return check(value, root["$defs"][kind], root, place)
    if "const" in schema:
        assert value == schema["const"], place
    if "enum" in schema:
        assert value in schema["enum"], place
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, TYPES[n]) for n in names), (place, value)
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            assert name in value, (place, name)
        for name, part in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            assert known is not None, (place, name)
            check(part, known, root, f"{place}.{name}")
    if isinstance(value, list):
        for part in value:
            check(part, schema.get("items", {}), root, f"{place}[]")
    return None
