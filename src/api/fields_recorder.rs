//! Which fields a parser looks at, for the tests that hold the API's document to it.

use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static SEEN: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// The paths of the fields that are looked at meanwhile, without the numbers of list elements: `messages[].content`.
pub(crate) fn fields_seen(parse: impl FnOnce()) -> BTreeSet<String> {
    SEEN.set(Some(BTreeSet::new()));
    parse();
    SEEN.take().unwrap_or_default()
}

/// Notes a field where somebody wants to know.
pub(super) fn saw(path: &str) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.insert(without_numbers(path));
        }
    });
}

fn without_numbers(path: &str) -> String {
    path.split('[')
        .map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()))
        .collect::<Vec<_>>()
        .join("[")
}
