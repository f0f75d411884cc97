//! Templates that try to take time, memory or stack, and sources and prompts that are too large.

use super::*;

/// Templates that try to take time, memory or stack; each must end with an error.
const HOSTILE: &[&str] = &[
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(10**9) %}{% endfor %}",
    "{{ range(10**9) }}",
    "{% set ns = namespace(n=0) %}{% for a in range(99999) %}{% for b in range(99999) %}{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}0123456789{% endfor %}{% endfor %}",
    "{% set s = 'x' * 10**6 %}{% for i in range(99999) %}{{ s }}{% endfor %}",
    "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(n, m=f(n)) %}{{ n }}{% endmacro %}{{ f(1) }}",
    "{{ range(0, 10**18, 10**3) | list }}",
    "{{ range(-9223372036854775807, 9223372036854775807) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}",
    "{% macro f() %}{% call g() %}{{ f() }}{% endcall %}{% endmacro %}{% macro g() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ 'x' * 99999999999999999999999999 }}",
    "{{ ('x' * 1000000 * 1000000) | length }}",
    "{{ ([0] * 10**12) | length }}",
    "{{ [0] * 10**18 == [0] * 10**18 }}",
    "{% set x = 'a' * 1000 %}{{ x * 10**6 }}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s | replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('x', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s.join([ns.s, ns.s]) %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = '{}{}'.format(ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = '%s%s' | format(ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set t %}{{ ns.s }}{{ ns.s }}{% endset %}{% set ns.s = t %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | string %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | tojson %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | pprint %}{% endfor %}",
    "{% set ns = namespace(s='<') %}{% for i in range(99) %}{% set ns.s = ns.s | escape %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}",
    "{% set ns = namespace(l={}) %}{% for i in range(100000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}",
    "{% set ns = namespace(l={}) %}{% for i in range(100000) %}{% set ns.l = dict(a=ns.l) %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = ns.l | batch(1) | list %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.me = [{'x': ns}] %}{{ ns == ns }}",
    "{% set ns = namespace() %}{% for i in range(100000) %}{% set n = namespace(prev=ns) %}{% endfor %}",
    "{% set ns = namespace() %}{% macro m() %}{{ ns }}{% endmacro %}{% set ns.m = m %}",
    "{% set ns = namespace() %}{% for i in [1] %}{% set ns.l = loop %}{% endfor %}",
    "{% set ns = namespace(m=[]) %}{% for i in range(100000) %}{% macro m() %}{{ i }}{% endmacro %}{% endfor %}",
    "{{ {'a': 1} | tojson(indent=10**12) }}",
    "{{ 'a\nb' | indent(10**12) }}",
    "{{ 'a' | center(10**12) }}",
    "{{ 'a'.center(10**12) }}{{ 'a'.zfill(10**12) }}",
    "{{ [1] | batch(10**12, 'x') | list }}",
    "{{ [1] | slice(10**12) | list }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%.1000000000f' | format(1.5) }}",
    "{{ '%*d' | format(1000000000, 1) }}",
    "{{ '{:1000000000}'.format('x') }}",
    "{{ '{:>{}}'.format('x', 1000000000) }}",
    "{{ f(*([0] * 10**12)) }}",
    "{{ dict(**{'a': [0] * 10**12}) }}",
    "{% for c in 'x' * 10**9 %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{{ 'y' in s }}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% if s[i] == 'y' %}{% endif %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% if s[-1] == 'y' %}{% endif %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set n = s | length %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% set t = 'x' * 10**7 %}{% for i in range(99999) %}{% if s == t == s %}{% endif %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% set t = 'x' * 10**7 %}{% for i in range(99999) %}{% if [s] * 99 < [t] * 99 %}{% endif %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set l = s.strip() %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set l = [s] | map('upper') | list %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% if s is in [s, s] %}{% endif %}{% endfor %}",
    "{{ 'x' | list | map('replace', 'x', 'y' * 10**9) | list }}",
    "{{ 9 // 0 }}",
    "{{ 170141183460469231731687303715884105727 + 1 }}",
    "{{ 2 ** 1000 }}",
    "{{ nothing.at.all }}",
    "{{ nothing() }}",
    "{{ nothing | unknown_filter }}",
    "{{ 1 is unknown_test }}",
    "{{ messages.unknown_method() }}",
    "{{ 'a' + 1 }}",
    "{{ 'a' < 1 }}",
    "{{ 1 in 'a' }}",
    "{% for x in none %}{% endfor %}",
    "{{ nothing | tojson }}",
    "{{ {'a': messages.x} | tojson }}",
    "{{ namespace() | tojson }}",
    "{{ {'a': 1}.items | tojson }}",
    "{{ ', '.join([1]) }}",
    "{{ 10 ** 1000 }}",
    "{{ (-170141183460469231731687303715884105727 - 1) // -1 }}",
    "{{ '%s' * 10**7 % (['x' * 10**7] * 9) }}",
    "{{ 'x' | truncate(1, true, 'y' * 10**9) }}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% if s < s %}{% endif %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set t = s.title() %}{% endfor %}",
    "{% set s = ' ' * 10**7 ~ 'x' %}{% for i in range(99999) %}{% set t = s.strip('abc ') %}{% endfor %}",
    "{% set s = '\n' * 10**7 %}{% for i in range(99999) %}{% set t = s.splitlines() %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set t = s.find('y', 5) %}{% endfor %}",
    "{% set s = 'x' * 10**7 %}{% for i in range(99999) %}{% set t = s | int %}{% endfor %}",
    "{% set l = [1] * 10**5 %}{% for i in range(99999) %}{% set t = 2 in l %}{% endfor %}",
    "{{ none + 'a' }}",
    "{{ debug() }}",
    "{{ self.x() }}",
    "{{ super() }}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% break %}",
    "{% if %}",
    "{% endfor %}",
    "{{",
    "{% raw %}",
    "{{ 'unclosed }}",
    "{% set messages.x = 1 %}",
    "{% set a[0] = 1 %}",
];

