"""What the fuzzer of test_openapi.py is told: answers are to be short, and what the document cannot say."""

import schemathesis

LENGTHS = ("max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict")

# Forms of an answer, of which a request may have one. Hardly any text is a grammar, so those are left to other tests.
FORMS = {"response_format": dict, "json_schema": dict, "regex": str}
GRAMMARS = {"grammar": str, "lark": str}

# Unlike every other route this one refuses nothing: what cannot be read stops nothing.
NEVER_REFUSES = "/api/inference/cancel"


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def with_one_form(body):
    """Drops what would only hide what else is wrong. A value of the wrong type stays: it is what is tried."""
    right = [name for name, kind in {**FORMS, **GRAMMARS}.items() if isinstance(body.get(name), kind)]
    kept = next((name for name in right if name in FORMS), None)
    for name in right:
        if name != kept:
            del body[name]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes answers short, where the request would be served."""
    body = case.body
    if not isinstance(body, dict):
        return
    with_one_form(body)
    if "messages" in body or "prompt" in body:
        body.setdefault("max_new_tokens" if case.path.endswith("/generate/stream") else "max_tokens", 4)
        for name in LENGTHS:
            if is_count(body.get(name)):
                body[name] = min(body[name], 4)
    if is_count(body.get("n")) and body["n"] <= 16:
        body["n"] = min(body["n"], 2)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops what is as it should be."""
    return not (case.path == NEVER_REFUSES and type(failure).__name__ == "AcceptedNegativeData")
