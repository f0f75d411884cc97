//! Turns that are left open, media, and tools: what the corpus of `tests/template_corpus.rs` does not show.

use serde_json::json;

use super::*;
use crate::chat::{Content, Media, Part, Role, ToolCall};

fn template_piece(text: &str) -> PromptPiece {
    PromptPiece::Template(text.to_owned())
}

fn literal(text: &str) -> PromptPiece {
    PromptPiece::Literal(text.to_owned())
}

fn continued(source: &str, content: impl Into<Content>) -> Result<Vec<PromptPiece>, TemplateError> {
    let mut last = ChatMessage::assistant("");
    last.content = Some(content.into());
    let messages = [ChatMessage::user("q"), last];
    template(source)?.render(&RenderInput {
        end: PromptEnd::OpenTurn,
        ..RenderInput::new(&messages)
    })
}

#[test]
fn an_open_turn_ends_where_its_content_ends() {
    let exact = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}";
    let trims = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}";
    let twice = "{% for m in messages %}{{ m.content }}|{{ m.content }}.{% endfor %}";
    let cases = [
        (exact, "a b", "<user>q</><assistant>a b"),
        (exact, "a ", "<user>q</><assistant>a "),
        (exact, "", "<user>q</><assistant>"),
        (trims, "a b", "<user>q</><assistant>a b"),
        // What the template would have trimmed is trimmed.
        (trims, "a \n", "<user>q</><assistant>a"),
        (trims, " ", "<user>q</><assistant>"),
        (twice, "ab", "q|q.ab |ab"),
    ];
    for (source, content, expected) in cases {
        let pieces = continued(source, content).expect("is valid");
        assert_eq!(joined(&pieces), expected, "{source} of {content:?}");
        assert_eq!(pieces.len(), 1, "{source} of {content:?}");
    }
}

#[test]
fn an_open_turn_keeps_lookalikes_apart() {
    let exact = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}";
    let pieces = continued(exact, "a</s>").expect("is valid");
    assert_eq!(
        pieces,
        [template_piece("<user>q</><assistant>a"), literal("</s>")]
    );
}

#[test]
fn the_last_text_among_parts_is_left_open() {
    let source = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}\
                  {% for p in m.content %}{{ p.text if p.type == 'text' else '[' ~ p.type ~ ']' }}{% endfor %}\
                  {% endif %};{% endfor %}";
    let text = |text: &str| Part::Text(text.to_owned());
    let parts = vec![text("a"), text("b"), Part::Media(Media::Image)];
    assert_eq!(joined(&continued(source, parts).expect("is valid")), "q;ab");
    let only_media = vec![Part::Media(Media::Audio)];
    assert!(matches!(
        continued(source, only_media),
        Err(TemplateError::NotContinued(_))
    ));
}

#[test]
fn what_a_template_drops_cannot_be_continued() {
    let sources = [
        "{{ messages[0].content }}",
        "{{ messages[0].content }}{{ messages[1].content | upper }}",
        "{{ messages[0].content }}{{ messages[1].content.split('</think>')[-1] }}",
    ];
    for source in sources {
        let result = continued(source, "thought</think>said");
        assert!(
            matches!(result, Err(TemplateError::NotContinued(_))),
            "{source}: {result:?}"
        );
    }
    let source = "{{ messages | length }}";
    let input = RenderInput {
        end: PromptEnd::OpenTurn,
        ..RenderInput::new(&[])
    };
    let nobody = template(source).expect("is valid").render(&input);
    assert!(matches!(nobody, Err(TemplateError::NotContinued(_))));
}

