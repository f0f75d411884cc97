//! What is done to a template's text before it is parsed.

/// The text as the engine wants it: line breaks as `\n`, generation tags as `with` blocks, and raw blocks
/// with the line break after `{% raw %}`, which Jinja2 keeps and the engine drops.
pub(super) fn prepared(source: &str) -> String {
    let unix = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(unix.len());
    let mut rest = unix.as_str();
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        rest = tag;
        let Some(tag) = Tag::read(tag) else { continue };
        // `{% generation %}…{% endgeneration %}` marks the model's own turns for training. Its body has a
        // scope of its own, as that of `with` has.
        let name = match tag.name {
            "generation" => "with",
            "endgeneration" => "endwith",
            "raw" if tag.close == "%}" && tag.after.starts_with('\n') => "raw",
            _ => continue,
        };
        out.extend([tag.control, " ", name, " ", tag.close]);
        if name == "raw" {
            out.push('\n');
        }
        rest = tag.after;
    }
    out.push_str(rest);
    out
}

/// A tag that is a single word: `-`, `name`, `-%}`, and the text after it.
struct Tag<'s> {
    control: &'s str,
    name: &'s str,
    close: &'static str,
    after: &'s str,
}

impl<'s> Tag<'s> {
    /// Reads what stands after `{%`.
    fn read(text: &'s str) -> Option<Self> {
        let (control, body) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        let body = body.trim_start();
        let end = body.find(|c: char| !c.is_ascii_lowercase())?;
        let (name, tail) = body.split_at(end);
        let tail = tail.trim_start();
        ["%}", "-%}", "+%}"].into_iter().find_map(|close| {
            Some(Self {
                control,
                name,
                close,
                after: tail.strip_prefix(close)?,
            })
        })
    }
}
