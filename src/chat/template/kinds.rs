//! Jinja2's tests of a value's kind, where the engine's own differ from them.

use minijinja::value::{ObjectRepr, ValueKind};
use minijinja::{Environment, Value};

pub(super) fn register(env: &mut Environment<'static>) {
    // As in Python, a string is a sequence, and so is what is undefined.
    let is_sequence = |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String
                | ValueKind::Seq
                | ValueKind::Map
                | ValueKind::Iterable
                | ValueKind::Undefined
        )
    };
    env.add_test("sequence", is_sequence);
    env.add_test("iterable", is_sequence);
    // And a truth value is a number.
    env.add_test("number", |value: &Value| {
        value.is_number() || value.kind() == ValueKind::Bool
    });
    env.add_test("callable", |value: &Value| {
        value.as_object().is_some_and(|object| {
            object.repr() == ObjectRepr::Plain || object.type_name().ends_with("::Macro")
        })
    });
}
