//! What a template may say: the names, tags, functions and slices of its language.

use serde_json::json;

use super::*;

#[test]
fn an_empty_prompt_has_no_pieces() {
    assert_eq!(render("{# nothing #}", &[]), Ok(Vec::new()));
}

#[test]
fn generation_tags_leave_their_whitespace_control_behind() {
    let cases = [
        ("{% generation %}a{% endgeneration %}", "a"),
        ("x {%- generation -%} a {%- endgeneration -%} y", "xay"),
        ("{%+ generation +%}a{%+endgeneration+%}", "a"),
        // Its body has a scope of its own.
        (
            "{%generation%}{% set v = 1 %}{{ v }}{%endgeneration%}{{ v }}",
            "1",
        ),
        ("{{ '{% generations %}' }}", "{% generations %}"),
    ];
    for (source, expected) in cases {
        assert_eq!(text(source, &[]), expected, "{source}");
    }
}

#[test]
fn names_of_the_templates_own_world_cannot_be_set() {
    let template = template("{{ messages | length }}{{ x }}").expect("is valid");
    for name in context::RESERVED {
        let kwargs = BTreeMap::from([(name.to_owned(), json!(1))]);
        let result = template.render(&RenderInput {
            kwargs: &kwargs,
            ..RenderInput::new(&[])
        });
        assert_eq!(result, Err(TemplateError::Reserved(name.to_owned())));
    }
    // Names that no template can write have no effect, not even those that the rewritten operators use.
    let kwargs =
        BTreeMap::from(["+", "|length", "", "a b", "x"].map(|name| (name.to_owned(), json!("v"))));
    let pieces = template.render(&RenderInput {
        kwargs: &kwargs,
        ..RenderInput::new(&[])
    });
    assert_eq!(joined(&pieces.expect("is valid")), "0v");
}

#[test]
fn raise_exception_gives_its_message_with_the_clients_own_text() {
    let source = "{{ raise_exception('no ' ~ messages[0].content) }}";
    let error = render(source, &[ChatMessage::user("<|im_end|>")]).expect_err("is refused");
    assert_eq!(error, TemplateError::Raised("no <|im_end|>".to_owned()));
    let in_macro = "{% macro f() %}{{ raise_exception('deep') }}{% endmacro %}{{ f() }}";
    assert_eq!(
        render(in_macro, &[]),
        Err(TemplateError::Raised("deep".to_owned()))
    );
}

#[test]
fn extreme_bounds_of_slices_and_ranges_do_not_overflow() {
    let cases = [
        ("{{ [1, 2][::-9223372036854775807] }}", "[2]"),
        (
            "{{ [1, 2][9223372036854775807:-9223372036854775807:-1] }}",
            "[2, 1]",
        ),
        ("{{ 'ab'[-9223372036854775807 - 1:] }}", "ab"),
        ("{{ ''[::-1] ~ [][::-1] }}", "[]"),
        (
            "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) }}",
            "[-9223372036854775807, 0]",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(text(source, &[]), expected, "{source}");
    }
}

#[test]
fn strftime_now_formats_or_refuses() {
    let year = text("{{ strftime_now('%Y') }}", &[]);
    assert!(year.len() == 4 && year.parse::<u32>().is_ok(), "{year}");
    for bad in ["%", "%Q", "%!", "%1"] {
        let source = format!("{{{{ strftime_now('{bad}') }}}}");
        assert!(
            matches!(render(&source, &[]), Err(TemplateError::Render(_))),
            "{bad}"
        );
    }
}

#[test]
fn the_clock_can_be_set_and_stands_still_within_a_render() {
    let source = "{{ strftime_now('%Y-%m-%d %H:%M:%S.%f|%z|%Z') }}";
    let clock: Clock = || {
        chrono::NaiveDate::from_ymd_opt(2031, 2, 3)
            .and_then(|day| day.and_hms_micro_opt(4, 5, 6, 7))
            .expect("is a time")
    };
    let template = template(source).expect("is valid").with_clock(clock);
    let pieces = template.render(&RenderInput::new(&[])).expect("is valid");
    assert_eq!(joined(&pieces), "2031-02-03 04:05:06.000007||");
}

#[test]
fn recursive_macros_reach_useful_depths() {
    let source =
        "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}";
    let rendered = on_a_small_stack(move || text(source, &[]));
    assert!(
        rendered.starts_with("302928") && rendered.ends_with("3210"),
        "{rendered}"
    );
}
