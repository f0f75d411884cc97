//! The syntax tree, with every operation that could grow without bound, or that means something else than in
//! Python, as a call of our own.

mod expression;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, Expr, Spanned, Stmt};

use self::expression::{call, call_named, constant, expression, guarded, optional, variable};
use super::TemplateError;
use super::ops::names;

type Rewritten<T> = Result<T, TemplateError>;

fn rewrite_all<'a>(statements: &[Stmt<'a>]) -> Rewritten<Vec<Stmt<'a>>> {
    let mut rewritten = Vec::with_capacity(statements.len());
    for statement in statements {
        match statement {
            Stmt::Macro(s) => {
                rewritten.push(macro_charge(s.span()));
                rewritten.push(self::statement(statement)?);
            }
            Stmt::CallBlock(s) => {
                rewritten.push(macro_charge(s.span()));
                rewritten.push(self::statement(statement)?);
            }
            // Prompts are never HTML.
            Stmt::AutoEscape(s) => rewritten.append(&mut rewrite_all(&s.body)?),
            _ => rewritten.push(self::statement(statement)?),
        }
    }
    Ok(rewritten)
}

/// A statement with everything in it bounded.
pub(super) fn statement<'a>(statement: &Stmt<'a>) -> Rewritten<Stmt<'a>> {
    Ok(match statement {
        Stmt::Template(s) => Stmt::Template(Spanned::new(
            ast::Template {
                children: rewrite_all(&s.children)?,
            },
            s.span(),
        )),
        Stmt::EmitExpr(s) => emit(expression(&s.expr)?, s.span()),
        // As an expression, raw text is paid for where it is printed, also inside a capture.
        Stmt::EmitRaw(s) => emit(constant(s.raw.into(), s.span()), s.span()),
        Stmt::ForLoop(s) => {
            let node = ast::ForLoop {
                target: target(&s.target)?,
                iter: guarded(names::ITERATE, expression(&s.iter)?, s.span()),
                filter_expr: optional(s.filter_expr.as_ref())?,
                recursive: s.recursive,
                body: rewrite_all(&s.body)?,
                else_body: rewrite_all(&s.else_body)?,
            };
            Stmt::ForLoop(Spanned::new(node, s.span()))
        }
        Stmt::IfCond(s) => {
            let node = ast::IfCond {
                expr: expression(&s.expr)?,
                true_body: rewrite_all(&s.true_body)?,
                false_body: rewrite_all(&s.false_body)?,
            };
            Stmt::IfCond(Spanned::new(node, s.span()))
        }
        Stmt::WithBlock(s) => {
            let assign = |(to, value): &(Expr<'a>, Expr<'a>)| Ok((target(to)?, expression(value)?));
            let node = ast::WithBlock {
                assignments: s.assignments.iter().map(assign).collect::<Rewritten<_>>()?,
                body: rewrite_all(&s.body)?,
            };
            Stmt::WithBlock(Spanned::new(node, s.span()))
        }
        Stmt::Set(s) => {
            let node = ast::Set {
                target: target(&s.target)?,
                expr: stored(&s.target, &s.expr)?,
            };
            Stmt::Set(Spanned::new(node, s.span()))
        }
        Stmt::SetBlock(s) => {
            let node = ast::SetBlock {
                target: target(&s.target)?,
                filter: optional(s.filter.as_ref())?,
                body: rewrite_all(&s.body)?,
            };
            Stmt::SetBlock(Spanned::new(node, s.span()))
        }
        Stmt::FilterBlock(s) => {
            let node = ast::FilterBlock {
                filter: expression(&s.filter)?,
                body: rewrite_all(&s.body)?,
            };
            Stmt::FilterBlock(Spanned::new(node, s.span()))
        }
        Stmt::AutoEscape(s) => Stmt::Template(Spanned::new(
            ast::Template {
                children: rewrite_all(&s.body)?,
            },
            s.span(),
        )),
        Stmt::Macro(s) => Stmt::Macro(rewrite_macro(s)?),
        Stmt::CallBlock(s) => {
            let node = ast::CallBlock {
                call: call(&s.call)?,
                macro_decl: rewrite_macro(&s.macro_decl)?,
            };
            Stmt::CallBlock(Spanned::new(node, s.span()))
        }
        Stmt::Do(s) => Stmt::Do(Spanned::new(
            ast::Do {
                call: call(&s.call)?,
            },
            s.span(),
        )),
        Stmt::Continue(s) => Stmt::Continue(Spanned::new(ast::Continue, s.span())),
        Stmt::Break(s) => Stmt::Break(Spanned::new(ast::Break, s.span())),
        Stmt::Block(_)
        | Stmt::Import(_)
        | Stmt::FromImport(_)
        | Stmt::Extends(_)
        | Stmt::Include(_) => {
            let message = "block, extends, include and import have no meaning in a chat template";
            return Err(TemplateError::Parse(message.to_owned()));
        }
    })
}

