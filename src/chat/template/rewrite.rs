//! The syntax tree, with every operation that could grow without bound as a call of its bounded form in
//! `ops` or `filters`.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Spanned, Stmt};

use super::ops::names;
use super::{TemplateError, filters};

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
    let node = ast::Macro {
        name: decl.name,
        args: decl.args.iter().map(target).collect::<Rewritten<_>>()?,
        defaults: decl
            .defaults
            .iter()
            .map(expression)
            .collect::<Rewritten<_>>()?,
        body: rewrite_all(&decl.body)?,
    };
    Ok(Spanned::new(node, decl.span()))
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

fn optional<'a>(expr: Option<&Expr<'a>>) -> Rewritten<Option<Expr<'a>>> {
    expr.map(expression).transpose()
}

fn variable(id: &str, span: Span) -> Expr<'_> {
    Expr::Var(Spanned::new(ast::Var { id }, span))
}

fn constant<'a>(value: minijinja::Value, span: Span) -> Expr<'a> {
    Expr::Const(Spanned::new(ast::Const { value }, span))
}

fn call_named<'a>(name: &'static str, args: Vec<Expr<'a>>, span: Span) -> Expr<'a> {
    let args = args.into_iter().map(CallArg::Pos).collect();
    Expr::Call(Spanned::new(
        ast::Call {
            expr: variable(name, span),
            args,
        },
        span,
    ))
}

fn guarded<'a>(name: &'static str, expr: Expr<'a>, span: Span) -> Expr<'a> {
    call_named(name, vec![expr], span)
}

fn expression<'a>(expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
    let span = expr.span();
    Ok(match expr {
        Expr::Var(e) => variable(e.id, span),
        Expr::Const(e) => constant(e.value.clone(), span),
        Expr::Slice(e) => {
            let bound = |at: Option<&Expr<'a>>| {
                Ok(optional(at)?.unwrap_or_else(|| constant(().into(), span)))
            };
            let args = vec![
                expression(&e.expr)?,
                bound(e.start.as_ref())?,
                bound(e.stop.as_ref())?,
                bound(e.step.as_ref())?,
            ];
            call_named(names::SLICE, args, span)
        }
        Expr::UnaryOp(e) => {
            // The operator's type can be neither copied nor cloned.
            let op = if matches!(e.op, ast::UnaryOpKind::Not) {
                ast::UnaryOpKind::Not
            } else {
                ast::UnaryOpKind::Neg
            };
            let expr = expression(&e.expr)?;
            Expr::UnaryOp(Spanned::new(ast::UnaryOp { op, expr }, span))
        }
        Expr::BinOp(e) => binary(e.op, &e.left, &e.right, span)?,
        Expr::Compare(e) => {
            let next = |op: &ast::CompareOp<'a>| {
                Ok(ast::CompareOp {
                    op: op.op,
                    expr: scanned(&op.expr)?,
                })
            };
            let ops = e.ops.iter().map(next).collect::<Rewritten<_>>()?;
            Expr::Compare(Spanned::new(
                ast::Compare {
                    expr: scanned(&e.expr)?,
                    ops,
                },
                span,
            ))
        }
        Expr::IfExpr(e) => {
            let node = ast::IfExpr {
                test_expr: expression(&e.test_expr)?,
                true_expr: expression(&e.true_expr)?,
                false_expr: optional(e.false_expr.as_ref())?,
            };
            Expr::IfExpr(Spanned::new(node, span))
        }
        Expr::Filter(e) => filter(e, span)?,
        Expr::Test(e) => {
            let node = ast::Test {
                name: e.name,
                expr: scanned_for_test(e)?,
                args: arguments(&e.args)?,
            };
            Expr::Test(Spanned::new(node, span))
        }
        Expr::GetAttr(e) => Expr::GetAttr(Spanned::new(
            ast::GetAttr {
                expr: expression(&e.expr)?,
                name: e.name,
            },
            span,
        )),
        Expr::GetItem(e) => subscript(e, span)?,
        Expr::Call(e) => Expr::Call(call(e)?),
        Expr::List(e) => {
            let items = e
                .items
                .iter()
                .map(expression)
                .collect::<Rewritten<Vec<_>>>()?;
            keep_unless_constant(Expr::List(Spanned::new(ast::List { items }, span)), span)
        }
        Expr::Map(e) => {
            let node = ast::Map {
                keys: e.keys.iter().map(expression).collect::<Rewritten<_>>()?,
                values: e.values.iter().map(expression).collect::<Rewritten<_>>()?,
            };
            keep_unless_constant(Expr::Map(Spanned::new(node, span)), span)
        }
    })
}

