//! [`document`]: what the routes collected → the document that is served.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use super::errors::{
    ErrorDetail, ErrorResponse, StudioErrorResponse, error_response, error_schema,
};
use super::simplify::{drop_unused, merge_flattened, tidy, widen_integers};
use super::unsupported::add_unsupported;
use crate::api::errors::Surface;

/// What is said before the routes.
const ABOUT: &str = "rein runs GGUF language models and stops when you say stop.\n\n\
    **Keys.** Where the server was started with `--api-key`, every route but the open ones wants `Authorization: Bearer KEY` or \
    `x-api-key: KEY`.\n\n\
    **Paths.** The inference routes exist under `/v1` and `/api/inference` alike. They differ in two things: errors under `/api` have a \
    `detail` beside their `error`, and streams there have usage without being asked for it.\n\n\
    **Requests** are JSON, whatever their content type says. `null` is the same as leaving a field out. Fields that nobody knows are \
    ignored; fields that are known and not supported are refused, unless their value changes nothing. A repeated key, a NUL \
    character, more than 64 levels or 200,000 values are a 400.\n\n\
    **Stops.** A closed connection stops its request, and so does `POST /api/inference/cancel`, which answers once it is true. A stopped \
    answer has the text so far, with `finish_reason` `stop`.\n\n\
    **Limits** that have nothing to do with a route: more connections than the server takes are answered 503 without a body; \
    headers of more than 64 KiB, 431.";

/// The rules of the server that the document tells.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Which envelope errors on a path have.
    pub surface_of: fn(&str) -> Surface,
    /// Paths that need no key.
    pub open_paths: &'a [&'a str],
}

/// What the document says before there are routes.
#[must_use]
pub fn base() -> OpenApi {
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")))
        .build();
    let info = InfoBuilder::new()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license))
        .build();
    let mut components = ComponentsBuilder::new()
        .schema_from::<ErrorResponse>()
        .schema_from::<StudioErrorResponse>()
        .schema_from::<ErrorDetail>()
        .build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let header = ApiKey::Header(ApiKeyValue::new("x-api-key"));
    components.add_security_scheme("header", SecurityScheme::ApiKey(header));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// The document of these routes. `collected` must have begun as [`base`].
///
/// What holds for every route is put in here, so that none can forget it: what the guard answers, the envelope of errors under the
/// route's path, an id for each operation, and the fields that are known and not supported.
///
/// # Panics
/// Never: what was collected has no map with keys that are no texts.
#[must_use]
pub fn document(collected: &OpenApi, rules: Rules<'_>) -> Value {
    let mut document = serde_json::to_value(collected).expect("every key is a text");
    document["security"] = json!([{"bearer": []}, {"header": []}]);
    let mut statuses = Shared::new();
    if let Some(paths) = document["paths"].as_object_mut() {
        *paths = std::mem::take(paths)
            .into_iter()
            .map(|(path, mut item)| {
                finish_path(&path, &mut item, rules, &mut statuses);
                // A wildcard is the router's business.
                (path.replace("{*", "{"), item)
            })
            .collect();
    }
    let responses: Map<String, Value> = statuses
        .into_iter()
        .map(|(name, (status, surface))| (name, error_response(status, surface)))
        .collect();
    document["components"]["responses"] = Value::Object(responses);
    tidy(&mut document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        merge_flattened(schemas);
        add_unsupported(schemas);
        for (name, schema) in schemas {
            if name.ends_with("Request") {
                schema["additionalProperties"] = json!(true);
                widen_integers(schema);
            }
        }
    }
    describe_events(&mut document, rules.surface_of);
    drop_unused(&mut document);
    document
}

/// Makes the schemas of streams those of their events, as `OpenAPI` describes server-sent events: what a chunk looks like is said of the
/// event's data, which may also be an error, or the end.
fn describe_events(document: &mut Value, surface_of: fn(&str) -> Surface) {
    let schemas = document["components"]["schemas"].take();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let schema = operation.pointer_mut("/responses/200/content/text~1event-stream/schema");
            if let Some(schema) = schema {
                *schema = event(schema.take(), &schemas, surface_of(path));
            }
        }
    }
    document["components"]["schemas"] = schemas;
}

/// The schema of an event whose data is this, unless it is an error.
fn event(chunk: Value, schemas: &Value, surface: Surface) -> Value {
    let name = chunk["$ref"].as_str().and_then(|it| it.rsplit('/').next());
    let has_errors = name.is_some_and(|name| !schemas[name]["properties"]["error"].is_null());
    let content = if has_errors {
        chunk
    } else {
        json!({"anyOf": [chunk, error_schema(surface)]})
    };
    json!({
        "type": "object",
        "required": ["data"],
        "properties": {"data": {
            "type": "string",
            "anyOf": [
                {"const": "[DONE]", "description": "The last event."},
                {"contentMediaType": "application/json", "contentSchema": content},
            ],
        }},
    })
}

/// Responses that several routes share, by their names in the document.
type Shared = BTreeMap<String, (u16, Surface)>;

fn finish_path(path: &str, item: &mut Value, rules: Rules<'_>, statuses: &mut Shared) {
    let surface = (rules.surface_of)(path);
    let is_open = rules.open_paths.contains(&path);
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        operation["operationId"] = operation_id(method, path).into();
        if is_open {
            operation["security"] = json!([]);
        }
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        let guards: &[u16] = if is_open { &[403] } else { &[401, 403] };
        for status in guards {
            responses.insert(status.to_string(), json!({"$ref": ""}));
        }
        for (status, response) in responses.iter_mut() {
            let Ok(number) = status.parse::<u16>() else {
                continue;
            };
            if response.get("$ref").is_some() {
                let name = response_name(number, surface);
                response["$ref"] = format!("#/components/responses/{name}").into();
                statuses.insert(name, (number, surface));
            }
        }
        responses.sort_keys();
    }
}

fn response_name(status: u16, surface: Surface) -> String {
    match surface {
        Surface::OpenAi => format!("Error{status}"),
        Surface::Studio => format!("StudioError{status}"),
    }
}

/// `post_v1_chat_completions`: unique, for a route has one path and one method.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    [method]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}