#[test]
fn hostile_templates_end_with_an_error() {
    for source in HOSTILE {
        let result = on_a_small_stack(|| render(source, &[ChatMessage::user("hi")]));
        assert!(result.is_err(), "{source}: {result:?}");
        let message = result.expect_err("is refused").to_string();
        assert!(
            !message.contains("engine failed"),
            "{source} made the engine panic"
        );
        assert!(message.len() < 1_000, "{source}: {message}");
    }
}

#[test]
fn hostile_nesting_is_refused_or_survived_on_a_small_stack() {
    let repeat = |open: &str, middle: &str, close: &str, times: usize| {
        open.repeat(times) + middle + &close.repeat(times)
    };
    let wrap = |expression: String| format!("{{{{ {expression} }}}}");
    for times in [50, 140, 400, 5_000, 100_000] {
        let sources = [
            wrap(repeat("(", "1", ")", times)),
            wrap(repeat("[", "1", "]", times)),
            wrap(repeat("{1:", "1", "}", times)),
            wrap(repeat("f(", "1", ")", times)),
            wrap(repeat("a[", "1", "]", times)),
            wrap(repeat("not ", "1", "", times)),
            wrap(repeat("-", "1", "", times)),
            wrap(repeat("1 if ", "1", " else 1", times)),
            wrap(repeat("1 + ", "1", "", times)),
            wrap(repeat("1 - ", "1", "", times)),
            wrap(repeat("x ~ ", "1", "", times)),
            wrap(repeat("x and ", "1", "", times)),
            wrap(repeat("2 ** ", "1", "", times)),
            wrap(repeat("x < ", "1", "", times)),
            wrap(repeat("", "x", ".a", times)),
            wrap(repeat("", "x", "[0]", times)),
            wrap(repeat("", "x", "[:]", times)),
            wrap(repeat("", "x", "()", times)),
            wrap(repeat("", "x", "|trim", times)),
            wrap(repeat("", "x", " is odd", times)),
            wrap(repeat("", "x", " if 1", times)),
            wrap(repeat("", "'x'", "'y'", times)),
            repeat("{% if 1 %}", "x", "{% endif %}", times),
            repeat("{% for x in y %}", "x", "{% endfor %}", times),
            repeat("{% macro f() %}", "x", "{% endmacro %}", times),
            repeat("{% call f() %}", "x", "{% endcall %}", times),
            repeat("{% filter trim %}", "x", "{% endfilter %}", times),
            repeat("{% with %}", "x", "{% endwith %}", times),
            repeat("{% set x %}", "x", "{% endset %}", times),
            repeat("{% generation %}", "x", "{% endgeneration %}", times),
            format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(times)),
            format!(
                "{{% set {}x{} = 1 %}}",
                "(".repeat(times),
                ")".repeat(times)
            ),
            "{% set x = [x] %}".repeat(times),
            "{% set g = f %}{% macro f() %}{{ g }}{% endmacro %}".repeat(times),
            "{".repeat(times),
            "{%".repeat(times),
            "{#".repeat(times),
            "{% raw %}".repeat(times),
        ];
        for source in sources {
            let shown: String = source.chars().take(60).collect();
            let result = on_a_small_stack(move || render(&source, &[]));
            let failed = result.is_err_and(|error| error.to_string().contains("engine failed"));
            assert!(!failed, "{times} × {shown} made the engine panic");
        }
    }
}

#[test]
fn a_source_over_its_size_limit_is_refused() {
    let fits = "0123456\n".repeat(compile::MAX_SOURCE / 8);
    assert!(template(&fits).is_ok());
    assert!(matches!(
        template(&(fits + "x")),
        Err(TemplateError::Parse(_))
    ));
}

#[test]
fn a_prompt_over_its_size_limit_is_refused() {
    let messages = vec![ChatMessage::user("x".repeat(1 << 20)); 17];
    let printed = "{% for m in messages %}{{ m.content }}{% endfor %}";
    assert!(matches!(
        render(printed, &messages),
        Err(TemplateError::TooLarge(_))
    ));
    assert!(render(printed, &messages[..15]).is_ok());
}