fn keep_unless_constant(literal: Expr<'_>, span: Span) -> Expr<'_> {
    if literal.as_const().is_some() {
        literal
    } else {
        guarded(names::KEEP, literal, span)
    }
}

/// An operand that will be read to its end; constants are short.
fn scanned<'a>(expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
    let rewritten = expression(expr)?;
    Ok(match rewritten {
        constant @ Expr::Const(_) => constant,
        other => guarded(names::SCAN, other, expr.span()),
    })
}

/// Tests of a value's kind look at nothing inside; the others compare.
fn scanned_for_test<'a>(test: &ast::Test<'a>) -> Rewritten<Expr<'a>> {
    const SHALLOW: [&str; 17] = [
        "defined",
        "undefined",
        "none",
        "string",
        "mapping",
        "sequence",
        "iterable",
        "number",
        "integer",
        "int",
        "float",
        "boolean",
        "true",
        "false",
        "odd",
        "even",
        "callable",
    ];
    if SHALLOW.contains(&test.name) {
        expression(&test.expr)
    } else {
        scanned(&test.expr)
    }
}

fn binary<'a>(op: BinOpKind, left: &Expr<'a>, right: &Expr<'a>, span: Span) -> Rewritten<Expr<'a>> {
    let named = |name| {
        Ok(call_named(
            name,
            vec![expression(left)?, expression(right)?],
            span,
        ))
    };
    let is_constant = |side: &Expr<'a>| matches!(side, Expr::Const(_));
    let (left, right) = match op {
        BinOpKind::Add => return named(names::ADD),
        BinOpKind::Mul => return named(names::MUL),
        BinOpKind::Concat => return named(names::CONCAT),
        BinOpKind::In => (expression(left)?, scanned(right)?),
        // Comparing with a constant costs no more than the constant is long.
        BinOpKind::Eq
        | BinOpKind::Ne
        | BinOpKind::Lt
        | BinOpKind::Lte
        | BinOpKind::Gt
        | BinOpKind::Gte
            if !is_constant(left) && !is_constant(right) =>
        {
            (scanned(left)?, scanned(right)?)
        }
        _ => (expression(left)?, expression(right)?),
    };
    Ok(Expr::BinOp(Spanned::new(
        ast::BinOp { op, left, right },
        span,
    )))
}

fn filter<'a>(node: &Spanned<ast::Filter<'a>>, span: Span) -> Rewritten<Expr<'a>> {
    let mut args = arguments(&node.args)?;
    match (&node.expr, filters::priced_name(node.name)) {
        (Some(value), Some(name)) => {
            args.insert(0, CallArg::Pos(expression(value)?));
            Ok(Expr::Call(Spanned::new(
                ast::Call {
                    expr: variable(name, span),
                    args,
                },
                span,
            )))
        }
        // A filter block finds its value on the engine's stack; an unknown filter is for the engine to refuse.
        (value, _) => {
            let node = ast::Filter {
                name: node.name,
                expr: optional(value.as_ref())?,
                args,
            };
            Ok(Expr::Filter(Spanned::new(node, span)))
        }
    }
}

fn subscript<'a>(node: &Spanned<ast::GetItem<'a>>, span: Span) -> Rewritten<Expr<'a>> {
    let (value, key) = (expression(&node.expr)?, expression(&node.subscript_expr)?);
    // In a string, the way to a far or negative index is long.
    let near = |key: &minijinja::Value| {
        key.as_str().is_some() || key.as_i64().is_some_and(|index| (0..64).contains(&index))
    };
    match &key {
        Expr::Const(c) if near(&c.value) => Ok(Expr::GetItem(Spanned::new(
            ast::GetItem {
                expr: value,
                subscript_expr: key,
            },
            span,
        ))),
        _ => Ok(call_named(names::ITEM, vec![value, key], span)),
    }
}

fn call<'a>(node: &Spanned<ast::Call<'a>>) -> Rewritten<Spanned<ast::Call<'a>>> {
    let node_span = node.span();
    let rewritten = ast::Call {
        expr: expression(&node.expr)?,
        args: arguments(&node.args)?,
    };
    Ok(Spanned::new(rewritten, node_span))
}

fn arguments<'a>(args: &[CallArg<'a>]) -> Rewritten<Vec<CallArg<'a>>> {
    let rewrite = |arg: &CallArg<'a>| {
        Ok(match arg {
            CallArg::Pos(e) => CallArg::Pos(expression(e)?),
            CallArg::Kwarg(name, e) => CallArg::Kwarg(name, expression(e)?),
            CallArg::PosSplat(e) => {
                CallArg::PosSplat(guarded(names::KEEP, expression(e)?, e.span()))
            }
            CallArg::KwargSplat(e) => {
                CallArg::KwargSplat(guarded(names::KEEP, expression(e)?, e.span()))
            }
        })
    };
    args.iter().map(rewrite).collect()
}
