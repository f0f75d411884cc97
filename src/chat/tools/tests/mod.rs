//! Whatever the format: the whole answer, its pieces and its beginnings are read alike.

mod fuzz;

use serde_json::{Map, Value};

use super::corpus::{SAMPLES, Sample, tools};
use super::declared::Declared;
use super::json::MAX_DEPTH;
use super::openers::Openers;
use super::properties::{HEAL, Reading, STRICT, read, read_chars, strict};
use super::{Ending, ToolCallParser, ToolEvent, ToolFormat, ToolParserOptions};

/// Parts of markup that are never content. Half a marker at the end of an answer is text.
const MARKUP: &[&str] = &[
    "<tool_call>",
    "</tool_call>",
    "<function=",
    "<function name=\"",
    "</function>",
    "<parameter=",
    "<param name=\"",
    "</param",
    "[TOOL_CALLS]",
    "[ARGS]",
    "[CALL_ID]",
    "<|python_tag|>",
    "<|tool_call>",
    "<tool_call|>",
    "<|\"|>",
    "arg_key>",
    "arg_value>",
    "｜tool▁sep｜>",
    "▁begin｜>",
    "▁end｜>",
    "_begin|>",
    "_end|>",
    "tool_json|>",
    "<|end_message|>",
    "invoke>",
    "<invoke name=\"",
    "minimax:tool_call>",
    "\"name\"",
    "\"arguments\"",
    "\"parameters\"",
    ".call(",
];

fn expected(sample: &Sample) -> Vec<(String, Value)> {
    let json = |text| serde_json::from_str(text).expect("the table holds JSON");
    let calls = sample.calls.iter();
    calls
        .map(|(name, text)| ((*name).to_owned(), json(text)))
        .collect()
}

/// Everything that holds for every answer.
fn check(sample: &Sample) {
    let Sample { format, text, .. } = sample;
    let formats = [*format];
    let whole = read(&formats, &[text], HEAL, Ending::Natural);
    assert_eq!(
        whole.calls(),
        expected(sample),
        "{format:?} {text:?}\n{whole:?}"
    );
    assert_eq!(whole.content, sample.content, "{format:?} {text:?}");
    if sample.closed {
        let read = read(&formats, &[text], STRICT, Ending::Natural);
        assert_eq!(read, whole, "strictly, {format:?} {text:?}");
    } else {
        let read = read(&formats, &[text], STRICT, Ending::Natural);
        assert_ne!(read, whole, "strictly, {format:?} {text:?}");
    }
    let doubled = format!("{text}\n{text}");
    if sample.closed {
        let twice = read(&formats, &[&doubled], HEAL, Ending::Natural).calls();
        assert_eq!(
            twice,
            [expected(sample), expected(sample)].concat(),
            "{doubled:?}"
        );
    }
    for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
        for options in [HEAL, STRICT] {
            for ending in [Ending::Natural, Ending::Cut] {
                check_beginning(sample, &whole, end, options, ending);
            }
        }
    }
}

/// What holds for the beginning of an answer.
fn check_beginning(
    sample: &Sample,
    whole: &Reading,
    end: usize,
    options: ToolParserOptions,
    ending: Ending,
) {
    let formats = [sample.format];
    let text = &sample.text[..end];
    let what = format!("{:?} {text:?} {options:?} {ending:?}", sample.format);
    let part = read(&formats, &[text], options, ending);
    assert_eq!(part, read_chars(&formats, text, options, ending), "{what}");
    part.check(&what);
    for markup in MARKUP {
        // The beginning of bare JSON is text, where the model chose to end there.
        let is_text = sample.format == ToolFormat::LlamaBareJson && ending == Ending::Natural;
        let leaks = part.content.contains(markup) && !sample.content.contains(markup) && !is_text;
        assert!(!leaks, "{what}: {markup} in {:?}", part.content);
    }
    if ending == Ending::Cut {
        // The beginning of a word may have been one of a marker.
        let shown = part
            .content
            .trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let fits = whole.content.starts_with(shown) || options == STRICT;
        assert!(fits, "{what}: {:?}", part.content);
    }
    if options == HEAL {
        for ((name, arguments), (full_name, full)) in part.calls().iter().zip(whole.calls()) {
            assert_eq!(*name, full_name, "{what}");
            let none = Map::new();
            for (key, value) in arguments.as_object().unwrap_or(&none) {
                assert_eq!(full.get(key), Some(value), "{what}: {key} was invented");
            }
            let is_whole = *arguments == full;
            assert!(
                is_whole || ending == Ending::Natural,
                "{what}: arguments are missing"
            );
        }
        assert!(part.calls().len() <= whole.calls().len(), "{what}");
    }
}

