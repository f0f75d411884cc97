//! One prefix, computed once: by runs at the same time, by one after the other, and out of host memory.

use rein::generation::tokenize;
use rein::{LocalModel, Prompt, StopCause};

use super::replay::replay;
use super::support::{
    Answer, GEMMA, SMOLLM, endless, ends, finish, load, load_for, wait_until, words,
};

/// Checks an answer against the model's own opinion of its prefix.
fn assert_right(model: &LocalModel, prompt: &str, answer: &Answer) {
    let prompt = tokenize(model.loaded(), &Prompt::Text(prompt.into())).unwrap();
    replay(model, &prompt, &answer.tokens, &ends(model)).assert_of_the_right_cells();
}

#[test]
fn runs_that_share_a_prefix_compute_it_once() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 2048);
        let shared = words(31, 500);
        let n_shared = tokenize(model.loaded(), &Prompt::Text(shared.clone()))
            .unwrap()
            .len();
        let prompts = ["Alpha", "Beta", "Gamma", "Delta"].map(|end| format!("{shared} {end}"));
        let runs = prompts
            .each_ref()
            .map(|prompt| model.generate(endless(&model, prompt.clone(), 40)).unwrap());
        let answers = runs.map(finish);
        let computed: u32 = answers
            .iter()
            .map(|answer| answer.summary.timings.prompt_computed)
            .sum();
        assert!(
            f64::from(computed) <= 1.1 * n_shared as f64,
            "{name}: {computed} tokens computed for a prefix of {n_shared}"
        );
        assert_right(&model, &prompts[3], &answers[3]);
    }
}

#[test]
fn who_waits_for_a_prefix_finishes_when_its_leader_is_stopped() {
    let model = load(SMOLLM, 4096);
    let shared = words(32, 1500);
    let leader = model.generate(endless(&model, shared.clone(), 5)).unwrap();
    let is_reading = || {
        let slots = model.loaded().engine.slots();
        let mut runs = slots.iter().filter_map(|slot| slot.run.as_ref());
        runs.any(|run| run.n_prompt_computed > 100)
    };
    wait_until("the leader reads its prompt", is_reading);
    let prompts = ["Alpha", "Beta"].map(|end| format!("{shared} {end}"));
    let followers = prompts
        .each_ref()
        .map(|prompt| model.generate(endless(&model, prompt.clone(), 40)).unwrap());
    wait_until("all have a sequence", || {
        model.loaded().engine.waiting() == 0
    });
    leader.stop_flag().set(StopCause::User);
    drop(leader);
    let answers = followers.map(finish);
    assert_right(&model, &prompts[1], &answers[1]);
    // What the leader had read is not read again, and what the first follower read is not either.
    let computed: Vec<u32> = answers
        .iter()
        .map(|answer| answer.summary.timings.prompt_computed)
        .collect();
    assert!(computed[1] < 50, "{computed:?}");
}

#[test]
fn conversations_without_a_sequence_come_back_from_host_memory() {
    for name in [SMOLLM, GEMMA] {
        // Two sequences for five conversations.
        let model = load_for(name, 2048, 2);
        let turns: Vec<(String, Answer)> = (0..5)
            .map(|i| {
                let prompt = words(40 + i, 200);
                let answer = finish(model.generate(endless(&model, prompt.clone(), 12)).unwrap());
                (prompt, answer)
            })
            .collect();
        for (prompt, answer) in &turns {
            let next = format!("{prompt}{} And then", answer.text);
            let second = finish(model.generate(endless(&model, next.clone(), 40)).unwrap());
            let usage = second.summary.usage;
            assert!(
                usage.cached_tokens >= answer.summary.usage.prompt_tokens,
                "{name}: {usage:?}"
            );
            assert_right(&model, &next, &second);
        }
    }
}

#[test]
fn another_answer_to_the_same_prompt_reads_next_to_nothing_again() {
    let model = load(GEMMA, 4096);
    // Long enough that the sliding window of 512 has moved past the end of the prompt.
    let prompt = words(50, 300);
    let first = finish(
        model
            .generate(endless(&model, prompt.clone(), 700))
            .unwrap(),
    );
    assert_eq!(first.tokens.len(), 700);
    let again = format!("{prompt} Differently");
    let second = finish(model.generate(endless(&model, again.clone(), 40)).unwrap());
    let computed = second.summary.timings.prompt_computed;
    assert!(computed < 16, "{computed} tokens read again");
    assert_right(&model, &again, &second);
}

#[test]
fn runs_that_want_more_cells_than_there_are_all_finish() {
    // Two sequences of 256 cells; 16 runs of more than 70 tokens.
    let model = load_for(SMOLLM, 256, 2);
    let runs: Vec<_> = (0..16)
        .map(|i| {
            model
                .generate(endless(&model, words(60 + i, 20), 45))
                .unwrap()
        })
        .collect();
    for run in runs {
        assert_eq!(finish(run).tokens.len(), 45);
    }
}

#[test]
fn rows_between_two_runs_leave_their_sequences_as_they_were() {
    let model = load_for(SMOLLM, 2048, 4);
    // Each of four conversations has the sequence of its number.
    let first: Vec<_> = (0..4).map(|i| words(70 + i, 60)).collect();
    let runs: Vec<_> = first
        .iter()
        .map(|prompt| model.generate(endless(&model, prompt.clone(), 12)).unwrap())
        .collect();
    let first: Vec<String> = first
        .into_iter()
        .zip(runs.into_iter().map(finish))
        .map(|(prompt, answer)| format!("{prompt}{} And", answer.text))
        .collect();
    // The outer two go on, for long enough that gaps are filled; the inner two are not asked.
    let outer = [0, 3].map(|i| {
        model
            .generate(endless(&model, first[i].clone(), 120))
            .unwrap()
    });
    let outer = outer.map(finish);
    assert_right(&model, &first[0], &outer[0]);
    assert_right(&model, &first[3], &outer[1]);
    for prompt in &first[1..3] {
        let next = finish(model.generate(endless(&model, prompt.clone(), 40)).unwrap());
        let computed = next.summary.timings.prompt_computed;
        assert!(computed < 16, "{computed} tokens read again");
        assert_right(&model, prompt, &next);
    }
}
