//! Source → program: checks that keep the parser's stack small, then `rewrite`, then the engine's code.

use minijinja::machinery::{CodeGenerator, Instructions, Token, WhitespaceConfig, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::{TemplateError, rewrite};

/// Largest source of a template, in bytes.
pub(super) const MAX_SOURCE: usize = 1 << 20;
/// Longest line, in bytes: the engine counts columns in 16 bits.
const MAX_LINE: usize = 60_000;
/// Most tokens in one `{{ … }}` or `{% … %}`: `a.b.c` and `a|f|g` nest the tree without nesting brackets.
const MAX_TAG_TOKENS: usize = 1_000;
/// Most `elif` of a template: each nests the tree one level deeper.
const MAX_ELIFS: usize = 200;
/// Most macros and call blocks of a template; each may enclose the one before.
const MAX_MACROS: usize = 200;
const NAME: &str = "chat template";

/// A compiled template.
pub(super) struct Compiled<'source> {
    pub(super) instructions: Instructions<'source>,
}

pub(super) fn compile(source: &str) -> Result<Compiled<'_>, TemplateError> {
    let whitespace = WhitespaceConfig {
        keep_trailing_newline: false,
        lstrip_blocks: true,
        trim_blocks: true,
    };
    check_tokens(source, whitespace)?;
    let tree = parse(source, NAME, SyntaxConfig, whitespace).map_err(|e| parse_error(&e))?;
    let tree = rewrite::statement(&tree)?;
    let mut generator = CodeGenerator::new(NAME, source);
    generator.compile_stmt(&tree);
    let (instructions, _) = generator.finish();
    Ok(Compiled { instructions })
}

fn parse_error(error: &minijinja::Error) -> TemplateError {
    TemplateError::Parse(error.to_string())
}

fn check_tokens(source: &str, whitespace: WhitespaceConfig) -> Result<(), TemplateError> {
    if source.lines().any(|line| line.len() > MAX_LINE) {
        return Err(TemplateError::Parse(format!(
            "it has a line of more than {MAX_LINE} bytes"
        )));
    }
    let (mut in_tag, mut elifs, mut macros) = (0_usize, 0_usize, 0_usize);
    for token in tokenize(source, false, SyntaxConfig, whitespace) {
        let (token, span) = token.map_err(|e| parse_error(&e))?;
        let line = span.start_line;
        let starts_tag = in_tag == 1;
        in_tag += 1;
        match token {
            Token::BlockStart | Token::VariableStart | Token::TemplateData(_) => in_tag = 1,
            Token::Ident("elif") if starts_tag => elifs += 1,
            Token::Ident("macro" | "call") if starts_tag => macros += 1,
            _ => {}
        }
        let refuse = |what: &str| TemplateError::Parse(format!("{what} (in line {line})"));
        if in_tag > MAX_TAG_TOKENS {
            return Err(refuse("an expression is too long"));
        }
        if elifs > MAX_ELIFS {
            return Err(refuse("too many elif branches"));
        }
        if macros > MAX_MACROS {
            return Err(refuse("too many macros"));
        }
    }
    Ok(())
}
