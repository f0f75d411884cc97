//! What a streamed token costs rein's own part of the HTTP side: read for thoughts and tool calls, encoded, written to a
//! socket. No model, no runtime, nobody to be woken: `benches/http_cost.py` measures all of it.
//!
//! `target/release/examples/answer_cost [ROUNDS]` prints microseconds a token, for answers of 100 and of 4,000 tokens, with
//! and without the socket, with warm caches and after 32 MiB have been read as a decode reads its weights.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rein::Delta;
use rein::api::Surface;
use rein::api::openai::{ChatStreamEncoder, CompletionHead};
use rein::chat::reasoning::{Piece, ReasoningFormat, ReasoningSplitter, ThoughtStart};
use rein::chat::tools::{DeclaredTool, ToolCallParser, ToolEvent, ToolFormat, ToolParserOptions};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// Tokens as a model draws them, with what might begin a tag or a call among them.
const TOKENS: [&str; 16] = [
    "The", " river", " is", " long", " and", " cold", ",", " but", " 3", " <", " 4", ".", "\n",
    " {\"", "a\"", "}",
];

/// What is read through the caches between two tokens, in bytes.
const WEIGHTS: usize = 32 << 20;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().nth(1).map_or(Ok(5), |it| it.parse())?;
    let mut socket = drained_socket()?;
    let weights = vec![1_u8; WEIGHTS];
    println!(
        "{:8} {:8} {:>6} {:>12} {:>18}",
        "caches", "socket", "tokens", "us a token", "least..most"
    );
    for is_cold in [false, true] {
        for writes in [false, true] {
            for n in [100, 4000] {
                let mut times = Vec::new();
                for _ in 0..rounds {
                    let weights = is_cold.then_some(&weights[..]);
                    let socket = writes.then_some(&mut socket);
                    times.push(answer(n, weights, socket)?.as_secs_f64() * 1e6 / n as f64);
                }
                times.sort_by(f64::total_cmp);
                println!(
                    "{:8} {:8} {n:6} {:12.2} {:>18}",
                    if is_cold { "cold" } else { "warm" },
                    if writes { "written" } else { "-" },
                    times[times.len() / 2],
                    format!("{:.2}..{:.2}", times[0], times[times.len() - 1]),
                );
            }
        }
    }
    Ok(())
}

/// A connection whose other end reads everything.
fn drained_socket() -> Result<TcpStream, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = TcpStream::connect(listener.local_addr()?)?;
    socket.set_nodelay(true)?;
    let (mut other, _) = listener.accept()?;
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while other.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    Ok(socket)
}

/// The time that an answer of so many tokens takes, without the reading of weights between them.
fn answer(
    n: usize,
    weights: Option<&[u8]>,
    mut socket: Option<&mut TcpStream>,
) -> Result<Duration, Failure> {
    let tool = DeclaredTool {
        name: "look".into(),
        parameters: json!({"type": "object"}),
    };
    let options = ToolParserOptions { auto_heal: true };
    let mut thoughts = ReasoningSplitter::new(ReasoningFormat::Think, ThoughtStart::Absent);
    let mut tools = ToolCallParser::new(&[ToolFormat::HermesJson], &[tool], options);
    let head = CompletionHead::new("model", "fp_0", 0);
    let mut encoder = ChatStreamEncoder::new(&head, 1, Some(true), Surface::OpenAi);
    let mut spent = Duration::ZERO;
    for token in TOKENS.iter().cycle().take(n) {
        if let Some(weights) = weights {
            // A byte of each cache line.
            black_box(
                weights
                    .iter()
                    .step_by(64)
                    .map(|&byte| u64::from(byte))
                    .sum::<u64>(),
            );
        }
        let begun = Instant::now();
        for piece in thoughts.push(token) {
            let Piece::Content(content) = piece else {
                continue;
            };
            for event in tools.push(&content) {
                let ToolEvent::Text(text) = event else {
                    continue;
                };
                let delta = Delta::Text {
                    text,
                    tokens: Vec::new(),
                    logprobs: Vec::new(),
                };
                let frame = encoder.delta(0, &delta);
                match &mut socket {
                    Some(socket) => socket.write_all(&frame)?,
                    None => drop(black_box(frame)),
                }
            }
        }
        spent += begun.elapsed();
    }
    Ok(spent)
}