#[test]
fn media_are_placed_by_the_template_or_as_pieces() {
    let knows_parts = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}\
                       {% for p in m.content %}{{ p.text if p.type == 'text' else '[' ~ p.type ~ ']' }}\
                       {% endfor %}{% endif %}{% endfor %}";
    let knows_text = "{% for m in messages %}{{ m.content | trim }}{% endfor %}";
    let image = PromptPiece::Media(Media::Image);
    let sound = PromptPiece::Media(Media::Audio);
    let cases = [
        (
            knows_parts,
            MediaStyle::Template,
            vec![template_piece("a[image]b[audio]")],
        ),
        (
            knows_parts,
            MediaStyle::Piece,
            vec![
                template_piece("a"),
                image.clone(),
                template_piece("b"),
                sound.clone(),
            ],
        ),
        // In a plain string, parts stand on lines of their own.
        (
            knows_text,
            MediaStyle::Template,
            vec![template_piece("a\n"), image, template_piece("\nb\n"), sound],
        ),
    ];
    let mut message = ChatMessage::user("");
    message.content = Some(Content::Parts(vec![
        Part::Text("a".to_owned()),
        Part::Media(Media::Image),
        Part::Text("b".to_owned()),
        Part::Media(Media::Audio),
    ]));
    for (source, media, expected) in cases {
        let messages = [message.clone()];
        let input = RenderInput {
            media,
            ..RenderInput::new(&messages)
        };
        let pieces = template(source).expect("is valid").render(&input);
        assert_eq!(pieces, Ok(expected), "{source}");
    }
}

#[test]
fn tools_and_documents_are_client_text_too() {
    let tools = [json!({"type": "function", "function": {"name": "</s>", "description": "d"}})];
    let documents = [json!({"title": "<|im_end|>", "text": "t"})];
    let messages = [ChatMessage::user("q")];
    let input = RenderInput {
        tools: &tools,
        documents: &documents,
        ..RenderInput::new(&messages)
    };
    let named = "{{ (tools or [{'function': {'name': ''}}]) | map(attribute='function.name') | join(' ') }}\
                 {{ documents | map(attribute='title') | join if documents }}{{ messages[-1].content }}";
    let pieces = template(named).expect("is valid").render(&input);
    let expected = [literal("</s><|im_end|>"), template_piece("q")];
    assert_eq!(pieces.expect("is valid"), expected);
    // A template that knows no tools gets them described, and that is no way in either.
    let knows_none = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
    let pieces = template(knows_none).expect("is valid").render(&input);
    let pieces = pieces.expect("is valid");
    assert!(joined(&pieces).starts_with("system: # Tools\n"));
    assert!(pieces.contains(&literal("</s>")), "{pieces:?}");
}

#[test]
fn ids_that_a_template_refuses_become_short_and_stay_tied() {
    let source = "{% macro id(text) %}{% if text | length != 9 %}{{ raise_exception('nine') }}{% endif %}{{ text }}\
                  {% endmacro %}{% for m in messages %}{% for c in m.tool_calls or [] %}\
                  {{ c.function | tojson }}{{ id(c.id) }}>{% endfor %}\
                  {{ id(m.tool_call_id) if m.tool_call_id }} {{ m.content or '' }}{% endfor %}\
                  {{ tools | tojson if tools }}";
    let template = template(source).expect("is valid");
    assert!(!template.traits().any_call_id);
    let prompt = |id: &str| {
        let mut call = ChatMessage::assistant("");
        call.tool_calls.push(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            arguments: json!({}),
        });
        let mut result = ChatMessage::text(Role::Tool, "r");
        result.tool_call_id = Some(id.to_owned());
        let messages = [call, result];
        joined(
            &template
                .render(&RenderInput::new(&messages))
                .expect("is valid"),
        )
    };
    let function = r#"{"name": "f", "arguments": {}}"#;
    assert_eq!(
        prompt("abcDEF123"),
        format!("{function}abcDEF123> abcDEF123 r")
    );
    let long = prompt("call_0123456789");
    let (before, after) = long.split_once("> ").expect("is there");
    let short = before.strip_prefix(function).expect("is there");
    assert_eq!(after, format!("{short} r"));
    assert_ne!(long, prompt("call_0123456788"));
}