#[test]
fn every_format_is_read_whole_in_pieces_and_cut_off() {
    for sample in SAMPLES {
        check(sample);
    }
    for format in ToolFormat::ALL {
        let samples = SAMPLES.iter().filter(|sample| sample.format == format);
        assert!(samples.count() >= 5, "{format:?}");
    }
}

#[test]
fn the_formats_do_not_hinder_each_other() {
    for sample in SAMPLES.iter().filter(|sample| !sample.calls.is_empty()) {
        let whole = read(&ToolFormat::ALL, &[sample.text], HEAL, Ending::Natural);
        assert_eq!(whole.calls(), expected(sample), "{:?}", sample.text);
        assert_eq!(whole.content, sample.content, "{:?}", sample.text);
    }
}

#[test]
fn events_come_as_soon_as_they_are_certain() {
    let cases = [
        (
            ToolFormat::HermesJson,
            "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Ber",
            "{\"city\": \"Ber",
        ),
        (
            ToolFormat::FunctionXml,
            "<function=get_weather>\n<parameter=city>\nBer",
            "{\"city\": \"Ber",
        ),
        (
            ToolFormat::Glm,
            "<tool_call>get_weather\n<arg_key>city</arg_key><arg_value>Ber",
            "{\"city\": \"Ber",
        ),
        (
            ToolFormat::Gemma4,
            "<|tool_call>call:get_weather{days:3,city:<|\"|>Ber",
            "{\"days\": 3, \"city\": \"Ber",
        ),
        (
            ToolFormat::LlamaCall,
            "<|python_tag|>get_weather.call(days='3', city=\"Ber",
            "{\"days\": 3, \"city\": \"Ber",
        ),
        (
            ToolFormat::Kimi,
            "<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": \"Ber",
            "{\"city\": \"Ber",
        ),
    ];
    for (format, text, arguments) in cases {
        let mut parser = ToolCallParser::new(&[format], &tools(), HEAL);
        let begun = ToolEvent::CallBegun {
            index: 0,
            name: "get_weather".to_owned(),
        };
        let json = arguments.to_owned();
        let sent = ToolEvent::Arguments { index: 0, json };
        assert_eq!(parser.push(text), [begun, sent], "{text}");
    }
}

#[test]
fn a_value_may_hold_what_looks_like_markup() {
    let content = "\n<parameter=b> </function> <function=nobody> </tool_call>.\n";
    let text = format!(
        "<function=write_file><parameter=path></parameter><parameter=content>\n{content}\n</parameter></function>"
    );
    for options in [HEAL, STRICT] {
        let whole = read(
            &[ToolFormat::FunctionXml],
            &[&text],
            options,
            Ending::Natural,
        );
        assert_eq!(whole.calls()[0].1["content"], content);
        assert_eq!(
            whole,
            read_chars(&[ToolFormat::FunctionXml], &text, options, Ending::Natural)
        );
    }
}

#[test]
fn text_waits_no_longer_than_a_marker_is() {
    let text = "If a < b then [x] holds: get_weath or call:get, <t>, <tool>, {a: 1} and\n{\"nam\": 1}, f[A]. ".repeat(5);
    for format in ToolFormat::ALL {
        let mut parser = ToolCallParser::new(&[format], &tools(), HEAL);
        let openers = Openers::new(&[format], &Declared::new(&tools()));
        let longest = openers.longest().max("{\"parameters\":".len());
        let (mut pushed, mut shown) = (0, 0);
        for c in text.chars() {
            pushed += c.len_utf8();
            for event in parser.push(c.encode_utf8(&mut [0; 4])) {
                match event {
                    ToolEvent::Text(text) => shown += text.len(),
                    event => panic!("{format:?}: {event:?}"),
                }
            }
            assert!(
                pushed - shown <= longest,
                "{format:?}: {} wait",
                pushed - shown
            );
        }
    }
}