fn emit(expr: Expr<'_>, span: Span) -> Stmt<'_> {
    Stmt::EmitExpr(Spanned::new(ast::EmitExpr { expr }, span))
}

fn macro_charge<'a>(span: Span) -> Stmt<'a> {
    // Printed as nothing: `charge` returns nothing, which is `none`, hence the test.
    let charged = call_named(names::MACRO, Vec::new(), span);
    let node = ast::IfCond {
        expr: charged,
        true_body: Vec::new(),
        false_body: Vec::new(),
    };
    Stmt::IfCond(Spanned::new(node, span))
}

fn rewrite_macro<'a>(decl: &Spanned<ast::Macro<'a>>) -> Rewritten<Spanned<ast::Macro<'a>>> {
    // A default may name an argument before it, but the engine computes defaults from the last to the first.
    // So those that are not constant are set by the body.
    let first = decl.args.len().saturating_sub(decl.defaults.len());
    let mut defaults = Vec::with_capacity(decl.defaults.len());
    let mut body = Vec::new();
    for (arg, default) in decl.args.iter().skip(first).zip(&decl.defaults) {
        let rewritten = expression(default)?;
        if matches!(rewritten, Expr::Const(_)) {
            defaults.push(rewritten);
        } else {
            body.push(default_for(
                target(arg)?,
                target(arg)?,
                rewritten,
                default.span(),
            ));
            defaults.push(constant(minijinja::Value::UNDEFINED, default.span()));
        }
    }
    body.append(&mut rewrite_all(&decl.body)?);
    let node = ast::Macro {
        name: decl.name,
        args: decl.args.iter().map(target).collect::<Rewritten<_>>()?,
        defaults,
        body,
    };
    Ok(Spanned::new(node, decl.span()))
}

/// `{% if arg is undefined %}{% set arg = default %}{% endif %}`
fn default_for<'a>(arg: Expr<'a>, tested: Expr<'a>, default: Expr<'a>, span: Span) -> Stmt<'a> {
    let absent = ast::Test {
        name: "undefined",
        expr: tested,
        args: Vec::new(),
    };
    let set = ast::Set {
        target: arg,
        expr: default,
    };
    let node = ast::IfCond {
        expr: Expr::Test(Spanned::new(absent, span)),
        true_body: vec![Stmt::Set(Spanned::new(set, span))],
        false_body: Vec::new(),
    };
    Stmt::IfCond(Spanned::new(node, span))
}

/// What stands left of `=`, or between `for` and `in`.
fn target<'a>(expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
    Ok(match expr {
        Expr::Var(e) => variable(e.id, e.span()),
        Expr::List(e) => {
            let items = e.items.iter().map(target).collect::<Rewritten<_>>()?;
            Expr::List(Spanned::new(ast::List { items }, e.span()))
        }
        Expr::GetAttr(e) => Expr::GetAttr(Spanned::new(
            ast::GetAttr {
                expr: target(&e.expr)?,
                name: e.name,
            },
            e.span(),
        )),
        _ => {
            return Err(TemplateError::Parse(
                "cannot assign to this expression".to_owned(),
            ));
        }
    })
}

/// What stands right of `=`. What goes into a namespace is checked; a list of targets may hold one.
fn stored<'a>(to: &Expr<'a>, value: &Expr<'a>) -> Rewritten<Expr<'a>> {
    let rewritten = expression(value)?;
    Ok(match to {
        Expr::Var(_) => rewritten,
        _ => guarded(names::STORE, rewritten, value.span()),
    })
}
