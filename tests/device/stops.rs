//! Stopping on a device that nobody can interrupt: what it was given is computed to its end, and no more.

use rein::{FinishReason, StopCause};

use super::stand_in::on_device;
use super::support::{finish, load, request, wait_until, words};

/// The most tokens of a prompt that a decode has (`EngineParams::max_chunk`).
const MAX_CHUNK: usize = 512;

#[test]
fn a_stop_in_the_prompt_ends_with_the_decode_that_is_running_and_others_lose_nothing() {
    on_device(&[("GRAPH_MS", "30")], || {
        let model = load();
        let other = model.generate(request(&model, "Once upon a time", 40));
        let other = other.expect("it is accepted");
        let reader = std::thread::spawn(move || finish(other));
        let victim = model.generate(request(&model, words(450), 40));
        let victim = victim.expect("it is accepted");
        let flag = victim.stop_flag().clone();
        let computed = || {
            let slots = model.loaded().engine.slots();
            let runs = slots.iter().filter_map(|slot| slot.run.as_ref());
            runs.filter(|run| run.n_prompt > 100)
                .map(|run| run.n_prompt_computed)
                .next()
        };
        wait_until("some of the prompt is read", || computed() > Some(0));
        flag.set(StopCause::User);
        let at_the_stop = computed().unwrap_or(0);
        wait_until("the engine lets go", || flag.is_released());
        let (tokens, summary) = finish(victim);
        assert_eq!(summary.reason, FinishReason::Stopped(StopCause::User));
        assert!(tokens.is_empty(), "{tokens:?}");
        let read = summary.timings.prompt_computed as usize;
        assert!(
            read <= at_the_stop + MAX_CHUNK && read < summary.usage.prompt_tokens as usize,
            "{at_the_stop}, {summary:?}"
        );
        let (tokens, summary) = reader.join().expect("no panic");
        assert_eq!(
            (tokens.len(), summary.reason),
            (40, FinishReason::Length),
            "the other run has its full count"
        );
    });
}

#[test]
fn a_stop_beside_others_leaves_them_their_full_counts_and_texts() {
    on_device(&[("GRAPH_MS", "5")], || {
        let model = load();
        let prompts = ["Once upon a time", "The sea is", "One, two, three,"];
        let alone: Vec<_> = prompts
            .iter()
            .map(|prompt| super::support::answer(&model, prompt, 48))
            .collect();
        let runs: Vec<_> = prompts
            .iter()
            .map(|prompt| model.generate(request(&model, *prompt, 48)))
            .map(|run| run.expect("it is accepted"))
            .collect();
        let readers: Vec<_> = runs
            .into_iter()
            .map(|run| std::thread::spawn(move || finish(run)))
            .collect();
        let mut victims = 0;
        while readers.iter().any(|reader| !reader.is_finished()) {
            let victim = model.generate(request(&model, format!("{victims} {}", words(60)), 500));
            let victim = victim.expect("it is accepted");
            let flag = victim.stop_flag().clone();
            std::thread::sleep(std::time::Duration::from_millis((victims * 17) % 60));
            flag.set(StopCause::User);
            wait_until("the engine lets go", || flag.is_released());
            victims += 1;
        }
        assert!(victims > 3, "too few victims to mean anything: {victims}");
        for (reader, alone) in readers.into_iter().zip(alone) {
            let (tokens, summary) = reader.join().expect("no panic");
            assert_eq!(summary.reason, FinishReason::Length);
            assert_eq!(tokens, alone);
        }
    });
}