#[test]
fn what_is_held_is_bounded() {
    let long = "x".repeat(100_000);
    let texts = [
        format!(
            "<tool_call>{{\"arguments\": {{\"city\": \"{long}\"}}, \"name\": \"get_weather\"}}</tool_call>"
        ),
        format!("<tool_call>{{\"x\": \"{long}\", \"name\": \"ping\"}}</tool_call>"),
        format!("<tool_call>{}x", " ".repeat(100_000)),
        format!("<function=get_weather><parameter=days>{long}</parameter></function>"),
        format!("{{\"type\": \"{long}\"}}"),
        format!("{{{}\"name\"", " ".repeat(100_000)),
    ];
    for text in &texts {
        let whole = read(&ToolFormat::ALL, &[text], HEAL, Ending::Natural);
        assert_eq!(
            whole,
            read_chars(&ToolFormat::ALL, text, HEAL, Ending::Natural)
        );
        whole.check(&text[..40]);
        assert_eq!(whole.calls(), []);
    }
    // Long texts that can be sent as they come are no problem.
    let text = format!("<function=write_file><parameter=content>{long}</parameter></function>");
    assert_eq!(strict(ToolFormat::FunctionXml, &text).calls().len(), 1);
}

#[test]
fn deep_nesting_ends_the_call_and_nothing_else() {
    for depth in [MAX_DEPTH - 2, MAX_DEPTH + 2, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let texts = [
            format!("[TOOL_CALLS]get_weather[ARGS]{{\"tags\": {nested}}}"),
            format!("<|python_tag|>get_weather.call(tags={nested})"),
            format!("<|tool_call>call:get_weather{{tags:{nested}}}<tool_call|>"),
            format!("<function=get_weather><parameter=tags>{nested}</parameter></function>"),
        ];
        for text in &texts {
            let whole = read(&ToolFormat::ALL, &[text], HEAL, Ending::Natural);
            whole.check(&text[..20]);
            let called = whole.calls().len();
            // The last one is a text: it stays one.
            assert!(
                called == usize::from(depth < MAX_DEPTH) || text.starts_with("<f"),
                "{}",
                &text[..20]
            );
        }
    }
}

#[test]
fn the_work_grows_with_the_text_and_no_faster() {
    let beginnings = [
        "",
        "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"",
        "<tool_call>{\"x\": ",
        "<function=get_weather><parameter=city>",
        "<function=get_weather><parameter=days>",
        "<|tool_call>call:get_weather{city:<|\"|>",
        "<|python_tag|>get_weather.call(tags=",
        "[TOOL_CALLS]ping{}",
        "{\"name\": \"get_weather\", \"parameters\": ",
        "```\n",
        "<tool_call>get_weather<arg_key>city</arg_key><arg_value>",
    ];
    let repeated = [
        "<",
        "<tool_call>",
        "\n",
        " ",
        "{",
        "[",
        "\"",
        "\\",
        "`",
        "{\"name\": \"",
        "\n{\"name\": \"get_weather\", ",
        "get_weather[ARGS]",
        "call:get",
        "<parameter=",
        "</function> ",
        "</function>\n<",
        "<|\"|",
        "<|python_tag|>ping.call(",
        "<tool_call>{\"arguments\": {",
        "[TOOL_CALLS][{",
        "<function=ping></function>",
        "</tool_call>",
        "<｜tool",
        "1,",
        "a",
        "<|tool_call_begin|>",
        "[THINK]",
        "{\"a\":",
    ];
    for beginning in beginnings {
        for part in repeated {
            let text = format!("{beginning}{}", part.repeat(60_000 / part.len()));
            let mut parser = ToolCallParser::new(&ToolFormat::ALL, &tools(), HEAL);
            parser.push(&text);
            parser.finish(Ending::Natural);
            let most = 3 * text.chars().count() + 20;
            assert!(
                parser.steps <= most,
                "{beginning} {part}: {} steps",
                parser.steps
            );
        }
    }
    let megabyte =
        "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"tags\": [[[<".repeat(16_000);
    let mut parser = ToolCallParser::new(&ToolFormat::ALL, &tools(), HEAL);
    let mut pushes = 0;
    for piece in megabyte.as_bytes().chunks(7) {
        parser.push(std::str::from_utf8(piece).expect("ASCII"));
        pushes += 1;
    }
    parser.finish(Ending::Natural);
    assert!(parser.steps <= 3 * megabyte.len() + pushes + 20);
}
