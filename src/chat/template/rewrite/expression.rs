//! Expressions, with every operation that could grow without bound as a call of its bounded form in `ops`,
//! `arithmetic`, `compare` or `filters`.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Spanned};

use super::super::compare::is_dict_method;
use super::super::filters;
use super::super::ops::names;
use super::Rewritten;

pub(super) fn optional<'a>(expr: Option<&Expr<'a>>) -> Rewritten<Option<Expr<'a>>> {
    expr.map(expression).transpose()
}

pub(super) fn variable(id: &str, span: Span) -> Expr<'_> {
    Expr::Var(Spanned::new(ast::Var { id }, span))
}

pub(super) fn constant<'a>(value: minijinja::Value, span: Span) -> Expr<'a> {
    Expr::Const(Spanned::new(ast::Const { value }, span))
}

pub(super) fn call_named<'a>(name: &'static str, args: Vec<Expr<'a>>, span: Span) -> Expr<'a> {
    let args = args.into_iter().map(CallArg::Pos).collect();
    Expr::Call(Spanned::new(
        ast::Call {
            expr: variable(name, span),
            args,
        },
        span,
    ))
}

pub(super) fn guarded<'a>(name: &'static str, expr: Expr<'a>, span: Span) -> Expr<'a> {
    call_named(name, vec![expr], span)
}

pub(super) fn expression<'a>(expr: &Expr<'a>) -> Rewritten<Expr<'a>> {
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
        Expr::GetAttr(e) if is_dict_method(e.name) => {
            let name = constant(e.name.into(), span);
            call_named(names::ATTRIBUTE, vec![expression(&e.expr)?, name], span)
        }
        Expr::GetAttr(e) => attribute(e)?,
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
        BinOpKind::Rem => return named(names::REM),
        BinOpKind::FloorDiv => return named(names::FLOOR_DIV),
        BinOpKind::Pow => return named(names::POW),
        BinOpKind::In => return named(names::IN),
        BinOpKind::Lt => return named(names::LESS),
        BinOpKind::Lte => return named(names::LESS_OR_EQUAL),
        BinOpKind::Gt => return named(names::GREATER),
        BinOpKind::Gte => return named(names::GREATER_OR_EQUAL),
        // Comparing with a constant costs no more than the constant is long.
        BinOpKind::Eq | BinOpKind::Ne if !is_constant(left) && !is_constant(right) => {
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
        key.as_str().is_some_and(|name| !is_dict_method(name))
            || key.as_i64().is_some_and(|index| (0..64).contains(&index))
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

fn attribute<'a>(node: &Spanned<ast::GetAttr<'a>>) -> Rewritten<Expr<'a>> {
    let rewritten = ast::GetAttr {
        expr: expression(&node.expr)?,
        name: node.name,
    };
    Ok(Expr::GetAttr(Spanned::new(rewritten, node.span())))
}

pub(super) fn call<'a>(node: &Spanned<ast::Call<'a>>) -> Rewritten<Spanned<ast::Call<'a>>> {
    let node_span = node.span();
    let rewritten = ast::Call {
        // `a.b()` is a method call of the engine's own.
        expr: match &node.expr {
            Expr::GetAttr(method) => attribute(method)?,
            other => expression(other)?,
        },
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
