//! Options that ask for an answer of a given form.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::constraint::Constraint;

/// The form of the answer; at most one.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(super) struct FormArgs {
    /// The answer is JSON that is valid under this JSON Schema: a file, or the schema itself
    #[arg(long, value_name = "FILE|JSON")]
    json_schema: Option<String>,
    /// The answer is a text of the GBNF grammar in this file
    #[arg(long, value_name = "FILE", alias = "grammar-file")]
    grammar: Option<String>,
    /// The answer is a text of the Lark grammar in this file
    #[arg(long, value_name = "FILE")]
    lark: Option<String>,
    /// The whole answer matches this regular expression
    #[arg(long, value_name = "REGEX")]
    regex: Option<String>,
}

impl FormArgs {
    /// Reads the files.
    pub(super) fn constraint(&self) -> anyhow::Result<Option<Constraint>> {
        Ok(if let Some(schema) = &self.json_schema {
            Some(Constraint::JsonSchema(read_schema(schema)?))
        } else if let Some(file) = &self.grammar {
            Some(Constraint::Gbnf(read(file)?))
        } else if let Some(file) = &self.lark {
            Some(Constraint::Lark(read(file)?))
        } else {
            self.regex.clone().map(Constraint::Regex)
        })
    }
}

fn read_schema(source: &str) -> anyhow::Result<Value> {
    if source.trim_start().starts_with('{') {
        return serde_json::from_str(source).context("--json-schema is no JSON");
    }
    serde_json::from_str(&read(source)?).with_context(|| format!("{source} is no JSON"))
}

fn read(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(Path::new(file)).with_context(|| format!("{file} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        form: FormArgs,
    }

    fn parse(arguments: &[&str]) -> anyhow::Result<Option<Constraint>> {
        let all = std::iter::once(&"test").chain(arguments);
        Options::try_parse_from(all)?.form.constraint()
    }

    #[test]
    fn a_schema_is_read_from_a_file_or_from_the_command_line() {
        let file = std::env::temp_dir().join(format!("rein-form-{}.json", std::process::id()));
        std::fs::write(&file, r#"{"type": "null"}"#).expect("a file");
        let wanted = Constraint::JsonSchema(json!({"type": "null"}));
        for source in [file.to_str().expect("UTF-8"), r#" {"type":"null"}"#] {
            let constraint = parse(&["--json-schema", source]).expect(source);
            assert_eq!(constraint, Some(wanted.clone()));
        }
        let grammar = parse(&["--grammar", file.to_str().expect("UTF-8")]).expect("a grammar");
        assert_eq!(
            grammar,
            Some(Constraint::Gbnf(r#"{"type": "null"}"#.to_owned()))
        );
        std::fs::remove_file(file).expect("removed");
    }

    #[test]
    fn at_most_one_form_is_accepted_and_what_cannot_be_read_is_an_error() {
        assert_eq!(parse(&[]).expect("nothing"), None);
        let regex = parse(&["--regex", "a+"]).expect("a regex");
        assert_eq!(regex, Some(Constraint::Regex("a+".to_owned())));
        for wrong in [
            &["--regex", "a", "--json-schema", "{}"][..],
            &["--json-schema", "{"],
            &["--json-schema", "/no such file"],
            &["--grammar", "/no such file"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
