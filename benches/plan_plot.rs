//! Draws what the planner makes of a workload, on a simulated machine that costs about what two cores do.
//!
//! Usage: `plan_plot > docs/plots/planner.svg`

#[path = "../tests/common/simulation.rs"]
#[allow(dead_code)]
mod simulation;

use std::fmt::Write;
use std::time::Duration;

use rein::engine::planner::Limits;
use simulation::{Arrival, Machine, Piece, simulate};

const LIMITS: Limits = Limits {
    max_step: Duration::from_millis(100),
    max_chunk: 512,
    can_abort: true,
};

/// SmolLM2 on two cores (docs/benchmarks.md, "Attention"), without noise.
const MACHINE: Machine = Machine {
    fixed: 0.010,
    token: 0.0041,
    row: 0.006,
    depth: 0.0022,
    jitter: 0.0,
};

/// Name, seconds, tokens of prompt and answer.
const RUNS: [(&str, f64, usize, usize); 5] = [
    ("stream", 0.0, 20, 170),
    ("second stream", 0.4, 30, 150),
    ("long prompt", 1.0, 1500, 20),
    ("short prompt", 3.0, 120, 60),
    ("middling prompt", 5.0, 600, 20),
];

const LANE: f64 = 34.0;
const LEFT: f64 = 120.0;
const WIDTH: f64 = 800.0;

fn main() {
    let arrivals = RUNS.map(|(_, at, prompt, answer)| Arrival { at, prompt, answer });
    let pieces = simulate(&arrivals, MACHINE, LIMITS, || 0.5, |_| {});
    print!("{}", svg(&pieces));
}

fn svg(pieces: &[Piece]) -> String {
    let end = pieces.iter().map(|piece| piece.to).fold(0.0, f64::max);
    let x = |seconds: f64| LEFT + seconds * (WIDTH - LEFT - 10.0) / end;
    let height = LANE * RUNS.len() as f64 + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (lane, (name, at, ..)) in RUNS.iter().enumerate() {
        let top = LANE * lane as f64 + 4.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"4\" y=\"{:.0}\">{name}</text><path d=\"M{:.1} {top:.0}v{:.0}\" stroke=\"#999\"/>",
            top + 17.0,
            x(*at),
            LANE - 8.0
        );
        let mine = |is_prompt: bool| {
            pieces
                .iter()
                .filter(move |piece| piece.run == lane && (piece.prompt_tokens > 0) == is_prompt)
        };
        svg += &path(mine(true), top, &x, "#3b6fb6", 0.75);
        svg += &path(mine(false), top, &x, "#d9822b", 1.0);
    }
    for second in 0..=end as usize {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{second} s</text>",
            x(second as f64),
            height - 10.0
        );
    }
    svg + "</svg>\n"
}

/// A box for each piece, in one path.
fn path<'a>(
    pieces: impl Iterator<Item = &'a Piece>,
    top: f64,
    x: &impl Fn(f64) -> f64,
    colour: &str,
    opacity: f64,
) -> String {
    let mut boxes = String::new();
    for piece in pieces {
        let (from, to) = (x(piece.from), x(piece.to));
        let width = (to - from - 0.4).max(0.4);
        let _ = write!(
            boxes,
            "M{from:.1} {top:.0}h{width:.1}v{:.0}h-{width:.1}z",
            LANE - 8.0
        );
    }
    format!("<path d=\"{boxes}\" fill=\"{colour}\" opacity=\"{opacity}\"/>\n")
}
